"""Names of weights: those in official checkpoints and those of the models that run here."""
