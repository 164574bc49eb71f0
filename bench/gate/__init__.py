"""The gate: a run against a baseline, with a verdict for each thing that may get worse."""
