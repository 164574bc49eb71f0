"""AudioDec: encoder, quantizer and one of its decoders."""

from __future__ import annotations

from torch import Tensor, nn

from codec_zoo.models.audiodec.autoencoder import HOP, Encoder, SymmetricDecoder
from codec_zoo.models.audiodec.quantizer import N_CODEBOOKS, ResidualQuantizer
from codec_zoo.models.audiodec.vocoder import Vocoder, VocoderConfig
from codec_zoo.windows import run_in_windows

WINDOW = 512  # frames whose result is kept; 3 to 6 s
MARGIN = 48  # frames on each side; the widest field, that of the vocoders, reaches back 38


class AudioDec(nn.Module):
    """Wu, Gebru, Markovic and Richard, "AudioDec", ICASSP 2023; the 24 and the 48 kHz network.

    Args:
        vocoder: which vocoder decodes; none for the symmetric decoder.
    """

    def __init__(self, vocoder: VocoderConfig | None) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.quantizer = ResidualQuantizer()
        self.decoder = SymmetricDecoder() if vocoder is None else Vocoder(vocoder)

    def encode(self, waveform: Tensor, n_codebooks: int) -> Tensor:
        """Codes ``[1, K, T]`` of a waveform ``[1, 1, T * HOP]``, all ``n_codebooks`` of them."""
        if n_codebooks != N_CODEBOOKS:
            raise ValueError(f"{n_codebooks} codes per frame asked; {N_CODEBOOKS} exist.")
        latents = run_in_windows(
            self.encoder,
            waveform,
            waveform.shape[2] // HOP,
            hop_in=HOP,
            size=WINDOW,
            margin=MARGIN,
        )
        return self.quantizer.encode(latents)

    def decode(self, codes: Tensor) -> Tensor:
        """Waveform ``[1, 1, T * HOP]`` of codes ``[1, K, T]``."""
        return run_in_windows(
            self.decoder,
            self.quantizer.decode(codes),
            codes.shape[2],
            hop_out=HOP,
            size=WINDOW,
            margin=MARGIN,
        )
