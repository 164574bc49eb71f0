"""EVS by the programs of 3GPP: audio to frames and back, aligned and to length."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from codec_zoo.adapters.boundary import check_bitstream, check_samples
from codec_zoo.adapters.evs_programs import DECODER, ENCODER, VARIABLE_BITRATE, find_evs_program
from codec_zoo.adapters.g192 import pack_g192, unpack_g192
from codec_zoo.adapters.programs import ProgramFailedError, read_output, run_program
from codec_zoo.adapters.sixteen_bit import from_int16, to_int16
from codec_zoo.bitstream import Bitstream, BitstreamError

if TYPE_CHECKING:
    from codec_zoo.interface import CodecInfo
    from codec_zoo.samples import Samples

FRAMES_PER_SECOND = 50
# 3GPP TS 26.443, delays at 32 kHz: 9.6875 ms in the encoder, 2.3125 ms in the decoder.
ENCODER_DELAY = 310
DECODER_DELAY = 74
# Bytes of a frame at the variable bitrate: nothing, silence descriptor, 2.8, 7.2 and 8 kbit/s.
VARIABLE_FRAME_BYTES = frozenset({0, 6, 7, 18, 20})
TIMEOUT = 600.0  # seconds; the fixed-point encoder is not much faster than real time


class EvsCodec:
    """Runs ``EVS_cod`` and ``EVS_dec`` on files in a private folder.

    Left to themselves the programs align their output with the input, at a price: the encoder drops
    the first 9.7 ms and the decoder ends with 2.3 ms of zeros. So one frame of silence goes in
    front, and as much as both delays behind; the frames that this takes count as sent.
    """

    def __init__(self, info: CodecInfo) -> None:
        """Describe the codec by ``info``; the programs are looked for when they are run."""
        self.info = info

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Code audio of shape ``(1, samples)`` at ``bitrate`` bit/s, one packet per frame.

        Raises:
            UnsupportedBitrateError: ``bitrate`` is not offered.
            CodecError: the audio does not fit or would clip, or ``EVS_cod`` is missing or fails.
        """
        self.info.check_bitrate(bitrate)
        check_samples(self.info, samples)
        n_samples = samples.shape[1]
        padding = (self.info.frame_size, ENCODER_DELAY + DECODER_DELAY)
        levels = to_int16(np.pad(samples[0], padding), self.info.name)
        with tempfile.TemporaryDirectory(prefix="codecbench-") as scratch:
            source, target = Path(scratch, "input.32k"), Path(scratch, "coded.192")
            source.write_bytes(levels.tobytes())
            # At 5.9 kbit/s EVS_cod refuses to run without discontinuous transmission.
            transmission = ["-dtx"] if bitrate == VARIABLE_BITRATE else []
            rates = [str(bitrate), str(self.info.sample_rate // 1000)]
            program = find_evs_program(ENCODER)
            run_program([program, "-q", *transmission, *rates, source, target], TIMEOUT)
            coded = read_output(target, ENCODER)
        packets = self._check_frames(coded, bitrate, n_samples)
        return Bitstream(
            payload=b"".join(packets),
            n_samples=n_samples,
            sample_rate=self.info.sample_rate,
            packet_sizes=tuple(map(len, packets)),
        )

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio of shape ``(1, n_samples)``, aligned with what was coded.

        Raises:
            BitstreamError: frames are missing, or the bitstream is not this codec's.
            CodecError: ``EVS_dec`` is missing or fails.
        """
        check_bitstream(self.info, bitstream)
        packets = bitstream.packets()
        if len(packets) < self._n_frames(bitstream.n_samples):
            raise BitstreamError(
                f"{bitstream.n_samples} samples take {self._n_frames(bitstream.n_samples)} frames "
                f"of {self.info.name}; there are {len(packets)}."
            )
        with tempfile.TemporaryDirectory(prefix="codecbench-") as scratch:
            source, target = Path(scratch, "coded.192"), Path(scratch, "output.32k")
            source.write_bytes(pack_g192(packets))
            rate = str(self.info.sample_rate // 1000)
            run_program([find_evs_program(DECODER), "-q", rate, source, target], TIMEOUT)
            decoded = read_output(target, DECODER)
        expected = 2 * len(packets) * self.info.frame_size
        if len(decoded) != expected:
            raise ProgramFailedError(
                f"{DECODER} wrote {len(decoded)} bytes for {len(packets)} frames; "
                f"{expected} expected."
            )
        start = self.info.frame_size
        levels = np.frombuffer(decoded, dtype=np.int16)[start : start + bitstream.n_samples]
        return from_int16(levels[np.newaxis])

    def _n_frames(self, n_samples: int) -> int:
        return -(-(self.info.frame_size + n_samples + DECODER_DELAY) // self.info.frame_size)

    def _check_frames(self, coded: bytes, bitrate: int, n_samples: int) -> list[bytes]:
        try:
            frames = unpack_g192(coded)
        except BitstreamError as error:
            raise ProgramFailedError(f"{ENCODER} wrote no G.192 file: {error}") from error
        if len(frames) < self._n_frames(n_samples):
            raise ProgramFailedError(
                f"{ENCODER} wrote {len(frames)} frames; {self._n_frames(n_samples)} expected."
            )
        sizes = {len(frame) for frame in frames}
        allowed = (
            VARIABLE_FRAME_BYTES
            if bitrate == VARIABLE_BITRATE
            else {bitrate // FRAMES_PER_SECOND // 8}
        )
        if not sizes <= allowed:
            raise ProgramFailedError(
                f"{ENCODER} wrote frames of {sorted(sizes)} bytes at {bitrate / 1000:g} kbit/s; "
                f"{sorted(allowed)} expected."
            )
        return frames
