"""MelGAN: a generator of waveforms from mel spectrograms."""
