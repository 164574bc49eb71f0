"""Copy synthesis: vocoders that make a waveform from the mel spectrogram of a recording.

They send no bits, so they have no bitrate; beside a codec they show what the step from a
spectrogram to a waveform costs. Sample n goes in and comes out as sample n: frame t is centred on
the samples that it stands for. Magnitudes keep the level of the recording; what becomes of it is
the vocoder's doing and is measured as ``level_change``. Phases are not in the features: each
vocoder makes up its own, so that metrics of waveforms, such as SI-SDR, say nothing here.

The front ends are those of the official codes, as far as the weights depend on them. Recordings are
taken as they are; the official training scripts bring them to a peak of 0.95 first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from codec_zoo.interface import CodecEntry, CodecInfo
from codec_zoo.weights import RemoteFile, WeightsSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from codec_zoo.models.mel_spectrogram import LogMelSpectrogram, MelConfig
    from codec_zoo.samples import Samples
    from codec_zoo.weights import WeightsFile

    Design: TypeAlias = tuple[MelConfig, nn.Module]

HOP = 256
MIN_FRAMES = 4  # MelGAN mirrors three frames at each end
WINDOW = 512  # frames whose result is kept; about 6 s
MARGIN = 40  # frames on each side; the widest field, that of BigVGAN, reaches 33

# The commit fixes the content of the file.
MELGAN_REPOSITORY = (
    "https://raw.githubusercontent.com/descriptinc/melgan-neurips/"
    "6488045bfba1975602288de07a58570c7b4d66ea"
)
BIGVGAN_HUB = "https://huggingface.co/nvidia"
BIGVGAN_NAME = "bigvgan_generator.pt"
BIGVGAN_FILE = f"resolve/main/{BIGVGAN_NAME}"

HIFIGAN_PAPER = (
    "Kong, Kim, Bae: HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity "
    "Speech Synthesis, NeurIPS 2020, arXiv:2010.05646"
)
MELGAN_PAPER = (
    "Kumar et al.: MelGAN: Generative Adversarial Networks for Conditional Waveform Synthesis, "
    "NeurIPS 2019, arXiv:1910.06711"
)
BIGVGAN_PAPER = (
    "Lee, Ping, Ginsburg, Catanzaro, Yoon: BigVGAN: A Universal Neural Vocoder with Large-Scale "
    "Training, ICLR 2023, arXiv:2206.04658"
)


class NetworkVocoder:
    """A generator behind a mel front end."""

    def __init__(
        self,
        info: CodecInfo,
        front_end: LogMelSpectrogram,
        generator: nn.Module,
        device: str,
    ) -> None:
        """Describe the vocoder by ``info`` and run ``generator``, which is on ``device``."""
        self.info = info
        self._front_end = front_end
        self._generator = generator
        self._device = device

    def features(self, samples: Samples) -> NDArray[np.float32]:
        """Log mel magnitudes ``[bands, frames]`` of audio ``(1, samples)``.

        The audio is completed with zeros to whole frames, four at least.

        Raises:
            CodecError: the audio does not fit the vocoder.
        """
        from torch.nn import functional

        from codec_zoo.adapters.boundary import check_samples
        from codec_zoo.inference import exact_inference, to_tensor

        check_samples(self.info, samples)
        missing = HOP * _frames_of(samples.shape[1]) - samples.shape[1]
        with exact_inference():
            waveform = functional.pad(to_tensor(samples, self._device), (0, missing))
            bands: NDArray[np.float32] = self._front_end(waveform)[0].cpu().numpy()
        return bands

    def synthesise(self, features: NDArray[np.float32], n_samples: int) -> Samples:
        """Audio ``(1, n_samples)`` of what :meth:`features` returned.

        Raises:
            CodecError: the features are not those of so many samples.
        """
        import torch

        from codec_zoo.adapters.boundary import check_features
        from codec_zoo.inference import exact_inference, to_samples
        from codec_zoo.windows import run_in_windows

        config = self._front_end.config
        check_features(self.info, features, (config.n_mels, _frames_of(n_samples)))
        with exact_inference():
            bands = torch.tensor(features, device=self._device)[None]  # [1, bands, frames]
            waveform = run_in_windows(
                self._generator,
                bands,
                bands.shape[2],
                hop_out=HOP,
                size=WINDOW,
                margin=MARGIN,
            )
            return to_samples(waveform, n_samples)

    def modules(self) -> Mapping[str, nn.Module]:
        """The front end as ``encoder``, nothing as ``quantizer``, the generator as ``decoder``."""
        from torch import nn

        return {
            "encoder": self._front_end,
            "quantizer": nn.Identity(),
            "decoder": self._generator,
        }


def _hifigan() -> Design:
    from codec_zoo.models.hifigan.generator import Generator, GeneratorConfig
    from codec_zoo.models.mel_spectrogram import MelConfig

    return MelConfig(22_050, n_mels=80, highest=8_000), Generator(GeneratorConfig())


def _melgan() -> Design:
    from codec_zoo.models.mel_spectrogram import MelConfig
    from codec_zoo.models.melgan.generator import Generator

    bands = MelConfig(22_050, n_mels=80, highest=11_025, logarithm="decimal", power_offset=0.0)
    return bands, Generator(bands.n_mels)


def _bigvgan() -> Design:
    from codec_zoo.models.bigvgan.generator import LARGE, Generator
    from codec_zoo.models.mel_spectrogram import MelConfig

    return MelConfig(24_000, n_mels=LARGE.n_mels, highest=12_000), Generator(LARGE)


def _bigvgan_base() -> Design:
    from codec_zoo.models.bigvgan.generator import BASE, Generator
    from codec_zoo.models.mel_spectrogram import MelConfig

    return MelConfig(24_000, n_mels=BASE.n_mels, highest=12_000), Generator(BASE)


def _entry(
    design: Callable[[], Design],
    sample_rate: int,
    weights: WeightsSource,
    *,
    paper: str,
    trained_by: str,
) -> CodecEntry:
    info = CodecInfo(
        name=weights.name,
        version="1",
        sample_rate=sample_rate,
        bitrates=(),
        default_bitrates=(),
        licence="Apache-2.0",
        paper=paper,
        frame_size=HOP,
        kind="vocoder",
        trained_by=trained_by,
    )

    def build(found: WeightsFile | None, device: str) -> NetworkVocoder:
        from codec_zoo.checkpoints import load_state_dict
        from codec_zoo.loading import load_weights, untrained
        from codec_zoo.models.mel_spectrogram import LogMelSpectrogram

        (bands, generator) = untrained(design)
        if found is not None:
            load_weights(generator, load_state_dict(found.path), found.path)
        front_end = LogMelSpectrogram(bands).to(device)
        return NetworkVocoder(info, front_end, generator.to(device).eval(), device)

    return CodecEntry(info=info, build=build, weights=weights, requires="codecbench[neural]")


HIFIGAN = _entry(
    _hifigan,
    22_050,
    WeightsSource(
        name="hifigan",
        licence="MIT",
        size=56_000_000,
        page="https://drive.google.com/drive/folders/1-eEYTB5Av9jNql0WGBlRoi-WH2J7bp5Y",
        accepts="an official V1 generator (g_02500000 of UNIVERSAL_V1, or that of LJ_V1, VCTK_V1 "
        "or LJ_FT_T2_V1)",
    ),
    paper=HIFIGAN_PAPER,
    trained_by="Kong et al.",
)
MELGAN = _entry(
    _melgan,
    22_050,
    WeightsSource(
        name="melgan",
        licence="MIT",
        size=17_000_000,
        files=(RemoteFile(f"{MELGAN_REPOSITORY}/models/multi_speaker.pt", "multi_speaker.pt"),),
        accepts="the official multi_speaker.pt or linda_johnson.pt",
    ),
    paper=MELGAN_PAPER,
    trained_by="Kumar et al.",
)
BIGVGAN = _entry(
    _bigvgan,
    24_000,
    WeightsSource(
        name="bigvgan",
        licence="MIT",
        size=450_000_000,
        files=(RemoteFile(f"{BIGVGAN_HUB}/bigvgan_24khz_100band/{BIGVGAN_FILE}", BIGVGAN_NAME),),
        accepts="the official bigvgan_generator.pt (g_05000000) of bigvgan_24khz_100band",
    ),
    paper=BIGVGAN_PAPER,
    trained_by="NVIDIA",
)
BIGVGAN_BASE = _entry(
    _bigvgan_base,
    24_000,
    WeightsSource(
        name="bigvgan-base",
        licence="MIT",
        size=56_000_000,
        files=(
            RemoteFile(f"{BIGVGAN_HUB}/bigvgan_base_24khz_100band/{BIGVGAN_FILE}", BIGVGAN_NAME),
        ),
        accepts="the official bigvgan_generator.pt (g_05000000) of bigvgan_base_24khz_100band",
    ),
    paper=BIGVGAN_PAPER,
    trained_by="NVIDIA",
)


def _frames_of(n_samples: int) -> int:
    return max(MIN_FRAMES, -(-n_samples // HOP))
