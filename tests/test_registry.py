"""Codecs by name, with codecs of other people's packages among them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from codec_zoo.interface import CodecError
from codec_zoo.registry import GROUP, codec_entries, codec_entry

PLUGIN = '''
"""A codec that sends 16-bit samples as they are."""

import numpy as np
from codec_zoo.bitstream import Bitstream
from codec_zoo.interface import CodecEntry, CodecInfo

INFO = CodecInfo(
    name="plain16", version="1", sample_rate=8000, bitrates=(128000,), default_bitrates=(128000,),
    licence="MIT",
)


class Plain:
    info = INFO

    def encode(self, samples, bitrate):
        payload = np.rint(samples[0] * 32767).astype("<i2").tobytes()
        return Bitstream(payload=payload, n_samples=samples.shape[1], sample_rate=8000)

    def decode(self, bitstream):
        return (np.frombuffer(bitstream.payload, "<i2") / np.float32(32767))[np.newaxis]


ENTRY = CodecEntry(info=INFO, build=lambda weights, device: Plain())
'''
PROJECT = f"""
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "plain16-codec"
version = "1"

[project.entry-points."{GROUP}"]
plain16 = "plain16_codec:ENTRY"
"""
USE = """
import numpy as np
from codec_zoo.registry import codec_entries, codec_entry
codec = codec_entry("plain16").build(None, "cpu")
samples = np.array([[0.5, -0.25]], dtype=np.float32)
decoded = codec.decode(codec.encode(samples, 128000))
assert decoded.shape == (1, 2) and abs(decoded - samples).max() < 1e-4
assert {"plain16", "pcm"} <= set(codec_entries())
print("decoded")
"""


def install_fake(folder: Path, name: str, target: str, module: str = "") -> None:
    """What pip leaves behind of a package that offers one codec."""
    metadata = folder / f"{name}-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {target}\n")
    if module:
        (folder / f"{target.partition(':')[0]}.py").write_text(module)


def test_an_unknown_codec_lists_the_known_ones() -> None:
    with pytest.raises(LookupError, match=r"unknown codec 'opsu'; known: aac, .*opus.*pcm"):
        codec_entry("opsu")


def test_classic_codecs_are_registered_under_their_own_names() -> None:
    for name in ("pcm", "opus", "mp3", "aac", "amr-nb", "evs"):
        assert codec_entry(name).info.name == name


def test_a_plugin_that_pip_installed_is_found_and_codes(tmp_path: Path) -> None:
    project, target = tmp_path / "project", tmp_path / "installed"
    (project / "plain16_codec").mkdir(parents=True)
    (project / "plain16_codec" / "__init__.py").write_text(PLUGIN)
    (project / "pyproject.toml").write_text(PROJECT)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    options = ["--no-index", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*pip, *options, str(project)], check=True, capture_output=True)
    result = subprocess.run(
        [sys.executable, "-c", USE],
        env=os.environ | {"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "decoded\n", result.stderr


@pytest.mark.parametrize(
    ("name", "target", "module", "message"),
    [
        ("gone", "module_that_is_gone:ENTRY", "", "cannot be loaded: No module named"),
        ("raising", "raising_codec:ENTRY", "raise RuntimeError('no GPU')", "no GPU"),
        ("number", "number_codec:ENTRY", "ENTRY = 3", "is a int; a .*CodecEntry expected"),
        (
            "misnamed",
            "misnamed_codec:ENTRY",
            "from codec_zoo.adapters.pcm import PCM as ENTRY",
            "its description calls it 'pcm'",
        ),
    ],
)
def test_a_broken_plugin_does_not_take_the_others_down(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    target: str,
    module: str,
    message: str,
) -> None:
    install_fake(tmp_path, name, target, module)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CodecError, match=message):
        codec_entry(name)
    with caplog.at_level(logging.WARNING, logger="codec_zoo.registry"):
        entries = codec_entries()
    assert name not in entries
    assert {"pcm", "opus", "evs"} <= set(entries)
    assert f"codec {name!r}" in caplog.text


def test_codecs_are_listed_by_name() -> None:
    names = list(codec_entries())
    assert names == sorted(names)
