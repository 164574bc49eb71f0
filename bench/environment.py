"""What a run ran on and with, for the record."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from bench.engines import available_cores

PACKAGES = (
    "codecbench",
    "av",
    "numpy",
    "onnxruntime",
    "pesq",
    "pystoi",
    "scipy",
    "soundfile",
    "soxr",
    "torch",
    "transformers",
    "visqol-python",
)


def describe() -> dict[str, object]:
    """Machine, interpreter, versions of the libraries that shape values, and the git state."""
    return {
        **describe_machine(),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "packages": versions(),
        "plugins": _plugins(),
        "git": _git_state(),
        "threads_per_worker": 1,
        "host": platform.node(),
        "pid": os.getpid(),
    }


def describe_machine() -> dict[str, object]:
    """What makes the speed of two machines comparable: architecture, processor, cores."""
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": available_cores(),
    }


def versions() -> dict[str, str | None]:
    """Versions of the libraries that shape values."""
    return {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _plugins() -> dict[str, str]:
    groups = {"codecbench.codecs", "codecbench.metrics"}
    return {
        distribution.name: distribution.version
        for distribution in distributions()
        if distribution.name != "codecbench"
        and any(point.group in groups for point in distribution.entry_points)
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return platform.processor()
    lines = path.read_text(errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")


def _git_state() -> str | None:
    """Commit of the checkout that this package runs from, ``+changes`` where files differ."""
    folder = Path(__file__).resolve().parents[1]
    if not (folder / ".git").exists():
        return None  # installed, perhaps inside a repository of somebody else's
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+changes"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
