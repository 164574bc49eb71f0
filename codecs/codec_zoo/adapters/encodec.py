"""EnCodec at 24 and 48 kHz (Defossez, Copet, Synnaeve, Adi: arXiv:2210.13438), run by transformers.

Bitrates are numbers of codebooks: codes of a residual quantizer with K codebooks are the first K
rows of the codes with more, so each K is a bitrate of its own. The library refuses those for which
the model was not trained, such as 9 kbit/s of the 24 kHz model, although published comparisons use
them; here the 24 kHz model offers every K from 2. It was trained at 1.5, 3, 6, 12 and 24 kbit/s.

The 48 kHz model codes chunks of one second that overlap by 1 %, each divided by its level, and
crossfades them. The level is sent as a 32-bit float per chunk, after the codes; with the overlap
the payload is about 2 % above the nominal 3 kbit/s.

Neither model delays: sample n goes in and comes out as sample n. The 24 kHz model is causal and
streams, see :mod:`codec_zoo.adapters.encodec_streams`; the other one is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.interface import Codebooks, CodecEntry, CodecInfo
from codec_zoo.weights import WeightsSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn
    from transformers import EncodecConfig, EncodecModel

    from codec_zoo.bitstream import Bitstream
    from codec_zoo.interface import Codec
    from codec_zoo.samples import Samples
    from codec_zoo.weights import WeightsFile

PAPER = "Defossez, Copet, Synnaeve, Adi: High Fidelity Neural Audio Compression, arXiv:2210.13438"
FRAME_SIZE = 320
LEVEL_FLOOR = 1e-8  # added to a chunk's level, so that silence can be divided by it
LEVEL_TYPE = "<f4"
MUST_AGREE = (
    "sampling_rate",
    "audio_channels",
    "upsampling_ratios",
    "codebook_size",
    "num_quantizers",
    "normalize",
    "chunk_length",
    "chunk_stride",
)


class EncodecCodec:
    """One of the two EnCodec models."""

    def __init__(self, info: CodecInfo, model: EncodecModel, device: str) -> None:
        """Describe the codec by ``info`` and run ``model``, which is on ``device``."""
        self.info = info
        self._model = model
        self._device = device

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Code audio ``(channels, samples)``; 10 bits per frame and codebook.

        Raises:
            UnsupportedBitrateError: ``bitrate`` is not offered.
            CodecError: the audio does not fit the codec.
        """
        import numpy as np
        import torch

        from codec_zoo.adapters.boundary import check_samples
        from codec_zoo.adapters.codebook_frames import coded
        from codec_zoo.inference import exact_inference, to_tensor

        self.info.check_bitrate(bitrate)
        check_samples(self.info, samples)
        with exact_inference():
            waveform = to_tensor(samples, self._device)  # [1, C, T]
            chunks = [
                self._encode_chunk(waveform[..., start:stop], bitrate)
                for start, stop in self._chunks(samples.shape[1])
            ]
        levels = np.array([level for _, level in chunks if level is not None], dtype=LEVEL_TYPE)
        codes = torch.cat([codes for codes, _ in chunks], dim=2)  # [1, K, T]
        return coded(self.info, samples, codes, side=levels.tobytes())

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio ``(channels, n_samples)``.

        Raises:
            BitstreamError: the payload is damaged or not this codec's.
        """
        import torch

        from codec_zoo.adapters.boundary import check_bitstream
        from codec_zoo.adapters.codebook_frames import frames_of, received
        from codec_zoo.inference import exact_inference, to_samples

        check_bitstream(self.info, bitstream)
        chunks = self._chunks(bitstream.n_samples)
        sizes = [frames_of(stop - start, FRAME_SIZE) for start, stop in chunks]
        codes, side = received(
            self.info,
            bitstream,
            sum(sizes),
            self._device,
            n_side_bytes=4 * len(chunks) if self._model.config.normalize else 0,
        )
        levels = _levels(side) or [1.0] * len(chunks)
        with exact_inference():
            decoded = [
                self._decode_chunk(part) * level
                for part, level in zip(torch.split(codes, sizes, dim=2), levels, strict=True)
            ]
            waveform = crossfaded(decoded, [start for start, _ in chunks])
            return to_samples(waveform, bitstream.n_samples)

    def modules(self) -> Mapping[str, nn.Module]:
        """Encoder, quantizer and decoder."""
        model = self._model
        return {"encoder": model.encoder, "quantizer": model.quantizer, "decoder": model.decoder}

    def _chunks(self, n_samples: int) -> list[tuple[int, int]]:
        config = self._model.config
        length, stride = config.chunk_length or n_samples, config.chunk_stride or n_samples
        return [(start, min(start + length, n_samples)) for start in range(0, n_samples, stride)]

    def _encode_chunk(self, waveform: Tensor, bitrate: int) -> tuple[Tensor, float | None]:
        level = None
        if self._model.config.normalize:
            level = waveform.mean(dim=1).square().mean().sqrt() + LEVEL_FLOOR
            waveform = waveform / level
        latents = self._model.encoder(waveform)  # [1, D, T]
        # The quantizer turns kbit/s into a number of codebooks, whichever it is.
        codes = self._model.quantizer.encode(latents, bitrate / 1000).transpose(0, 1)  # [1, K, T]
        return codes, None if level is None else level.item()

    def _decode_chunk(self, codes: Tensor) -> Tensor:
        latents = self._model.quantizer.decode(codes.transpose(0, 1))  # [1, D, T]
        waveform: Tensor = self._model.decoder(latents)
        return waveform


def crossfaded(chunks: Sequence[Tensor], starts: Sequence[int]) -> Tensor:
    """Chunks ``[1, C, T]`` put at their starts, faded linearly into each other where they overlap.

    Each is weighted by a triangle as long as the first one; the sum is divided by the weights' sum.
    """
    import torch

    if len(chunks) == 1:
        return chunks[0]
    length = chunks[0].shape[2]
    ramp = torch.arange(1, length + 1, device=chunks[0].device, dtype=chunks[0].dtype)
    triangle = torch.minimum(ramp, length + 1 - ramp)
    total = chunks[0].new_zeros(*chunks[0].shape[:2], starts[-1] + chunks[-1].shape[2])
    weights = total.new_zeros(total.shape[2])
    for chunk, start in zip(chunks, starts, strict=True):
        stop = start + chunk.shape[2]
        total[..., start:stop] += triangle[: chunk.shape[2]] * chunk
        weights[start:stop] += triangle[: chunk.shape[2]]
    return total / weights


def _levels(side: bytes) -> list[float]:
    import numpy as np

    from codec_zoo.bitstream import BitstreamError

    levels = np.frombuffer(side, dtype=LEVEL_TYPE)
    if not (np.isfinite(levels) & (levels > 0)).all():
        raise BitstreamError("a chunk's level is not a positive number; the payload is damaged.")
    return [float(level) for level in levels]


def _model(config: EncodecConfig, weights: WeightsFile | None, device: str) -> EncodecModel:
    from transformers import EncodecModel

    from codec_zoo.keys.encodec import model_state
    from codec_zoo.pretrained import build_model

    return build_model(
        EncodecModel, config, weights, device, must_agree=MUST_AGREE, from_official=model_state
    )


def _build_24khz(weights: WeightsFile | None, device: str) -> Codec:
    from transformers import EncodecConfig

    from codec_zoo.adapters.encodec_streams import StreamingEncodec

    model = _model(EncodecConfig(), weights, device)
    return StreamingEncodec(ENCODEC_24KHZ.info, model, device)


def _build_48khz(weights: WeightsFile | None, device: str) -> Codec:
    from transformers import EncodecConfig

    config = EncodecConfig(
        sampling_rate=48_000,
        audio_channels=2,
        target_bandwidths=[3.0, 6.0, 12.0, 24.0],
        use_causal_conv=False,
        norm_type="time_group_norm",
        normalize=True,
        chunk_length_s=1.0,
        overlap=0.01,
    )
    return EncodecCodec(ENCODEC_48KHZ.info, _model(config, weights, device), device)


def _weights(name: str, hub: str, official: str, size: int) -> WeightsSource:
    return WeightsSource(
        name=name,
        licence="not stated by the publisher (code: MIT)",
        size=size,
        hub=hub,
        accepts=f"a folder of {hub} (config.json, model.safetensors) or the official {official}",
    )


ENCODEC_24KHZ = CodecEntry(
    info=CodecInfo(
        name="encodec",
        version="1",
        sample_rate=24_000,
        bitrates=tuple(range(1_500, 24_001, 750)),  # 75 frames per second of 10 bits per codebook
        default_bitrates=(3_000, 6_000, 12_000),
        licence="MIT; run by transformers, Apache-2.0",
        paper=PAPER,
        frame_size=FRAME_SIZE,
        codebooks=Codebooks(32, 1024),
        streamable=True,
        trained_by="Meta AI",
    ),
    requires="codecbench[neural]",
    build=_build_24khz,
    weights=_weights("encodec", "facebook/encodec_24khz", "encodec_24khz-*.th", 93_000_000),
)

ENCODEC_48KHZ = CodecEntry(
    info=CodecInfo(
        name="encodec-48khz",
        version="1",
        sample_rate=48_000,
        bitrates=(3_000, 6_000, 12_000, 24_000),  # both channels together
        default_bitrates=(3_000, 6_000, 12_000),
        licence="MIT; run by transformers, Apache-2.0",
        paper=PAPER,
        channels=(2,),
        frame_size=FRAME_SIZE,
        codebooks=Codebooks(16, 1024),
        trained_by="Meta AI",
    ),
    requires="codecbench[neural]",
    build=_build_48khz,
    weights=_weights("encodec-48khz", "facebook/encodec_48khz", "encodec_48khz-*.th", 76_000_000),
)
