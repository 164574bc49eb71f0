"""Copy synthesis without a network: Griffin and Lim's iteration, run by librosa.

The floor that a trained vocoder has to beat. It sends no bits and has no bitrate. Sample n goes in
and comes out as sample n; the magnitudes keep the level, and the phases are made up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.interface import CodecEntry, CodecInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples
    from codec_zoo.weights import WeightsFile

PAPER = (
    "Griffin, Lim: Signal Estimation from Modified Short-Time Fourier Transform, IEEE TASSP 32(2), "
    "1984; with the momentum of Perraudin, Balazs, Sondergaard: A Fast Griffin-Lim Algorithm, "
    "WASPAA 2013"
)
SAMPLE_RATE = 24_000
N_FFT = 1024
HOP = 256
N_MELS = 100
N_ITERATIONS = 60
MOMENTUM = 0.99
SEED = 0


class GriffinLim:
    """Magnitudes by non-negative least squares from mel bands, phases by iteration.

    The iteration seeks a waveform whose magnitudes are the given ones, from random phases of a
    fixed seed, so that a run repeats.
    """

    def __init__(self, info: CodecInfo) -> None:
        self.info = info

    def features(self, samples: Samples) -> NDArray[np.float32]:
        """Mel magnitudes ``[100, 1 + samples // 256]`` of audio ``(1, samples)``.

        Frames are centred on the hops; audio shorter than a window is completed with zeros.

        Raises:
            CodecError: the audio does not fit the vocoder.
        """
        import librosa
        import numpy as np

        from codec_zoo.adapters.boundary import check_samples

        check_samples(self.info, samples)
        bands: NDArray[np.float32] = librosa.feature.melspectrogram(
            y=np.pad(samples[0], (0, max(0, N_FFT - samples.shape[1]))),
            sr=SAMPLE_RATE,
            n_fft=N_FFT,
            hop_length=HOP,
            n_mels=N_MELS,
            power=1.0,
        )
        return bands

    def synthesise(self, features: NDArray[np.float32], n_samples: int) -> Samples:
        """Audio ``(1, n_samples)`` of what :meth:`features` returned.

        Raises:
            CodecError: the features are not those of so many samples.
        """
        import librosa
        import numpy as np

        from codec_zoo.adapters.boundary import check_features

        length = max(n_samples, N_FFT)
        check_features(self.info, features, (N_MELS, 1 + length // HOP))
        magnitudes = librosa.feature.inverse.mel_to_stft(
            features, sr=SAMPLE_RATE, n_fft=N_FFT, power=1.0
        )
        waveform = librosa.griffinlim(
            magnitudes,
            n_iter=N_ITERATIONS,
            hop_length=HOP,
            momentum=MOMENTUM,
            length=length,
            random_state=SEED,
        )
        return np.ascontiguousarray(waveform[None, :n_samples], dtype=np.float32)


def _build(weights: WeightsFile | None, device: str) -> GriffinLim:
    import librosa  # noqa: F401  # so that a missing library shows before the first item

    return GriffinLim(GRIFFIN_LIM.info)


GRIFFIN_LIM = CodecEntry(
    info=CodecInfo(
        name="griffin-lim",
        version="1",
        sample_rate=SAMPLE_RATE,
        bitrates=(),
        default_bitrates=(),
        licence="Apache-2.0",
        paper=PAPER,
        frame_size=HOP,
        kind="vocoder",
    ),
    build=_build,
    options={
        "mel bands": str(N_MELS),
        "iterations": str(N_ITERATIONS),
        "momentum": str(MOMENTUM),
        "seed": str(SEED),
    },
    requires="librosa",
)
