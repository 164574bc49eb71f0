"""PCM: what it loses is known exactly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from codec_zoo.adapters.pcm import PCM
from codec_zoo.bitstream import BitstreamError
from codec_zoo.interface import CodecError, UnsupportedBitrateError
from codec_zoo.samples import Samples

BITS_OF_MONO = {384_000: 8, 576_000: 12, 768_000: 16, 1_152_000: 24}


@pytest.fixture
def noise() -> Samples:
    return np.random.default_rng(0).uniform(-0.9, 0.9, (1, 48_000)).astype(np.float32)


@pytest.mark.parametrize(("bitrate", "bits"), BITS_OF_MONO.items())
def test_the_error_is_at_most_half_a_step(noise: Samples, bitrate: int, bits: int) -> None:
    codec = PCM.build(None, "cpu")
    decoded = codec.decode(codec.encode(noise, bitrate))
    # Half a step, and the rounding of float32 near 1.
    assert np.abs(decoded - noise).max() <= 2.0**-bits + 2.0**-25


@pytest.mark.parametrize(("bitrate", "bits"), [(384_000, 8), (576_000, 12), (768_000, 16)])
def test_noise_is_that_of_uniform_quantisation(noise: Samples, bitrate: int, bits: int) -> None:
    codec = PCM.build(None, "cpu")
    error = codec.decode(codec.encode(noise, bitrate)).astype(np.float64) - noise
    assert np.mean(error**2) == pytest.approx((2.0 ** (1 - bits)) ** 2 / 12, rel=0.05)


def test_16_bit_audio_passes_unchanged_at_16_and_24_bits() -> None:
    levels = np.arange(-32_768, 32_768, dtype=np.float32)[np.newaxis]
    samples = levels / np.float32(32_768)
    codec = PCM.build(None, "cpu")
    for bitrate in (768_000, 1_152_000):
        np.testing.assert_array_equal(codec.decode(codec.encode(samples, bitrate)), samples)


@pytest.mark.parametrize("bitrate", BITS_OF_MONO)
@pytest.mark.parametrize("channels", [1, 2])
def test_the_measured_bitrate_is_the_nominal_one_and_one_byte(bitrate: int, channels: int) -> None:
    samples = np.zeros((channels, 48_000), dtype=np.float32)
    bitstream = PCM.build(None, "cpu").encode(samples, bitrate)
    assert bitstream.bitrate == bitrate + 8


@pytest.mark.parametrize(("bitrate", "bits"), [(384_000, 4), (1_152_000, 12)])
def test_two_channels_share_the_bits(bitrate: int, bits: int) -> None:
    samples = np.random.default_rng(1).uniform(-0.8, 0.8, (2, 999)).astype(np.float32)
    codec = PCM.build(None, "cpu")
    bitstream = codec.encode(samples, bitrate)
    assert bitstream.payload[0] == bits
    assert np.abs(codec.decode(bitstream) - samples).max() <= 2.0**-bits + 2.0**-25


@pytest.mark.parametrize("bitrate", BITS_OF_MONO)
def test_the_ends_of_the_range_are_off_by_a_step_at_most(bitrate: int) -> None:
    below_one = np.nextafter(np.float32(1), np.float32(0))
    samples = np.array([[-1.0, below_one]], dtype=np.float32)
    codec = PCM.build(None, "cpu")
    decoded = codec.decode(codec.encode(samples, bitrate))
    assert decoded[0, 0] == -1.0
    assert 0 <= below_one - decoded[0, 1] <= 2.0 ** (1 - BITS_OF_MONO[bitrate])


@pytest.mark.parametrize("peak", [1.0, 1.25, -1.5])
def test_audio_that_would_clip_is_refused_with_its_peak(peak: float) -> None:
    samples = np.array([[0.0, peak, 0.5]], dtype=np.float32)
    with pytest.raises(CodecError, match=rf"peak of this audio is {peak:g}; it would clip"):
        PCM.build(None, "cpu").encode(samples, 768_000)


def test_an_unoffered_bitrate_is_refused(noise: Samples) -> None:
    with pytest.raises(UnsupportedBitrateError, match="it offers 384, 576, 768, 1152 kbit/s"):
        PCM.build(None, "cpu").encode(noise, 64_000)


@pytest.mark.parametrize("n_samples", [1, 2, 3, 7])
@pytest.mark.parametrize("bitrate", BITS_OF_MONO)
def test_few_samples_keep_their_number(n_samples: int, bitrate: int) -> None:
    samples = np.linspace(-0.5, 0.5, n_samples, dtype=np.float32)[np.newaxis]
    codec = PCM.build(None, "cpu")
    assert codec.decode(codec.encode(samples, bitrate)).shape == (1, n_samples)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"payload": b""}, "starts with nothing"),
        ({"payload": b"\x00abc"}, "starts with 00"),
        ({"payload": b"\x10abc"}, "need 96001 bytes; the payload has 4"),
        ({"n_samples": 47_999}, "need 95999 bytes; the payload has 96001"),
        ({"sample_rate": 44_100}, "44100 Hz"),
        ({"channels": 6}, "6 channels"),
        ({"n_samples": 0}, "0 samples"),
    ],
)
def test_a_damaged_bitstream_is_an_error(
    noise: Samples, change: dict[str, bytes | int], message: str
) -> None:
    codec = PCM.build(None, "cpu")
    bitstream = codec.encode(noise, 768_000)
    with pytest.raises(BitstreamError, match=message):
        codec.decode(dataclasses.replace(bitstream, **change))
