"""Coded audio on disk: what is written comes back, and what is damaged is said to be."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from codec_zoo.bitstream import (
    MAGIC,
    Bitstream,
    BitstreamError,
    CodeLayout,
    from_bytes,
    pack_codes,
    to_bytes,
    unpack_codes,
)


@st.composite
def bitstreams(draw: st.DrawFn) -> Bitstream:
    packets = draw(st.lists(st.binary(max_size=20), max_size=8))
    layout = CodeLayout(*draw(st.tuples(*[st.integers(1, 2048)] * 3)))
    return Bitstream(
        payload=b"".join(packets),
        n_samples=draw(st.integers(1, 10**9)),
        sample_rate=draw(st.integers(1, 192_000)),
        channels=draw(st.integers(1, 8)),
        packet_sizes=tuple(map(len, packets)),
        layout=draw(st.sampled_from([None, layout])),
    )


def example() -> Bitstream:
    return Bitstream(payload=b"abcdefgh", n_samples=16, sample_rate=8_000, packet_sizes=(3, 5))


def with_header(data: bytes, **changes: object) -> bytes:
    """The same file with other header fields; None removes one."""
    (length,) = struct.unpack("<I", data[4:8])
    header = json.loads(data[8 : 8 + length]) | changes
    kept = {key: value for key, value in header.items() if value is not None}
    encoded = json.dumps(kept).encode()
    return MAGIC + struct.pack("<I", len(encoded)) + encoded + data[8 + length :]


@settings(deadline=None, derandomize=True)
@given(bitstreams())
def test_a_written_bitstream_comes_back(bitstream: Bitstream) -> None:
    assert from_bytes(to_bytes(bitstream, "opus", "1"), "opus") == bitstream


@settings(deadline=None, derandomize=True)
@given(st.data(), st.integers(1, 12), st.integers(1, 30), st.integers(1, 5000))
def test_packed_codes_come_back(
    data: st.DataObject, n_codebooks: int, n_frames: int, codebook_size: int
) -> None:
    codes = data.draw(
        hnp.arrays(np.int64, (n_codebooks, n_frames), elements=st.integers(0, codebook_size - 1))
    )
    payload, layout = pack_codes(codes, codebook_size)
    assert len(payload) == layout.n_bytes
    np.testing.assert_array_equal(unpack_codes(payload, layout), codes)


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_bitstream_or_a_bitstream_error(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        from_bytes(data, "opus")


@settings(deadline=None, derandomize=True)
@given(st.integers(0), st.integers(0, 7))
def test_a_flipped_bit_never_changes_the_payload_unnoticed(position: int, bit: int) -> None:
    data = bytearray(to_bytes(example(), "opus", "1"))
    data[position % len(data)] ^= 1 << bit
    try:
        read = from_bytes(bytes(data), "opus")
    except BitstreamError:
        return
    assert read.payload == example().payload


def test_codes_lie_frame_by_frame_with_the_first_bit_on_top() -> None:
    payload, layout = pack_codes(np.array([[5, 1], [2, 7]]), 8)
    assert payload == bytes([0b10101000, 0b11110000])
    assert layout == CodeLayout(n_codebooks=2, n_frames=2, codebook_size=8)


@pytest.mark.parametrize(
    ("size", "bits"), [(1, 1), (2, 1), (3, 2), (1000, 10), (1024, 10), (1025, 11)]
)
def test_a_code_takes_the_bits_its_codebook_needs(size: int, bits: int) -> None:
    assert CodeLayout(1, 1, size).bits_per_code == bits


@pytest.mark.parametrize("code", [-1, 8])
def test_a_code_outside_the_codebook_is_not_packed(code: int) -> None:
    with pytest.raises(ValueError, match="0 to 7 expected"):
        pack_codes(np.array([[3, code]]), 8)


def test_codes_of_another_shape_are_not_packed() -> None:
    with pytest.raises(ValueError, match=r"shape \(3,\); \[codebooks, frames\] expected"):
        pack_codes(np.array([1, 2, 3]), 8)


def test_a_payload_too_short_for_its_codes_is_an_error() -> None:
    with pytest.raises(BitstreamError, match="8 x 10 codes need 100 bytes; the payload has 99"):
        unpack_codes(bytes(99), CodeLayout(8, 10, 1024))


def test_a_code_that_cannot_be_is_an_error() -> None:
    with pytest.raises(BitstreamError, match="code 1023 is outside the codebook of 1000"):
        unpack_codes(b"\xff\xff", CodeLayout(1, 1, 1000))


def test_a_bitstream_without_codes_says_so() -> None:
    with pytest.raises(BitstreamError, match="no codebook indices"):
        example().codes()


def test_bitrate_counts_the_payload_and_nothing_else() -> None:
    assert example().bitrate == 8 * 8 / (16 / 8_000)


def test_packets_are_the_payload_cut_in_pieces() -> None:
    assert example().packets() == [b"abc", b"defgh"]


def test_packets_that_do_not_add_up_are_an_error() -> None:
    bitstream = Bitstream(payload=b"abc", n_samples=1, sample_rate=1, packet_sizes=(1, 1))
    with pytest.raises(BitstreamError, match="add up to 2 bytes, the payload has 3"):
        bitstream.packets()


def test_another_codecs_bitstream_is_refused() -> None:
    with pytest.raises(BitstreamError, match="written by 'mp3'; 'opus' cannot decode it"):
        from_bytes(to_bytes(example(), "mp3", "1"), "opus")


@pytest.mark.parametrize("n_bytes", [0, 3, 7, 20, -1, -8])
def test_a_truncated_file_is_an_error(n_bytes: int) -> None:
    with pytest.raises(
        BitstreamError, match=r"no codecbench bitstream|cut off|bytes; the header says"
    ):
        from_bytes(to_bytes(example(), "opus", "1")[:n_bytes], "opus")


def test_a_changed_payload_is_an_error() -> None:
    data = bytearray(to_bytes(example(), "opus", "1"))
    data[-1] ^= 1
    with pytest.raises(BitstreamError, match="does not match its checksum"):
        from_bytes(bytes(data), "opus")


def test_a_header_that_is_no_json_is_an_error() -> None:
    with pytest.raises(BitstreamError, match="header is not readable"):
        from_bytes(MAGIC + struct.pack("<I", 3) + b"{{{", "opus")


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": 2},
        {"codec": None},
        {"codec": 3},
        {"n_samples": 0},
        {"n_samples": 1.5},
        {"n_samples": True},
        {"sample_rate": -8_000},
        {"channels": None},
        {"payload_bytes": "8"},
        {"payload_crc32": None},
        {"packet_sizes": [3, -5]},
        {"packet_sizes": 8},
        {"codes": [1, 2]},
        {"codes": [1, 2, 0]},
    ],
    ids=str,
)
def test_a_header_with_wrong_fields_is_an_error(changes: dict[str, object]) -> None:
    with pytest.raises(BitstreamError, match="lacks fields or has fields of the wrong kind"):
        from_bytes(with_header(to_bytes(example(), "opus", "1"), **changes), "opus")
