"""What every installed codec promises to the harness, whichever it is.

Networks run untrained where their weights are not at hand: the promises hold for any weights. What
needs something that is not on this machine is skipped with the reason.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from codec_zoo.bitstream import Bitstream, BitstreamError, from_bytes, to_bytes
from codec_zoo.interface import (
    BitrateRange,
    Codec,
    CodecError,
    ProgramNotFoundError,
    UnsupportedBitrateError,
)
from codec_zoo.registry import codec_entry
from codec_zoo.weights import WeightsFile, WeightsNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codec_zoo.samples import Samples

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAMES = sorted(PROJECT["entry-points"]["codecbench.codecs"])
SHARED_WEIGHTS = {"lyra": ROOT.parent / "shared" / "lyra_model"}
PACKED_CODES = (
    "audiodec",
    "dac",
    "encodec",
    "hificodec",
    "hilcodec",
    "lyra",
    "mimi",
    "soundstream",
)
LEVEL_BITS = 32  # sent beside the codes of a chunk by EnCodec at 48 kHz
TOO_SLOW = {"ladiffcodec": "100 runs of its U-Net take minutes; its own tests run a narrow one"}
CHEAP = ("aac", "amr-nb", "lyra", "mp3", "opus", "pcm")

DECODER = """
import sys
from pathlib import Path
import numpy as np
from codec_zoo.bitstream import from_bytes
from codec_zoo.registry import codec_entry
from codec_zoo.weights import WeightsFile

for line in sys.stdin:
    name, path, weights = line.rstrip("\\n").split("\\t")
    found = WeightsFile(Path(weights), "", "imported") if weights else None
    codec = codec_entry(name).build(found, "cpu")
    np.save(path, codec.decode(from_bytes(Path(path).with_suffix(".bin").read_bytes(), name)))
    print(name, flush=True)
"""


@dataclass(frozen=True)
class Coded:
    """A codec, two recordings of odd lengths, and what became of them, coded by turns."""

    codec: Codec
    samples: tuple[Samples, Samples]
    bitstreams: tuple[Bitstream, Bitstream]
    first: tuple[Samples, Samples]
    again: tuple[Samples, Samples]


def built(name: str) -> Codec:
    if name in TOO_SLOW:
        pytest.skip(f"{name}: {TOO_SLOW[name]}")
    entry = codec_entry(name)
    path = SHARED_WEIGHTS.get(name)
    weights = WeightsFile(path, "", "imported") if path and path.is_dir() else None
    try:
        if entry.check is not None:
            entry.check()
        return entry.build(weights, "cpu")
    except (ProgramNotFoundError, WeightsNotFoundError, ImportError) as error:
        pytest.skip(f"{name} cannot be built here: {error}")


def bitrate_of(codec: Codec) -> int:
    return codec.info.default_bitrates[0]


def noise(codec: Codec, n_samples: int, seed: int) -> Samples:
    """Noise around a tone, so that no codec takes it for silence."""
    info = codec.info
    rng = np.random.default_rng(seed)
    tone = 0.1 * np.sin(2 * np.pi * 300 / info.sample_rate * np.arange(n_samples))
    return (tone + 0.05 * rng.standard_normal((info.channels[0], n_samples))).astype(np.float32)


@pytest.fixture(scope="module", params=NAMES)
def coded(request: pytest.FixtureRequest) -> Coded:
    codec = built(request.param)
    lengths = codec.info.sample_rate // 10 + 1, codec.info.sample_rate // 20 + 2
    one, two = (noise(codec, length, seed) for seed, length in enumerate(lengths))
    bitrate = bitrate_of(codec)
    stream_one, stream_two = codec.encode(one, bitrate), codec.encode(two, bitrate)
    first = codec.decode(stream_one), codec.decode(stream_two)
    again = codec.decode(stream_one), codec.decode(stream_two)
    return Coded(codec, (one, two), (stream_one, stream_two), first, again)


@pytest.fixture(scope="module")
def decoder() -> Iterator[subprocess.Popen[str]]:
    """Another process, which decodes files of which it is told name, path and weights."""
    command = [sys.executable, "-c", DECODER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True) as process:
        yield process
        process.stdin.close()


def test_decoded_audio_has_the_shape_of_the_coded(coded: Coded) -> None:
    for samples, decoded in zip(coded.samples, coded.first, strict=True):
        assert decoded.shape == samples.shape
        assert decoded.dtype == np.float32
        assert np.isfinite(decoded).all()


def test_recordings_coded_by_turns_do_not_touch_each_other(coded: Coded) -> None:
    for first, again in zip(coded.first, coded.again, strict=True):
        np.testing.assert_array_equal(first, again)


def test_coding_twice_gives_the_same_bytes(coded: Coded) -> None:
    again = coded.codec.encode(coded.samples[1], bitrate_of(coded.codec))
    assert again == coded.bitstreams[1]


def test_input_is_left_as_it_was(coded: Coded) -> None:
    length = coded.samples[0].shape[1]
    np.testing.assert_array_equal(coded.samples[0], noise(coded.codec, length, seed=0))


def test_payload_is_the_nominal_bitrate_within_a_frame(coded: Coded) -> None:
    info = coded.codec.info
    if not info.name.startswith(PACKED_CODES):
        pytest.skip("its packets vary in size or carry headers; its own tests say how")
    frame_bits = bitrate_of(coded.codec) * info.frame_size / info.sample_rate
    for bitstream in coded.bitstreams:
        nominal = bitrate_of(coded.codec) * bitstream.n_samples / info.sample_rate
        excess = 8 * len(bitstream.payload) - nominal
        assert -8 <= excess <= frame_bits + 8 + (LEVEL_BITS if info.name == "encodec-48khz" else 0)


def test_shortest_audio_is_coded(coded: Coded) -> None:
    codec = coded.codec
    decoded = codec.decode(codec.encode(noise(codec, 1, seed=3), bitrate_of(codec)))
    assert decoded.shape == (codec.info.channels[0], 1)


def test_silence_gives_finite_audio(coded: Coded) -> None:
    codec = coded.codec
    silence = np.zeros((codec.info.channels[0], codec.info.frame_size + 1), dtype=np.float32)
    assert np.isfinite(codec.decode(codec.encode(silence, bitrate_of(codec)))).all()


def test_bitstream_of_another_codec_is_refused(coded: Coded) -> None:
    data = to_bytes(coded.bitstreams[1], coded.codec.info.name, coded.codec.info.version)
    with pytest.raises(BitstreamError, match="'other' cannot decode it"):
        from_bytes(data, "other")


@pytest.mark.parametrize("damage", ["rate", "channels", "cut"])
def test_damaged_bitstream_is_refused(coded: Coded, damage: str) -> None:
    bitstream = coded.bitstreams[1]
    damaged = {
        "rate": replace(bitstream, sample_rate=44_000),
        "channels": replace(bitstream, channels=7),
        "cut": replace(bitstream, payload=bitstream.payload[: len(bitstream.payload) // 2]),
    }[damage]
    with pytest.raises(BitstreamError):
        coded.codec.decode(damaged)


def test_bitrate_that_is_not_offered_is_refused_with_those_that_are(coded: Coded) -> None:
    info = coded.codec.info
    missing = 1 + (
        info.bitrates.maximum if isinstance(info.bitrates, BitrateRange) else max(info.bitrates)
    )
    with pytest.raises(UnsupportedBitrateError, match=f"{info.name} does not offer .* it offers"):
        coded.codec.encode(coded.samples[1], missing)


@pytest.mark.parametrize("fault", ["dimensions", "channels", "empty", "type", "not finite"])
def test_audio_that_does_not_fit_is_refused(coded: Coded, fault: str) -> None:
    samples = coded.samples[1]
    broken = {
        "dimensions": samples[0],
        "channels": np.zeros((5, 100), dtype=np.float32),
        "empty": samples[:, :0],
        "type": samples.astype(np.float64),
        "not finite": np.full_like(samples, np.nan),
    }[fault]
    with pytest.raises(CodecError, match=f"{coded.codec.info.name} was given"):
        coded.codec.encode(broken, bitrate_of(coded.codec))


@pytest.mark.parametrize("name", CHEAP)
def test_a_minute_is_coded(name: str) -> None:
    codec = built(name)
    samples = np.tile(noise(codec, codec.info.sample_rate, seed=4), 60)
    decoded = codec.decode(codec.encode(samples, bitrate_of(codec)))
    assert decoded.shape == samples.shape


def test_another_process_decodes_the_bytes(
    coded: Coded, decoder: subprocess.Popen[str], tmp_path: Path
) -> None:
    info = coded.codec.info
    (tmp_path / "item.bin").write_bytes(to_bytes(coded.bitstreams[1], info.name, info.version))
    weights = SHARED_WEIGHTS.get(info.name, "")
    decoder.stdin.write(f"{info.name}\t{tmp_path / 'item.npy'}\t{weights}\n")
    decoder.stdin.flush()
    assert decoder.stdout.readline() == f"{info.name}\n"
    np.testing.assert_allclose(np.load(tmp_path / "item.npy"), coded.first[1], atol=1e-5)
