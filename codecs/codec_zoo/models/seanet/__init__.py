"""EnCodec and Mimi of the transformers library, run piece by piece."""
