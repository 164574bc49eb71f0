"""Audio codecs under one interface: their adapters, model definitions, bitstreams and weights."""
