"""DAC at 16, 24 and 44.1 kHz (Kumar et al.: arXiv:2306.06546), run by transformers.

Bitrates are numbers of codebooks of 10 bits: 500 bit/s each at 16 kHz (50 frames per second),
750 bit/s at 24 kHz (75), 44 100 / 512 * 10 = 861.33 bit/s at 44.1 kHz, where a bitrate is that
product rounded to a whole number.

Lag and length. Audio is completed with zeros to whole frames, as the authors' program does. Every
strided convolution of the encoder and its counterpart in the decoder have fields with the same
centre, so the structure adds no lag at any rate: sample n comes out as sample n. The transposed
convolution of stride 5 returns one sample less than 5 per frame; behind it follow the strides 4
and 2, hence the output at 16 and 24 kHz ends 8 samples early. What is missing is completed with
zeros, at the end and nowhere else. At 44.1 kHz nothing is missing.

Memory. A minute at 44.1 kHz takes the decoder 6.8 GB at once and 2.2 GB in windows. Long audio is
run in windows that overlap by more than the field of a frame, which gives the result of one run up
to float32 rounding. Audio that fits one window is run at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.interface import Codebooks, CodecEntry, CodecInfo
from codec_zoo.weights import WeightsSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn
    from transformers import DacConfig, DacModel

    from codec_zoo.bitstream import Bitstream
    from codec_zoo.samples import Samples
    from codec_zoo.weights import WeightsFile

PAPER = (
    "Kumar, Seetharaman, Luebs, Kumar, Kumar: High-Fidelity Audio Compression with Improved "
    "RVQGAN, arXiv:2306.06546"
)
BITS_PER_CODE = 10
WINDOW = 1024  # frames whose result is kept; 12 to 20 s
MARGIN = 16  # frames on each side; the widest field, the decoder's, reaches 11
MUST_AGREE = ("sampling_rate", "downsampling_ratios", "n_codebooks", "codebook_size")


class DacCodec:
    """One of the three DAC models."""

    def __init__(self, info: CodecInfo, model: DacModel, device: str) -> None:
        """Describe the codec by ``info`` and run ``model``, which is on ``device``."""
        self.info = info
        self._model = model
        self._device = device

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Code audio ``(1, samples)``; 10 bits per frame and codebook.

        Raises:
            UnsupportedBitrateError: ``bitrate`` is not offered.
            CodecError: the audio does not fit the codec.
        """
        import torch

        from codec_zoo.adapters.boundary import check_samples
        from codec_zoo.adapters.codebook_frames import coded, frames_of
        from codec_zoo.inference import exact_inference, to_tensor
        from codec_zoo.windows import run_in_windows

        self.info.check_bitrate(bitrate)
        check_samples(self.info, samples)
        hop = self.info.frame_size
        n_frames = frames_of(samples.shape[1], hop)
        with exact_inference():
            waveform = to_tensor(samples, self._device)  # [1, 1, samples]
            waveform = torch.nn.functional.pad(waveform, (0, n_frames * hop - samples.shape[1]))
            latents = run_in_windows(
                self._model.encoder, waveform, n_frames, hop_in=hop, size=WINDOW, margin=MARGIN
            )  # [1, D, T]
            codes = self._model.quantizer(latents, self._n_codebooks(bitrate))[1]  # [1, K, T]
        return coded(self.info, samples, codes)

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio ``(1, n_samples)``.

        Raises:
            BitstreamError: the payload is damaged or not this codec's.
        """
        import torch

        from codec_zoo.adapters.codebook_frames import frames_of, received
        from codec_zoo.inference import exact_inference, to_samples
        from codec_zoo.windows import run_in_windows

        hop = self.info.frame_size
        n_frames = frames_of(bitstream.n_samples, hop)
        codes, _ = received(self.info, bitstream, n_frames, self._device)
        with exact_inference():
            latents = self._model.quantizer.from_codes(codes)[0]  # [1, D, T]
            waveform = run_in_windows(
                self._model.decoder, latents, n_frames, hop_out=hop, size=WINDOW, margin=MARGIN
            )  # [1, 1, samples]
            missing = max(bitstream.n_samples - waveform.shape[2], 0)
            waveform = torch.nn.functional.pad(waveform, (0, missing))
            return to_samples(waveform, bitstream.n_samples)

    def modules(self) -> Mapping[str, nn.Module]:
        """Encoder, quantizer and decoder."""
        model = self._model
        return {"encoder": model.encoder, "quantizer": model.quantizer, "decoder": model.decoder}

    def _n_codebooks(self, bitrate: int) -> int:
        return round(bitrate * self.info.frame_size / (self.info.sample_rate * BITS_PER_CODE))


def _build(
    info: CodecInfo, ratios: tuple[int, ...], weights: WeightsFile | None, device: str
) -> DacCodec:
    from transformers import DacModel

    from codec_zoo.keys.dac import model_state
    from codec_zoo.pretrained import build_model

    model = build_model(
        DacModel,
        _config(info, ratios),
        weights,
        device,
        must_agree=MUST_AGREE,
        from_official=model_state,
    )
    return DacCodec(info, model, device)


def _config(info: CodecInfo, ratios: tuple[int, ...]) -> DacConfig:
    from transformers import DacConfig

    if info.codebooks is None:
        raise TypeError(f"{info.name} does not describe its codebooks.")
    return DacConfig(
        sampling_rate=info.sample_rate,
        downsampling_ratios=list(ratios),
        n_codebooks=info.codebooks.count,
        codebook_size=info.codebooks.size,
    )


def _entry(
    name: str,
    sample_rate: int,
    ratios: tuple[int, ...],
    n_codebooks: int,
    *,
    default_codebooks: tuple[int, ...],
    model: str,
    size: int,
) -> CodecEntry:
    import math

    frame_size = math.prod(ratios)

    def bitrate(count: int) -> int:
        return round(count * BITS_PER_CODE * sample_rate / frame_size)

    info = CodecInfo(
        name=name,
        version="1",
        sample_rate=sample_rate,
        bitrates=tuple(bitrate(count) for count in range(1, n_codebooks + 1)),
        default_bitrates=tuple(bitrate(count) for count in default_codebooks),
        licence="MIT; run by transformers, Apache-2.0",
        paper=PAPER,
        frame_size=frame_size,
        codebooks=Codebooks(n_codebooks, 1 << BITS_PER_CODE),
        trained_by="Descript",
    )
    return CodecEntry(
        info=info,
        requires="codecbench[neural]",
        build=lambda weights, device: _build(info, ratios, weights, device),
        weights=WeightsSource(
            name=name,
            licence="MIT",
            size=size,
            hub=f"descript/dac_{model}",
            accepts=f"a folder of descript/dac_{model} (config.json, model.safetensors) "
            f"or the official weights_{model}.pth",
        ),
    )


DAC_24KHZ = _entry(
    "dac", 24_000, (2, 4, 5, 8), 32, default_codebooks=(4, 8, 16), model="24khz", size=299_000_000
)
DAC_16KHZ = _entry(
    "dac-16khz",
    16_000,
    (2, 4, 5, 8),
    12,
    default_codebooks=(3, 6, 12),
    model="16khz",
    size=297_000_000,
)
DAC_44KHZ = _entry(
    "dac-44khz",
    44_100,
    (2, 4, 8, 8),
    9,
    default_codebooks=(3, 6, 9),
    model="44khz",
    size=307_000_000,
)
