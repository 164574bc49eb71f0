"""A network with codes ``[1, K, T]`` in its middle, behind the interface of the harness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from codec_zoo.bitstream import Bitstream
    from codec_zoo.interface import CodecInfo
    from codec_zoo.samples import Samples


class CodeNetwork(Protocol):
    """What the adapter needs of a network, which is on its device and in evaluation mode."""

    @property
    def encoder(self) -> nn.Module:
        """Waveforms to latents."""
        ...

    @property
    def quantizer(self) -> nn.Module:
        """Latents to codes and back."""
        ...

    @property
    def decoder(self) -> nn.Module:
        """Latents to waveforms."""
        ...

    def encode(self, waveform: Tensor, n_codebooks: int) -> Tensor:
        """Codes ``[1, K, T]`` of a waveform ``[1, 1, T * hop]``."""
        ...

    def decode(self, codes: Tensor) -> Tensor:
        """Waveform ``[1, 1, T * hop]`` of codes ``[1, K, T]``."""
        ...


class NetworkCodec:
    """A mono codec whose bitrates are numbers of codebooks.

    Audio is completed with zeros to whole frames; what was added is cut off after decoding.
    """

    def __init__(self, info: CodecInfo, network: CodeNetwork, device: str) -> None:
        """Describe the codec by ``info`` and run ``network``, which is on ``device``."""
        self.info = info
        self._network = network
        self._device = device

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Code audio ``(1, samples)``.

        Raises:
            UnsupportedBitrateError: ``bitrate`` is not offered.
            CodecError: the audio does not fit the codec.
        """
        from torch.nn import functional

        from codec_zoo.adapters.boundary import check_samples
        from codec_zoo.adapters.codebook_frames import coded, frames_of
        from codec_zoo.inference import exact_inference, to_tensor

        self.info.check_bitrate(bitrate)
        check_samples(self.info, samples)
        n_samples, hop = samples.shape[1], self.info.frame_size
        with exact_inference():
            waveform = to_tensor(samples, self._device)  # [1, 1, samples]
            waveform = functional.pad(waveform, (0, frames_of(n_samples, hop) * hop - n_samples))
            codes = self._network.encode(waveform, codebooks_of(self.info, bitrate))
        return coded(self.info, samples, codes)

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio ``(1, n_samples)``.

        Raises:
            BitstreamError: the payload is damaged or not this codec's.
        """
        from codec_zoo.adapters.codebook_frames import frames_of, received
        from codec_zoo.bitstream import BitstreamError
        from codec_zoo.inference import exact_inference, to_samples

        n_frames = frames_of(bitstream.n_samples, self.info.frame_size)
        codes, _ = received(self.info, bitstream, n_frames, self._device)
        if bitrate_of(self.info, codes.shape[1]) not in self.info.bitrates:
            raise BitstreamError(
                f"the bitstream has {codes.shape[1]} codes per frame; {self.info.name} has no "
                f"bitrate with so many, it offers {self.info.offered_bitrates()} kbit/s."
            )
        with exact_inference():
            return to_samples(self._network.decode(codes), bitstream.n_samples)

    def modules(self) -> Mapping[str, nn.Module]:
        """Encoder, quantizer and decoder."""
        network = self._network
        return {
            "encoder": network.encoder,
            "quantizer": network.quantizer,
            "decoder": network.decoder,
        }


def bitrate_of(info: CodecInfo, n_codebooks: int) -> int:
    """Bitrate in bit/s of that many codes per frame, rounded to a whole number."""
    return round(n_codebooks * _bits_per_code(info) * info.sample_rate / info.frame_size)


def codebooks_of(info: CodecInfo, bitrate: int) -> int:
    """Codes per frame that an offered bitrate (bit/s) stands for."""
    return round(bitrate * info.frame_size / (info.sample_rate * _bits_per_code(info)))


def _bits_per_code(info: CodecInfo) -> int:
    if info.codebooks is None:
        raise TypeError(f"{info.name} does not describe its codebooks.")
    return (info.codebooks.size - 1).bit_length()
