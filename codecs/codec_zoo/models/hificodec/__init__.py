"""HiFi-Codec (Yang et al., 2023): HiFi-GAN in both directions around a group quantizer."""
