"""The harness: corpus, runner, store, metrics and statistics of a codec benchmark."""
