"""Training of HILCodec: data, losses, trainer, export."""
