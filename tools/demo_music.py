"""The two pieces of the demo corpus, composed for it."""

from __future__ import annotations

from midi_file import PERCUSSION_CHANNEL, Note, Part, Score

KICK, SIDE_STICK, CLOSED_HAT, OPEN_HAT, CABASA = 36, 37, 42, 46, 69  # General MIDI percussion map
PIANO, NYLON_GUITAR, ACOUSTIC_BASS = 0, 24, 32  # General MIDI programs, counted from zero
VIOLIN, VIOLA, CELLO = 40, 41, 42

WALTZ = Score(
    tempo=108,
    length=8.6,
    parts=(
        Part(
            channel=0,
            program=PIANO,
            pan=64,
            notes=(
                Note(0.0, 0.5, 69, 84),
                Note(0.5, 0.5, 72, 78),
                Note(1.0, 1.0, 77, 96),
                Note(2.0, 0.5, 76, 86),
                Note(2.5, 0.5, 72, 76),
                Note(3.0, 1.0, 74, 98),
                Note(4.0, 0.5, 70, 84),
                Note(4.5, 0.5, 67, 76),
                Note(5.0, 0.5, 64, 82),
                Note(5.5, 0.5, 67, 74),
                Note(6.0, 1.4, 65, 88),
                Note(6.0, 1.4, 69, 80),
                Note(0.0, 1.0, 41, 80),
                Note(1.0, 1.0, 57, 62),
                Note(2.0, 1.0, 60, 60),
                Note(3.0, 1.0, 46, 80),
                Note(4.0, 1.0, 58, 62),
                Note(5.0, 1.0, 48, 72),
                Note(6.0, 1.4, 41, 78),
            ),
        ),
        Part(
            channel=1,
            program=VIOLIN,
            pan=40,
            notes=(
                Note(0.0, 2.0, 81, 66),
                Note(2.0, 1.0, 79, 70),
                Note(3.0, 2.0, 82, 78),
                Note(5.0, 1.0, 79, 72),
                Note(6.0, 1.5, 77, 70),
            ),
        ),
        Part(
            channel=2,
            program=VIOLA,
            pan=88,
            notes=(
                Note(0.0, 3.0, 60, 64),
                Note(3.0, 2.0, 65, 70),
                Note(5.0, 1.0, 64, 68),
                Note(6.0, 1.5, 60, 66),
            ),
        ),
        Part(
            channel=3,
            program=CELLO,
            pan=72,
            notes=(
                Note(0.0, 3.0, 53, 72),
                Note(3.0, 2.0, 46, 76),
                Note(5.0, 1.0, 48, 74),
                Note(6.0, 1.5, 41, 74),
            ),
        ),
    ),
)

GROOVE = Score(
    tempo=120,
    length=9.6,
    parts=(
        Part(
            channel=0,
            program=NYLON_GUITAR,
            pan=48,
            notes=(
                Note(0.0, 1.5, 52, 104),
                Note(0.5, 1.5, 59, 92),
                Note(0.75, 1.25, 62, 96),
                Note(1.25, 1.0, 67, 104),
                Note(1.75, 1.0, 66, 96),
                Note(2.25, 1.0, 62, 92),
                Note(2.75, 1.0, 59, 88),
                Note(3.25, 0.75, 64, 98),
                Note(4.0, 1.5, 45, 104),
                Note(4.5, 1.5, 61, 92),
                Note(4.75, 1.25, 64, 96),
                Note(5.25, 1.0, 67, 104),
                Note(5.75, 1.0, 69, 98),
                Note(6.25, 1.0, 66, 94),
                Note(6.75, 1.0, 64, 90),
                Note(7.25, 0.5, 62, 92),
                Note(7.75, 0.6, 64, 106),
                Note(7.75, 0.6, 59, 96),
                Note(7.75, 0.6, 52, 100),
            ),
        ),
        Part(
            channel=1,
            program=ACOUSTIC_BASS,
            pan=64,
            notes=(
                Note(0.0, 1.4, 40, 96),
                Note(1.5, 0.5, 40, 84),
                Note(2.5, 0.75, 43, 90),
                Note(3.5, 0.5, 44, 84),
                Note(4.0, 1.4, 45, 96),
                Note(5.5, 0.5, 45, 84),
                Note(6.5, 0.75, 37, 90),
                Note(7.75, 0.6, 40, 98),
            ),
        ),
        Part(
            channel=PERCUSSION_CHANNEL,
            program=0,
            pan=64,
            notes=(
                *(Note(0.5 * step, 0.25, CLOSED_HAT, 88 - 24 * (step % 2)) for step in range(15)),
                *(Note(0.25 + 0.5 * step, 0.2, CABASA, 62) for step in range(15)),
                *(Note(beat, 0.25, KICK, 96) for beat in (0.0, 1.5, 4.0, 5.5)),
                *(Note(beat, 0.25, SIDE_STICK, 92) for beat in (1.0, 3.0, 5.0, 7.0)),
                Note(7.5, 0.25, OPEN_HAT, 84),
                Note(7.75, 0.25, KICK, 100),
            ),
        ),
    ),
)
