"""SoundStream: the network of the paper, of which no weights were ever published."""
