"""Sets of metrics under one name: those of a paper's tables, a fast one, and all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.metrics.spec import metric_specs

FULL = "full"


@dataclass(frozen=True, slots=True)
class Preset:
    """A set of metrics.

    Attributes:
        metrics: their names.
        source: whose set it is.
        note: what else the source does that a metric cannot say.
    """

    metrics: tuple[str, ...]
    source: str
    note: str = ""


PRESETS = {
    "paper:hilcodec": Preset(
        ("visqol_audio",),
        "Ahn et al. (2024), HILCodec, table of objective scores",
        "means per category: bench show --by-category",
    ),
    "paper:audiodec": Preset(
        (
            "f0_rmse_world24",
            "uv_error_world24",
            "mcd_world24",
            "lsd",
            "dnsmos_sig_raw",
        ),
        "Wu et al. (2023), AudioDec, table of objective scores",
        "speech only; the paper names WORLD and no settings",
    ),
    "paper:dac": Preset(
        (
            "visqol_audio",
            "mel_l1",
            "mel_dac",
            "stft_dac",
            "waveform_l1",
            "si_sdr_dac",
            "snr",
            "mse",
            "mfcc13",
        ),
        "Kumar et al. (2023), DAC, and reports on its codes",
        "use of the codebooks: bench codebooks",
    ),
    "paper:ladiffcodec": Preset(
        ("pesq_wb",),
        "Yang et al. (2024), LaDiffCodec",
        "the paper takes 50 random items: bench run --sample 50 --seed 0",
    ),
    "fast": Preset(("pesq_wb", "stoi", "si_sdr", "mel_dac", "lsd"), "codecbench"),
}


def expand(names: Iterable[str]) -> tuple[str, ...]:
    """Names of metrics, with presets replaced by their metrics and without repetitions.

    ``full`` stands for every metric that is installed, those of other packages included, except
    for those that listen with a model where no package offers one. A name that is no preset is kept
    as it is.

    >>> expand(["paper:ladiffcodec", "lsd", "pesq_wb"])
    ('pesq_wb', 'lsd')
    """
    expanded: dict[str, None] = {}
    for name in names:
        if name == FULL:
            expanded |= dict.fromkeys(
                name for name, spec in metric_specs().items() if spec.has_models()
            )
        else:
            preset = PRESETS.get(name)
            expanded |= dict.fromkeys(preset.metrics if preset else (name,))
    return tuple(expanded)
