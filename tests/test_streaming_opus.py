"""Opus packet by packet: the same packets and audio as all at once, and concealed losses."""

from __future__ import annotations

import numpy as np
import pytest

from bench.streaming import stream_parts
from codec_zoo.adapters.ffmpeg import MP3, OPUS
from codec_zoo.bitstream import BitstreamError
from codec_zoo.interface import CodecError, StreamingCodec, UnsupportedBitrateError
from codec_zoo.streaming import stream_roundtrip

FRAME, DELAY = 960, 312
N_FRAMES = 50
BITRATE = 24_000


@pytest.fixture(scope="module")
def codec():
    return OPUS.build(None, "cpu")


def tones(channels: int = 1) -> np.ndarray:
    """Sustained notes, which an extrapolation can go on with."""
    t = np.arange(N_FRAMES * FRAME) / 48_000
    notes = [0.3 * np.sin(2 * np.pi * (220 + 110 * channel) * t) for channel in range(channels)]
    return np.array(notes, np.float32)


def pushed(encoder, samples: np.ndarray, size: int) -> list[bytes]:
    packets: list[bytes] = []
    for start in range(0, samples.shape[1], size):
        packets += encoder.push(samples[:, start : start + size])
    return packets + encoder.flush()


def received(decoder, packets) -> np.ndarray:
    return np.concatenate([*(decoder.push(packet) for packet in packets), decoder.flush()], axis=1)


def test_it_streams_and_its_siblings_do_not(codec):
    assert isinstance(codec, StreamingCodec)
    assert not isinstance(MP3.build(None, "cpu"), StreamingCodec)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("chunk_frames", [1, 7])
def test_streamed_packets_and_audio_are_those_of_coding_all_at_once(codec, channels, chunk_frames):
    samples = tones(channels)
    offline = codec.encode(samples, BITRATE)
    packets = pushed(codec.stream_encoder(BITRATE), samples, chunk_frames * FRAME)
    assert packets == offline.packets()
    streamed = received(codec.stream_decoder(BITRATE, channels=channels), packets)
    np.testing.assert_array_equal(streamed[:, : samples.shape[1]], codec.decode(offline))


def test_the_audio_covers_what_went_in_and_lies_where_it_was(codec):
    samples = tones()
    found = stream_roundtrip(codec, samples, BITRATE)
    assert found.shape == (1, (N_FRAMES + 1) * FRAME - DELAY)
    inner = slice(5 * FRAME, -5 * FRAME)
    found = found[:, : samples.shape[1]]
    assert np.corrcoef(found[0, inner], samples[0, inner])[0, 1] > 0.99


def test_a_lost_packet_is_extrapolated_and_not_silent(codec):
    samples = tones()
    packets: list[bytes | None] = list(pushed(codec.stream_encoder(BITRATE), samples, FRAME))
    whole = received(codec.stream_decoder(BITRATE), packets)
    packets[20] = None
    lossy = received(codec.stream_decoder(BITRATE), packets)
    assert lossy.shape == whole.shape
    gap = slice(20 * FRAME - DELAY, 21 * FRAME - DELAY)
    np.testing.assert_array_equal(lossy[:, : gap.start], whole[:, : gap.start])
    assert np.std(lossy[:, gap]) > 0.5 * np.std(whole[:, gap])
    assert not np.array_equal(lossy[:, gap], whole[:, gap])
    late = slice(40 * FRAME, N_FRAMES * FRAME)
    assert np.corrcoef(lossy[0, late], whole[0, late])[0, 1] > 0.99


def test_losses_before_the_first_packet_are_silence_of_the_right_length(codec):
    packets: list[bytes | None] = list(pushed(codec.stream_encoder(BITRATE), tones(), FRAME))
    packets[:2] = [None, None]
    found = received(codec.stream_decoder(BITRATE), packets)
    assert found.shape == (1, (N_FRAMES + 1) * FRAME - DELAY)
    assert not found[:, : 2 * FRAME - DELAY].any()
    assert found[:, 10 * FRAME :].any()


def test_streams_do_not_disturb_each_other(codec):
    samples = tones()
    alone = pushed(codec.stream_encoder(BITRATE), samples, FRAME)
    first, second = codec.stream_encoder(BITRATE), codec.stream_encoder(BITRATE)
    mixed: list[bytes] = []
    for start in range(0, samples.shape[1], FRAME):
        mixed += first.push(samples[:, start : start + FRAME])
        second.push(-0.5 * samples[:, start : start + FRAME])
    assert mixed + first.flush() == alone


def test_an_encoder_that_was_given_nothing_sends_nothing(codec):
    assert codec.stream_encoder(BITRATE).flush() == []


def test_its_chunks_are_timed_from_audio_to_packets_and_back(codec):
    encoder, decoder = stream_parts(codec, seconds=0.1, chunk_samples=2 * FRAME)
    assert (encoder.part, decoder.part) == ("encoder+quantizer", "decoder")
    assert encoder.backend == "native"
    packets = encoder.push(encoder.chunks[0])
    assert len(packets) == 2
    assert decoder.push(packets).shape == (1, 2 * FRAME - DELAY)
    with pytest.raises(CodecError, match="opus does not stream by onnx; choose native"):
        stream_parts(codec, seconds=0.1, backend="onnx")


def test_wrong_use_is_refused(codec):
    with pytest.raises(UnsupportedBitrateError, match="does not offer 3 kbit/s"):
        codec.stream_encoder(3_000)
    with pytest.raises(UnsupportedBitrateError, match="does not offer 3 kbit/s"):
        codec.stream_decoder(3_000)
    encoder = codec.stream_encoder(BITRATE)
    with pytest.raises(CodecError, match="given 100 samples; a multiple of its frame of 960"):
        encoder.push(np.zeros((1, 100), np.float32))
    encoder.push(np.zeros((1, FRAME), np.float32))
    with pytest.raises(CodecError, match="with 1 channels was given 2; begin another stream"):
        encoder.push(np.zeros((2, FRAME), np.float32))


@pytest.mark.parametrize(
    ("packet", "message"),
    [(b"", "packet 0 of opus is empty"), (b"\x00abc", "one frame of 20 ms expected")],
)
def test_bytes_that_are_no_packet_are_refused(codec, packet, message):
    with pytest.raises(BitstreamError, match=message):
        codec.stream_decoder(BITRATE).push(packet)
