"""The README's examples run as they are printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile

if TYPE_CHECKING:
    from codec_zoo.samples import Samples

README = Path(__file__).resolve().parents[1] / "README.md"
ENTRY_POINTS = """
[codecbench.codecs]
eight-bit = my_codec:ENTRY
[codecbench.metrics]
peak_error = my_metric:ENTRY
"""


def printed(first_line: str) -> str:
    """The indented block of the README that begins with a line, without the indent."""
    lines = README.read_text(encoding="utf-8").splitlines()
    start = lines.index(f"    {first_line}")
    block = []
    for line in lines[start:]:
        if (line and not line.startswith("    ")) or line == "    # pyproject.toml":
            break
        block.append(line)
    return textwrap.dedent("\n".join(block)) + "\n"


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A package installed beside the project that holds the README's codec and metric."""
    folder = tmp_path / "site"
    info = folder / "example-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: example\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    for name in ("my_codec.py", "my_metric.py"):
        (folder / name).write_text(printed(f"# {name}"))
    return folder


def test_the_codec_and_the_metric_of_the_readme_run(
    plugin: Path, tmp_path: Path, speech: Samples
) -> None:
    soundfile.write(tmp_path / "speech.wav", speech.T, 16_000)
    command = [
        sys.executable, "-c", "from bench.cli import main; main()", "run",
        "--codecs", "eight-bit", "--metrics", "peak_error", "--corpus", "speech.wav",
        "--engine", "inline", "--out", "run", "--format", "json",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(plugin)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    means = {row["metric"]: row["mean"] for row in json.loads(done.stdout)}
    assert means["bitrate"] == pytest.approx(64_000)
    assert 0 < means["peak_error"] < 1


@pytest.mark.parametrize(("name", "most"), [("my_codec.py", 20), ("my_metric.py", 10)])
def test_the_examples_stay_short(name: str, most: int) -> None:
    assert len([line for line in printed(f"# {name}").splitlines() if line]) <= most
