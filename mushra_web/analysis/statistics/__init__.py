"""Statistics of listening tests, each a pure function of arrays."""
