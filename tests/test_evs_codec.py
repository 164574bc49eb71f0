"""EVS with stand-ins for the programs of 3GPP, whose licence keeps them out of this repository.

The stand-ins take the same command lines, read and write the same file formats, drop and add the
same samples, and refuse what the real ones refuse. What they code is not EVS: each frame carries
only the mean of its samples. So these tests show that the adapter drives the programs rightly, and
say nothing of the quality of EVS.
"""

from __future__ import annotations

import dataclasses
import json
import stat
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from codec_zoo.adapters.evs import EVS
from codec_zoo.adapters.g192 import pack_g192, unpack_g192
from codec_zoo.adapters.programs import ProgramFailedError
from codec_zoo.bitstream import BitstreamError, from_bytes, to_bytes
from codec_zoo.interface import ProgramNotFoundError, UnsupportedBitrateError
from codec_zoo.samples import Samples

ENCODER = """
    import array, json, sys
    arguments = sys.argv[1:]
    json.dump(arguments, open({log!r}, "w"))
    options, (bitrate, rate, source, target) = arguments[:-4], arguments[-4:]
    assert rate == "32"
    if bitrate == "5900" and "-dtx" not in options:
        sys.exit("Error: SC-VBR 5900 bit/s not supported without DTX")
    levels = array.array("h")
    levels.frombytes(open(source, "rb").read())
    # The encoder lags by 310 samples; to compensate it drops as many from the start of the file.
    n_frames = -(-(len(levels) - 310) // 640)
    levels = array.array("h", [0] * 310) + levels[310:]
    words = array.array("H")
    for number in range(n_frames):
        frame = levels[640 * number : 640 * (number + 1)]
        mean = sum(frame) // 640 & 0xFFFF
        sizes = {variable} if bitrate == "5900" else [int(bitrate) // 50]
        n_bits = sizes[number % len(sizes)]
        bits = [mean >> (15 - i) & 1 for i in range(16)] + [0] * n_bits
        words.extend([0x6B21, n_bits] + [0x81 if bit else 0x7F for bit in bits[:n_bits]])
    words.tofile(open(target, "wb"))
"""
DECODER = """
    import array, json, sys
    arguments = sys.argv[1:]
    json.dump(arguments, open({log!r}, "w"))
    quiet, rate, source, target = arguments
    assert (quiet, rate) == ("-q", "32")
    words = array.array("H")
    words.frombytes(open(source, "rb").read())
    levels, position = array.array("h"), 0
    while position < len(words):
        assert words[position] == 0x6B21
        n_bits = words[position + 1]
        bits = words[position + 2 : position + 2 + n_bits]
        assert set(bits) <= {{0x7F, 0x81}}
        mean = sum((bit == 0x81) << (15 - i) for i, bit in enumerate(bits[:16]))
        levels.extend([mean - 65536 if mean > 32767 else mean] * 640)
        position += 2 + n_bits
    # The decoder lags by 74 samples; to compensate it drops as many and ends with zeros.
    (levels[:-74] + array.array("h", [0] * 74)).tofile(open(target, "wb"))
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "c-code"
    folder.mkdir()
    variable = [56, 144, 160, 48, 0]
    write(folder / "EVS_cod", ENCODER.format(log=str(tmp_path / "cod.json"), variable=variable))
    write(folder / "EVS_dec", DECODER.format(log=str(tmp_path / "dec.json")))
    monkeypatch.setenv("CODECBENCH_EVS", str(folder))
    return folder


def write(path: Path, source: str) -> None:
    path.write_text(f"#!{sys.executable} -S\n{textwrap.dedent(source)}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def levels(n_samples: int) -> Samples:
    return np.full((1, n_samples), 0.25, dtype=np.float32)


@pytest.mark.parametrize("bitrate", [rate for rate in EVS.info.bitrates if rate != 5_900])
def test_the_encoder_gets_its_exact_command_line(
    programs: Path, tmp_path: Path, bitrate: int
) -> None:
    EVS.build(None, "cpu").encode(levels(1_000), bitrate)
    arguments = json.loads((tmp_path / "cod.json").read_text())
    assert arguments[:-2] == ["-q", str(bitrate), "32"]
    assert [Path(argument).name for argument in arguments[-2:]] == ["input.32k", "coded.192"]


def test_discontinuous_transmission_is_on_where_the_encoder_insists_and_only_there(
    programs: Path, tmp_path: Path
) -> None:
    EVS.build(None, "cpu").encode(levels(1_000), 5_900)
    assert json.loads((tmp_path / "cod.json").read_text())[:-2] == ["-q", "-dtx", "5900", "32"]


def test_the_decoder_gets_its_exact_command_line(programs: Path, tmp_path: Path) -> None:
    codec = EVS.build(None, "cpu")
    codec.decode(codec.encode(levels(1_000), 9_600))
    arguments = json.loads((tmp_path / "dec.json").read_text())
    assert arguments[:-2] == ["-q", "32"]
    assert [Path(argument).name for argument in arguments[-2:]] == ["coded.192", "output.32k"]


@pytest.mark.parametrize("bitrate", EVS.info.bitrates)
@pytest.mark.parametrize("n_samples", [1, 640, 1_000, 3_200])
def test_output_has_the_length_of_the_input(programs: Path, bitrate: int, n_samples: int) -> None:
    codec = EVS.build(None, "cpu")
    bitstream = codec.encode(levels(n_samples), bitrate)
    decoded = codec.decode(from_bytes(to_bytes(bitstream, "evs", "1"), "evs"))
    assert decoded.shape == (1, n_samples)
    assert decoded.dtype == np.float32


def test_the_frame_in_front_is_removed_again(programs: Path) -> None:
    codec = EVS.build(None, "cpu")
    decoded = codec.decode(codec.encode(levels(6_400), 9_600))
    np.testing.assert_allclose(decoded[0, 640:5_760], 0.25)


@pytest.mark.parametrize("n_samples", range(1_200, 1_900, 23))
def test_the_zeros_that_the_decoder_appends_never_reach_the_audio(
    programs: Path, n_samples: int
) -> None:
    codec = EVS.build(None, "cpu")
    decoded = codec.decode(codec.encode(levels(n_samples), 9_600))
    assert decoded[0, -1] > 0


@pytest.mark.parametrize("bitrate", [rate for rate in EVS.info.bitrates if rate != 5_900])
def test_the_payload_counts_bits_not_words(programs: Path, bitrate: int) -> None:
    bitstream = EVS.build(None, "cpu").encode(levels(32_000), bitrate)
    assert set(bitstream.packet_sizes) == {bitrate // 400}
    n_frames = -(-(640 + 32_000 + 74) // 640)
    assert len(bitstream.payload) == n_frames * bitrate // 400


def test_frames_of_a_variable_rate_keep_their_sizes(programs: Path) -> None:
    bitstream = EVS.build(None, "cpu").encode(levels(3_200), 5_900)
    assert bitstream.packet_sizes == (7, 18, 20, 6, 0, 7, 18)


def test_a_frame_of_another_rate_is_an_error(programs: Path) -> None:
    source = (programs / "EVS_cod").read_text()
    (programs / "EVS_cod").write_text(source.replace("int(bitrate) // 50", "160"))
    with pytest.raises(ProgramFailedError, match=r"frames of \[20\] bytes at 9\.6 kbit/s; \[24\]"):
        EVS.build(None, "cpu").encode(levels(1_000), 9_600)


def test_a_failing_encoder_is_quoted(programs: Path) -> None:
    write(programs / "EVS_cod", "import sys; sys.exit('Error: Incorrect bitrate specification')")
    with pytest.raises(ProgramFailedError, match="EVS_cod ended with status 1: Error: Incorrect"):
        EVS.build(None, "cpu").encode(levels(1_000), 9_600)


def test_an_encoder_that_stops_early_is_an_error(programs: Path) -> None:
    source = (programs / "EVS_cod").read_text()
    (programs / "EVS_cod").write_text(source.replace("range(n_frames)", "range(2)"))
    with pytest.raises(ProgramFailedError, match="EVS_cod wrote 2 frames; 7 expected"):
        EVS.build(None, "cpu").encode(levels(3_200), 9_600)


def test_an_encoder_that_writes_another_format_is_an_error(programs: Path) -> None:
    write(programs / "EVS_cod", "import sys; open(sys.argv[-1], 'w').write('#!EVS_MC1.0\\n')")
    with pytest.raises(ProgramFailedError, match=r"no G\.192 file: frame 0 .* starts with 0x"):
        EVS.build(None, "cpu").encode(levels(1_000), 9_600)


def test_a_decoder_that_stops_early_is_an_error(programs: Path) -> None:
    codec = EVS.build(None, "cpu")
    bitstream = codec.encode(levels(1_000), 9_600)
    write(programs / "EVS_dec", "import sys; open(sys.argv[-1], 'wb').write(bytes(100))")
    with pytest.raises(ProgramFailedError, match="EVS_dec wrote 100 bytes for 3 frames; 3840"):
        codec.decode(bitstream)


def test_missing_frames_are_an_error(programs: Path) -> None:
    codec = EVS.build(None, "cpu")
    bitstream = codec.encode(levels(1_000), 9_600)
    shorter = dataclasses.replace(
        bitstream, payload=bitstream.payload[:-24], packet_sizes=bitstream.packet_sizes[:-1]
    )
    with pytest.raises(BitstreamError, match="1000 samples take 3 frames of evs; there are 2"):
        codec.decode(shorter)


def test_an_unoffered_bitrate_is_refused(programs: Path) -> None:
    with pytest.raises(UnsupportedBitrateError, match=r"it offers 5\.9, 7\.2, 8, 9\.6"):
        EVS.build(None, "cpu").encode(levels(1_000), 6_000)


def test_missing_programs_say_how_to_build_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODECBENCH_EVS", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert EVS.check is not None
    with pytest.raises(ProgramNotFoundError, match=r"'EVS_cod'.*TS 26\.443.*make.*CODECBENCH_EVS"):
        EVS.check()


def test_the_search_path_is_looked_at_too(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODECBENCH_EVS")
    monkeypatch.setenv("PATH", str(programs))
    assert EVS.check is not None
    EVS.check()
    assert EVS.build(None, "cpu").encode(levels(1_000), 9_600).packet_sizes


def test_g192_frames_come_back() -> None:
    frames = [b"\xa5\x01", b"", b"\xff" * 33]
    assert unpack_g192(pack_g192(frames)) == frames


def test_g192_takes_a_word_per_bit() -> None:
    words = np.frombuffer(pack_g192([b"\xa0"]), dtype=np.uint16)
    zero, one = 0x7F, 0x81
    assert words.tolist() == [0x6B21, 8, one, zero, one, zero, zero, zero, zero, zero]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([0x6B20, 0], "starts with 0x6b20"),
        ([0x6B21], "frame 0 of the G.192 file is cut off"),
        ([0x6B21, 0, 0x6B21, 8, 0x7F], "frame 1 of the G.192 file is cut off"),
        ([0x6B21, 1, 0x7F], "no bits that fill whole bytes"),
        ([0x6B21, 8, *[3] * 8], "no bits that fill whole bytes"),
    ],
)
def test_a_damaged_g192_file_is_an_error(words: list[int], message: str) -> None:
    with pytest.raises(BitstreamError, match=message):
        unpack_g192(np.array(words, dtype=np.uint16).tobytes())


def test_half_a_g192_word_is_an_error() -> None:
    with pytest.raises(BitstreamError, match="3 bytes; 16-bit words expected"):
        unpack_g192(b"abc")
