"""A codec made of two external programs: audio file to coded file, and back."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import soundfile

from codec_zoo.adapters.boundary import check_bitstream, check_samples
from codec_zoo.adapters.programs import (
    ProgramFailedError,
    find_program,
    read_output,
    run_program,
)
from codec_zoo.adapters.sixteen_bit import from_int16, to_int16
from codec_zoo.bitstream import Bitstream, BitstreamError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codec_zoo.interface import CodecInfo
    from codec_zoo.samples import Samples


@dataclass(frozen=True, slots=True)
class ProgramPair:
    """How two programs are run.

    Attributes:
        encode: the encoder and its arguments, with placeholders in braces.
        decode: the same of the decoder.
        folder: working directory of both; relative program paths start there.
        audio: ``wav``, or ``raw`` for 16-bit little endian without a header, channels interleaved.
        lookahead: samples by which the decoder's output lags the encoder's input.
        timeout: seconds that each may take.
    """

    encode: tuple[str, ...]
    decode: tuple[str, ...]
    folder: Path
    audio: Literal["wav", "raw"]
    lookahead: int
    timeout: float


class CommandCodec:
    """Runs an encoder and a decoder on files in a private folder.

    Audio is handed over in 16 bits, rounded to the nearest level without dither. ``lookahead``
    samples of silence follow it, and as many are removed from the start of what comes back.

    What comes back may be longer, by up to a second, since many decoders return whole frames: the
    end is cut. It may be shorter by less than one frame, for those that drop what is no whole
    frame: silence is appended. Any other length is an error.
    """

    def __init__(self, info: CodecInfo, programs: ProgramPair) -> None:
        """Describe the codec by ``info``; the programs are looked for when they are run."""
        self.info = info
        self.programs = programs

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Code audio of shape ``(channels, samples)`` at ``bitrate`` bit/s.

        Raises:
            UnsupportedBitrateError: ``bitrate`` is not offered.
            CodecError: the audio does not fit or would clip, or the encoder fails.
        """
        self.info.check_bitrate(bitrate)
        check_samples(self.info, samples)
        channels, n_samples = samples.shape
        padded = np.pad(samples, ((0, 0), (0, self.programs.lookahead)))
        levels = to_int16(padded, self.info.name).T
        with tempfile.TemporaryDirectory(prefix="codecbench-") as scratch:
            source = Path(scratch, f"input.{self.programs.audio}")
            target = Path(scratch, "coded")
            if self.programs.audio == "wav":
                soundfile.write(source, levels, self.info.sample_rate, subtype="PCM_16")
            else:
                source.write_bytes(levels.astype("<i2").tobytes())
            values = {"bitrate": str(bitrate), "kbps": f"{bitrate / 1000:g}"}
            self._run(self.programs.encode, source, target, values)
            payload = read_output(target, self.programs.encode[0])
        return Bitstream(
            payload=payload,
            n_samples=n_samples,
            sample_rate=self.info.sample_rate,
            channels=channels,
        )

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio of shape ``(channels, n_samples)``.

        Raises:
            BitstreamError: the bitstream is not this codec's.
            CodecError: the decoder fails or returns something else than the audio.
        """
        check_bitstream(self.info, bitstream)
        if not bitstream.payload:
            raise BitstreamError(f"the payload of {self.info.name} is empty.")
        with tempfile.TemporaryDirectory(prefix="codecbench-") as scratch:
            source = Path(scratch, "coded")
            target = Path(scratch, f"output.{self.programs.audio}")
            source.write_bytes(bitstream.payload)
            self._run(self.programs.decode, source, target, {})
            read_output(target, self.programs.decode[0])
            if self.programs.audio == "wav":
                decoded = self._read_wav(target, bitstream.channels)
            else:
                decoded = self._read_raw(target, bitstream.channels)
        return self._fit(decoded, bitstream.n_samples)

    def _run(
        self,
        arguments: tuple[str, ...],
        source: Path,
        target: Path,
        values: Mapping[str, str],
    ) -> None:
        replacements = {
            "input": str(source),
            "output": str(target),
            "sample_rate": str(self.info.sample_rate),
            **values,
        }
        program = find_program(arguments[0], self.programs.folder)
        filled = [fill(argument, replacements) for argument in arguments[1:]]
        run_program([program, *filled], self.programs.timeout, self.programs.folder)

    def _read_wav(self, path: Path, channels: int) -> Samples:
        program = Path(self.programs.decode[0]).name
        try:
            decoded, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise ProgramFailedError(f"{program} wrote no readable WAV file: {error}") from error
        if (sample_rate, decoded.shape[1]) != (self.info.sample_rate, channels):
            raise ProgramFailedError(
                f"{program} wrote {decoded.shape[1]} channels at {sample_rate} Hz; "
                f"{channels} at {self.info.sample_rate} Hz expected."
            )
        return np.asarray(decoded.T, dtype=np.float32)

    def _read_raw(self, path: Path, channels: int) -> Samples:
        content = path.read_bytes()
        if len(content) % (2 * channels):
            raise ProgramFailedError(
                f"{Path(self.programs.decode[0]).name} wrote {len(content)} bytes, which is no "
                f"whole number of 16-bit samples in {channels} channels."
            )
        levels = np.frombuffer(content, dtype="<i2").astype(np.int16)
        return from_int16(levels.reshape(-1, channels).T)

    def _fit(self, decoded: Samples, n_samples: int) -> Samples:
        expected = n_samples + self.programs.lookahead
        surplus = decoded.shape[1] - expected
        if not -self.info.frame_size < surplus <= self.info.sample_rate:
            raise ProgramFailedError(
                f"{Path(self.programs.decode[0]).name} returned {decoded.shape[1]} samples; "
                f"{expected} expected, less than one frame of {self.info.frame_size} fewer or at "
                "most a second more. Check sample_rate, lookahead and frame_size."
            )
        fitted = np.pad(decoded, ((0, 0), (0, max(0, -surplus))))
        start = self.programs.lookahead
        return np.ascontiguousarray(fitted[:, start : start + n_samples])


def fill(argument: str, values: Mapping[str, str]) -> str:
    """The argument with each ``{name}`` replaced by its value; other braces stay.

    >>> fill("-b{kbps}k", {"kbps": "13.2"})
    '-b13.2k'
    """
    for name, value in values.items():
        argument = argument.replace(f"{{{name}}}", value)
    return argument
