"""ITU-T G.192 bitstream files, in which every bit takes a 16-bit word.

Each frame is a synchronisation word, the number of its bits, and one word per bit, all in the byte
order of the machine. Only the bits themselves are sent, so they are what is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codec_zoo.bitstream import BitstreamError

if TYPE_CHECKING:
    from collections.abc import Iterable

GOOD_FRAME = 0x6B21  # ITU-T G.192, annex B
ZERO = 0x007F
ONE = 0x0081


def unpack_g192(data: bytes) -> list[bytes]:
    """The frames of a G.192 file, eight bits to a byte, most significant bit first.

    A frame may be empty: it is how discontinuous transmission says that nothing is sent.

    Raises:
        BitstreamError: the file is damaged, or a frame is no whole number of bytes.
    """
    if len(data) % 2:
        raise BitstreamError(f"a G.192 file of {len(data)} bytes; 16-bit words expected.")
    words = np.frombuffer(data, dtype=np.uint16)
    frames: list[bytes] = []
    position = 0
    while position < len(words):
        if words[position] != GOOD_FRAME:
            raise BitstreamError(
                f"frame {len(frames)} of the G.192 file starts with 0x{words[position]:04x}; "
                f"0x{GOOD_FRAME:04x} expected."
            )
        n_bits = int(words[position + 1]) if position + 1 < len(words) else -1
        bits = words[position + 2 : position + 2 + max(n_bits, 0)]
        if len(bits) != n_bits:
            raise BitstreamError(f"frame {len(frames)} of the G.192 file is cut off.")
        if n_bits % 8 or not np.isin(bits, (ZERO, ONE)).all():
            raise BitstreamError(
                f"frame {len(frames)} of the G.192 file has {n_bits} words, which are no bits "
                "that fill whole bytes."
            )
        frames.append(np.packbits(bits == ONE).tobytes())
        position += 2 + n_bits
    return frames


def pack_g192(frames: Iterable[bytes]) -> bytes:
    """A G.192 file of frames; the inverse of :func:`unpack_g192`."""
    words = []
    for frame in frames:
        bits = np.unpackbits(np.frombuffer(frame, dtype=np.uint8))
        words += [np.array([GOOD_FRAME, len(bits)]), np.where(bits, ONE, ZERO)]
    return np.concatenate(words).astype(np.uint16).tobytes()
