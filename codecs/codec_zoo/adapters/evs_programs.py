"""The programs ``EVS_cod`` and ``EVS_dec`` of 3GPP, and where they are found."""

from __future__ import annotations

import os
from pathlib import Path

from codec_zoo.adapters.programs import find_program

ENCODER = "EVS_cod"
DECODER = "EVS_dec"
VARIABLE_BITRATE = 5_900  # bit/s, on average
INSTRUCTIONS = (
    "Download the C code of 3GPP TS 26.443 (floating point) or TS 26.442 (fixed point) from "
    "www.3gpp.org, run `make` in its folder c-code, and set CODECBENCH_EVS to that folder."
)


def find_evs_program(name: str) -> Path:
    """Path of ``EVS_cod`` or ``EVS_dec``.

    Raises:
        ProgramNotFoundError: it is not there; the message says how to get and build it.
    """
    folder = os.environ.get("CODECBENCH_EVS")
    return find_program(name, Path(folder).expanduser() if folder else None, INSTRUCTIONS)
