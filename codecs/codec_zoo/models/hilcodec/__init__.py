"""HILCodec (Ahn, Woo, Kim and Kim, 2024): encoder, residual quantizer and decoder."""
