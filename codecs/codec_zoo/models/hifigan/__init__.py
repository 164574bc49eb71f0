"""HiFi-GAN: the generator of waveforms from mel spectrograms, also the decoder of HiFi-Codec."""
