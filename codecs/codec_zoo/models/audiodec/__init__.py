"""AudioDec (Wu et al., 2023): a causal encoder with two kinds of decoders."""
