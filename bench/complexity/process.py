"""The measurement of one codec in a process of its own, so that its memory is its own too.

``python -m bench.complexity.process CODEC`` prints one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

from bench.engines import THREAD_VARIABLES
from codec_zoo.interface import CodecEntry, CodecError, NeuralCodec
from codec_zoo.registry import codec_entry
from codec_zoo.weights import find_weights

STATUS = Path("/proc/self/status")  # Linux; its VmHWM begins anew when a program starts


def measure_in_process(codec: str) -> dict[str, Any]:  # see Complexity.row
    """The row of ``codec``, with its peak memory, measured by another process on one thread.

    Raises:
        CodecError: it could not be measured; the message says why.
    """
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, "1")
    ended = subprocess.run(
        [sys.executable, "-m", "bench.complexity.process", codec],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"]
        raise CodecError(f"{codec} cannot be measured: {lines[-1]}")
    return cast("dict[str, Any]", json.loads(ended.stdout))


def row_of(codec: str) -> dict[str, Any]:  # see Complexity.row
    """The row of ``codec`` at its full size, untrained, measured in this process.

    Raises:
        CodecError: it is not made of torch modules, or a library is missing.
        UncountedOperatorError: it computes something whose MACs are not known.
    """
    entry = codec_entry(codec)
    try:
        built = entry.build(None, "cpu")
    except ImportError as error:
        raise CodecError(f"{error.name} is missing: pip install '{entry.requires}'") from error
    if not isinstance(built, NeuralCodec):
        raise CodecError(
            "it is not made of torch modules, so it has no parameters and MACs to count."
        )
    from bench.complexity.measurement import measure, second_of_noise
    from bench.complexity.published import published_costs

    published = published_costs().get(codec)
    bitrate = published.bitrate if published else max(entry.info.default_bitrates)
    before = _peak_memory()
    built.decode(built.encode(second_of_noise(built), bitrate))
    memory = {"built_bytes": before, "peak_bytes": _peak_memory()}
    row = measure(built, bitrate, published=published).row(published)
    return row | {"weights_bytes": _size_of_weights(entry), "memory": memory}


def _peak_memory() -> int | None:
    """Largest resident size of this process so far, in bytes; none where nobody tells."""
    if not STATUS.is_file():
        return None
    lines = STATUS.read_text().splitlines()
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), None)


def _size_of_weights(entry: CodecEntry) -> int | None:
    found = find_weights(entry.weights) if entry.weights else None
    if found is None:
        return None
    files = found[0].rglob("*") if found[0].is_dir() else [found[0]]
    return sum(path.stat().st_size for path in files if path.is_file())


def main(codec: str) -> None:
    """Print the row of ``codec``, or end with the reason why there is none."""
    from bench.complexity.counter import UncountedOperatorError

    try:
        row = row_of(codec)
    except (CodecError, UncountedOperatorError) as error:
        sys.exit(str(error))
    print(json.dumps(row))  # noqa: T201  what the calling process reads


if __name__ == "__main__":
    main(sys.argv[1])
