"""BigVGAN: a generator of waveforms from mel spectrograms with periodic activations."""
