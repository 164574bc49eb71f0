"""Standard MIDI files from notes written down in Python."""

from __future__ import annotations

import struct
from dataclasses import dataclass

TICKS_PER_BEAT = 480
PERCUSSION_CHANNEL = 9  # General MIDI channel 10, counted from zero


@dataclass(frozen=True, slots=True)
class Note:
    """One note; ``start`` and ``length`` in beats, ``pitch`` and ``velocity`` in MIDI units."""

    start: float
    length: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Part:
    """The notes of one instrument.

    Attributes:
        channel: MIDI channel, counted from zero.
        program: General MIDI instrument, counted from zero; ignored for percussion.
        pan: 0 left, 64 centre, 127 right.
        notes: the notes, in any order.
    """

    channel: int
    program: int
    pan: int
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """A piece: its tempo in beats per minute, its length with the last tail in beats, its parts."""

    tempo: float
    length: float
    parts: tuple[Part, ...]


def midi_file(score: Score) -> bytes:
    """A format 0 file (Standard MIDI Files 1.0, MIDI Manufacturers Association, 1996).

    The end of the track lies at the score's length, so that the last notes can ring.

    Raises:
        ValueError: a note ends after the score, or a value does not fit into seven bits.
    """
    events = sorted(event for part in score.parts for event in _events(part, score.length))
    microseconds = round(60e6 / score.tempo)
    track = b"\x00\xff\x51\x03" + microseconds.to_bytes(3, "big")
    now = 0
    for tick, _, message in events:
        track += variable_length(tick - now) + message
        now = tick
    track += variable_length(_ticks(score.length) - now) + b"\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS_PER_BEAT)
    return header + b"MTrk" + struct.pack(">I", len(track)) + track


def variable_length(number: int) -> bytes:
    """A variable-length quantity: seven bits a byte, the top bit set on all but the last.

    >>> variable_length(0x40).hex(), variable_length(0x2000).hex()
    ('40', 'c000')
    """
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(0x80 | number & 0x7F)
    return bytes(reversed(groups))


def _events(part: Part, end: float) -> list[tuple[int, int, bytes]]:
    # The second entry orders events of one tick: set up, release, strike. A note that is struck
    # again at the moment it ends would otherwise be silenced.
    events = [
        (0, 0, _message(0xB0, part.channel, 10, part.pan)),
        (0, 0, _message(0xC0, part.channel, part.program)),
    ]
    for note in part.notes:
        if note.start < 0 or note.start + note.length > end:
            raise ValueError(
                f"{note} lies outside the score of {end:g} beats; move it or lengthen the score."
            )
        strike, release = _ticks(note.start), _ticks(note.start + note.length)
        events.append((strike, 2, _message(0x90, part.channel, note.pitch, note.velocity)))
        events.append((release, 1, _message(0x80, part.channel, note.pitch, 0)))
    return events


def _message(status: int, channel: int, *values: int) -> bytes:
    if not 0 <= channel < 16 or any(not 0 <= value < 128 for value in values):
        raise ValueError(f"channel {channel} with {values}: 0 to 15 and 0 to 127 expected.")
    return bytes([status | channel, *values])


def _ticks(beats: float) -> int:
    return round(beats * TICKS_PER_BEAT)
