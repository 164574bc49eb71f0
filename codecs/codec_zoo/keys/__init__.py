"""Names of weights: from the official checkpoints of a codec to those of the model that runs here."""
