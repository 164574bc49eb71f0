"""LaDiffCodec (Yang, Jang and Kim, 2024): latent diffusion that undoes a codec's quantization."""
