"""Reading the configuration of a training run."""

from __future__ import annotations

from pathlib import Path

import pytest

import reference_training
from reference_training.config import ConfigError, read_config
from reference_training.families import FAMILIES

VALID = """
output = "run"
[model]
encoder_channels = 8
[data]
folder = "audio"
cache = "cache"
gain_db = [-3, 3]
[[data.sources]]
name = "voices"
files = "*.wav"
kind = "speech"
probability = 1.0
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(text)
    return path


def test_sections_are_read_and_paths_start_from_the_file(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, VALID))
    assert config.model.encoder_channels == 8
    assert config.model.exact_spectrum
    assert config.data.gain_db == (-3, 3)
    assert config.data.sources[0].name == "voices"
    assert config.output == tmp_path / "run"
    assert config.data.folder == tmp_path / "audio"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("encoder_channels", "widths", "model does not know widths"),
        ("gain_db", "gain", "data does not know gain"),
        ('kind = "speech"', "", "data.sources.*kind"),
        ('output = "run"', "", "lacks output"),
        ('folder = "audio"', "", "lacks data.folder"),
        ('cache = "cache"', "segment = 1000\ncache='c'", "1000 samples; a multiple of.*320"),
        ("[model]", "[quantizer]\ndropout = [2, 16]\n[model]", "up to 16 codebooks.*has 12"),
        ("[model]", "[model", "cannot be read"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_config(written(tmp_path, VALID.replace(old, new)))


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml cannot be read"):
        read_config(tmp_path / "absent.toml")


PRESETS = sorted(Path(reference_training.__file__).parent.glob("presets/*.toml"))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_every_preset_is_readable(preset: Path) -> None:
    config = read_config(preset)
    assert config.data.sources
    assert config.licence
    assert set(config.adversarial.families) <= set(FAMILIES)


def test_presets_cover_the_paper_and_the_shipped_weights() -> None:
    assert {"paper_music", "libritts_speech", "cpu_24_32"} <= {path.stem for path in PRESETS}
