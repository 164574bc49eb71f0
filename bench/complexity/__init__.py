"""What a codec costs: parameters, MACs, latency and memory, beside published figures."""
