"""Opus, MP3, AAC and AMR-NB: real bytes, aligned, to length, and errors instead of garbage."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codec_zoo.adapters import ffmpeg
from codec_zoo.adapters.packet_formats import AMR_FRAME_BYTES
from codec_zoo.bitstream import Bitstream, BitstreamError, from_bytes, to_bytes
from codec_zoo.interface import BitrateRange, CodecEntry, CodecError, UnsupportedBitrateError
from codec_zoo.samples import Samples

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
ENTRIES = (ffmpeg.OPUS, ffmpeg.MP3, ffmpeg.AAC, ffmpeg.AMR_NB)
STEREO = (ffmpeg.OPUS, ffmpeg.MP3, ffmpeg.AAC)

each_codec = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.info.name)


def babble(sample_rate: int, n_samples: int, channels: int = 1, seed: int = 0) -> Samples:
    """Speech-like sound up to its last sample: gliding harmonics under formants, with a hiss."""
    rng = np.random.default_rng(seed)
    time = np.arange(n_samples) / sample_rate
    rows = []
    for channel in range(channels):
        pitch = 120 + 30 * np.sin(2 * np.pi * (1.3 + 0.4 * channel) * time)
        phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
        voice = np.zeros(n_samples)
        for harmonic in range(1, 25):
            frequency = 125 * harmonic
            formants = sum(np.exp(-(((frequency - f) / 250) ** 2)) for f in (500, 1500, 2500))
            voice += (formants + 0.02) * np.sin(harmonic * phase)
        syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 4.1 * time + channel)
        rows.append(voice * syllables + 0.02 * rng.standard_normal(n_samples))
    audio = np.array(rows)
    return np.asarray(0.5 * audio / np.abs(audio).max(), dtype=np.float32)


def round_trip(entry: CodecEntry, samples: Samples, bitrate: int) -> Samples:
    codec = entry.build(None, "cpu")
    return codec.decode(codec.encode(samples, bitrate))


def lag_of(reference: Samples, degraded: Samples) -> int:
    """Samples by which the first channel of ``degraded`` comes late."""
    length = 2 * reference.shape[1]
    spectrum = np.conj(np.fft.rfft(reference[0], length)) * np.fft.rfft(degraded[0], length)
    peak = int(np.argmax(np.fft.irfft(spectrum, length)))
    return peak - length if peak > length // 2 else peak


def coded(entry: CodecEntry, seconds: float = 0.5, channels: int = 1) -> Bitstream:
    samples = babble(entry.info.sample_rate, int(seconds * entry.info.sample_rate), channels)
    return entry.build(None, "cpu").encode(samples, entry.info.default_bitrates[0])


def with_packet(bitstream: Bitstream, number: int, packet: bytes) -> Bitstream:
    packets = bitstream.packets()
    packets[number] = packet
    return dataclasses.replace(
        bitstream, payload=b"".join(packets), packet_sizes=tuple(map(len, packets))
    )


@each_codec
@pytest.mark.parametrize("n_samples", [1, 10, 159, 960, 1152, 4801])
def test_output_has_the_length_of_the_input(entry: CodecEntry, n_samples: int) -> None:
    samples = babble(entry.info.sample_rate, n_samples)
    decoded = round_trip(entry, samples, entry.info.default_bitrates[0])
    assert decoded.shape == samples.shape
    assert decoded.dtype == np.float32


@each_codec
def test_a_minute_keeps_its_length(entry: CodecEntry) -> None:
    samples = np.tile(babble(entry.info.sample_rate, entry.info.sample_rate), (1, 60))
    assert round_trip(entry, samples, entry.info.default_bitrates[0]).shape == samples.shape


@pytest.mark.parametrize(
    ("entry", "bitrate", "tolerance"),
    [
        (ffmpeg.OPUS, 6_000, 4),  # the resampler of its speech mode is not of whole samples
        (ffmpeg.OPUS, 64_000, 0),
        (ffmpeg.MP3, 32_000, 0),
        (ffmpeg.MP3, 128_000, 0),
        (ffmpeg.AAC, 32_000, 0),
        (ffmpeg.AAC, 128_000, 0),
        (ffmpeg.AMR_NB, 4_750, 1),
        (ffmpeg.AMR_NB, 12_200, 1),
    ],
)
def test_output_is_aligned_with_the_input(entry: CodecEntry, bitrate: int, tolerance: int) -> None:
    samples = babble(entry.info.sample_rate, 2 * entry.info.sample_rate + 123)
    assert abs(lag_of(samples, round_trip(entry, samples, bitrate))) <= tolerance


@pytest.mark.skipif(
    not (SHARED / "eval_audio").is_dir(), reason="the shared audio is not beside the checkout"
)
@pytest.mark.parametrize(
    ("entry", "bitrate", "tolerance"),
    [(ffmpeg.OPUS, 12_000, 3), (ffmpeg.MP3, 64_000, 0), (ffmpeg.AAC, 64_000, 0)],
    ids=("opus", "mp3", "aac"),
)
def test_real_speech_is_aligned_and_near_its_nominal_bitrate(
    entry: CodecEntry, bitrate: int, tolerance: int
) -> None:
    import soundfile

    speech, sample_rate = soundfile.read(
        SHARED / "eval_audio" / "speech_01_joe_en.flac", dtype="float32", always_2d=True
    )
    assert sample_rate == entry.info.sample_rate
    codec = entry.build(None, "cpu")
    bitstream = codec.encode(np.ascontiguousarray(speech.T), bitrate)
    assert abs(lag_of(speech.T, codec.decode(bitstream))) <= tolerance
    assert bitstream.bitrate == pytest.approx(bitrate, rel=0.1)


@pytest.mark.parametrize(("entry", "bitrate"), [(e, 64_000) for e in STEREO])
def test_stereo_keeps_its_channels_apart(entry: CodecEntry, bitrate: int) -> None:
    samples = babble(48_000, 48_000, channels=2)
    decoded = round_trip(entry, samples, bitrate)
    assert decoded.shape == samples.shape
    for channel in range(2):
        own, other = (
            np.corrcoef(decoded[channel], row)[0, 1] for row in samples[[channel, channel - 1]]
        )
        assert own > 0.9
        assert own > other + 0.2


@pytest.mark.parametrize(
    ("entry", "bitrate"),
    [(ffmpeg.OPUS, 64_000), (ffmpeg.MP3, 64_000), (ffmpeg.AAC, 64_000), (ffmpeg.AMR_NB, 12_200)],
)
def test_the_first_and_the_last_samples_are_coded(entry: CodecEntry, bitrate: int) -> None:
    rate = entry.info.sample_rate
    samples = babble(rate, rate + 77)
    decoded = round_trip(entry, samples, bitrate)
    edge = rate // 50
    for part in (slice(0, edge), slice(-edge, None)):
        assert np.corrcoef(decoded[0, part], samples[0, part])[0, 1] > 0.8


@pytest.mark.parametrize("bitrate", ffmpeg.MP3.info.bitrates)
def test_mp3_sends_its_nominal_bitrate(bitrate: int) -> None:
    bitstream = ffmpeg.MP3.build(None, "cpu").encode(babble(48_000, 2 * 48_000), bitrate)
    assert set(bitstream.packet_sizes) == {144 * bitrate // 48_000}


@pytest.mark.parametrize("bitrate", [32_000, 64_000, 128_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_aac_sends_about_its_nominal_bitrate(bitrate: int, channels: int) -> None:
    white = np.random.default_rng(0).standard_normal((channels, 5 * 48_000))
    brown = np.cumsum(white, axis=1) / 2_000 + 0.01 * white
    samples = np.clip(brown, -0.9, 0.9).astype(np.float32)
    bitstream = ffmpeg.AAC.build(None, "cpu").encode(samples, bitrate)
    assert bitstream.bitrate == pytest.approx(bitrate, rel=0.1)


@pytest.mark.parametrize(
    ("bitrate", "n_bytes"), [*zip(ffmpeg.AMR_NB.info.bitrates, AMR_FRAME_BYTES, strict=True)]
)
def test_amr_sends_its_frame_in_whole_bytes_and_no_header(bitrate: int, n_bytes: int) -> None:
    bitstream = ffmpeg.AMR_NB.build(None, "cpu").encode(babble(8_000, 8_000), bitrate)
    assert set(bitstream.packet_sizes) == {n_bytes}
    assert n_bytes == -(-bitrate // 50 // 8)


def test_opus_sends_more_when_asked_for_more() -> None:
    codec = ffmpeg.OPUS.build(None, "cpu")
    samples = babble(48_000, 2 * 48_000)
    rates = [codec.encode(samples, bitrate).bitrate for bitrate in (6_000, 24_000, 96_000, 256_000)]
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(256_000, rel=0.2)


@each_codec
def test_a_repeated_run_is_bit_exact(entry: CodecEntry) -> None:
    assert coded(entry).payload == coded(entry).payload
    codec = entry.build(None, "cpu")
    np.testing.assert_array_equal(codec.decode(coded(entry)), codec.decode(coded(entry)))


def test_two_codecs_used_in_turn_do_not_disturb_each_other() -> None:
    opus, mp3 = ffmpeg.OPUS.build(None, "cpu"), ffmpeg.MP3.build(None, "cpu")
    alone = opus.decode(coded(ffmpeg.OPUS))
    other = mp3.encode(babble(48_000, 9_000, seed=1), 64_000)
    between = opus.encode(babble(48_000, 24_000), 6_000)
    mp3.decode(other)
    np.testing.assert_array_equal(opus.decode(between), alone)


@each_codec
def test_another_process_decodes_from_the_bytes_alone(entry: CodecEntry, tmp_path: Path) -> None:
    bitstream = coded(entry)
    file = tmp_path / "coded.bin"
    file.write_bytes(to_bytes(bitstream, entry.info.name, entry.info.version))
    script = (
        "import sys; from pathlib import Path; from codec_zoo.bitstream import from_bytes; "
        "from codec_zoo.registry import codec_entry; name, path = sys.argv[1:]; "
        "codec = codec_entry(name).build(None, 'cpu'); "
        "decoded = codec.decode(from_bytes(Path(path).read_bytes(), name)); "
        "sys.stdout.buffer.write(decoded.tobytes())"
    )
    command = [sys.executable, "-c", script, entry.info.name, str(file)]
    result = subprocess.run(command, capture_output=True, check=True)
    here = entry.build(None, "cpu").decode(from_bytes(file.read_bytes(), entry.info.name))
    assert result.stdout == here.tobytes()
    assert result.stderr == b""


def test_16_bit_conversion_refuses_what_it_would_clip() -> None:
    loud = 3 * babble(8_000, 8_000)
    with pytest.raises(CodecError, match=r"amr-nb .*\[-1, 1\), and the peak .* is -?1\.5"):
        ffmpeg.AMR_NB.build(None, "cpu").encode(loud, 12_200)


@pytest.mark.parametrize("entry", [ffmpeg.OPUS, ffmpeg.MP3], ids=("opus", "mp3"))
def test_floating_point_passes_audio_beyond_full_scale(entry: CodecEntry) -> None:
    loud = 3 * babble(48_000, 48_000)
    assert np.abs(round_trip(entry, loud, 128_000)).max() == pytest.approx(1.5, rel=0.1)


@each_codec
def test_an_unoffered_bitrate_is_refused(entry: CodecEntry) -> None:
    codec = entry.build(None, "cpu")
    with pytest.raises(UnsupportedBitrateError, match="does not offer 1 kbit/s; it offers"):
        codec.encode(babble(entry.info.sample_rate, 100), 1_000)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(100, np.float32), r"shape \(100,\); float32 of shape \(channels, samples\)"),
        (np.zeros((1, 100)), "given float64"),
        (np.zeros((3, 100), np.float32), "given 3 channels; it codes 1 or 2"),
        (np.zeros((1, 0), np.float32), "no samples"),
        (np.full((1, 100), np.nan, np.float32), "not finite"),
    ],
)
def test_audio_of_the_wrong_kind_is_refused(samples: Samples, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        ffmpeg.OPUS.build(None, "cpu").encode(samples, 24_000)


@each_codec
def test_a_missing_packet_is_an_error(entry: CodecEntry) -> None:
    bitstream = coded(entry)
    shorter = dataclasses.replace(
        bitstream,
        payload=b"".join(bitstream.packets()[:-1]),
        packet_sizes=bitstream.packet_sizes[:-1],
    )
    with pytest.raises(BitstreamError, match=r"samples take \d+ packets"):
        entry.build(None, "cpu").decode(shorter)


@each_codec
def test_a_cut_payload_is_an_error(entry: CodecEntry) -> None:
    bitstream = coded(entry)
    cut = dataclasses.replace(bitstream, payload=bitstream.payload[:-3])
    with pytest.raises(BitstreamError, match="packets add up"):
        entry.build(None, "cpu").decode(cut)


@each_codec
@pytest.mark.parametrize("number", [0, 3])
def test_an_empty_packet_is_an_error(entry: CodecEntry, number: int) -> None:
    with pytest.raises(BitstreamError, match=f"packet {number} of {entry.info.name} is empty"):
        entry.build(None, "cpu").decode(with_packet(coded(entry), number, b""))


@each_codec
def test_a_wrong_length_is_an_error(entry: CodecEntry) -> None:
    bitstream = coded(entry)
    longer = dataclasses.replace(bitstream, n_samples=10 * bitstream.n_samples)
    with pytest.raises(BitstreamError, match="packets"):
        entry.build(None, "cpu").decode(longer)


@each_codec
def test_a_wrong_rate_is_an_error(entry: CodecEntry) -> None:
    wrong = dataclasses.replace(coded(entry), sample_rate=22_050)
    with pytest.raises(BitstreamError, match="22050 Hz"):
        entry.build(None, "cpu").decode(wrong)


@pytest.mark.parametrize(
    ("entry", "packet", "message"),
    [
        (ffmpeg.OPUS, b"\x7b" + bytes(40), "starts with 0x7b; one frame of 20 ms expected"),
        (ffmpeg.MP3, bytes(96), "no MPEG-1 Layer III frame"),
        (ffmpeg.MP3, b"\xff\xfb\x14\xc4" + bytes(91), "no MPEG-1 Layer III frame"),
        (ffmpeg.MP3, b"\xff\xfb\x14\x44" + bytes(92), "no MPEG-1 Layer III frame of 1 channels"),
        (ffmpeg.AAC, b"\x35" * 60, "packet 2 of aac"),
        (ffmpeg.AMR_NB, bytes(30), "AMR frame of 30 bytes"),
    ],
)
def test_what_is_no_packet_is_an_error_without_noise(
    entry: CodecEntry, packet: bytes, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BitstreamError, match=message):
        entry.build(None, "cpu").decode(with_packet(coded(entry), 2, packet))
    assert capfd.readouterr() == ("", "")


def test_packets_of_stereo_are_no_packets_of_mono() -> None:
    stereo = coded(ffmpeg.MP3, channels=2)
    with pytest.raises(BitstreamError, match="of 1 channels"):
        ffmpeg.MP3.build(None, "cpu").decode(dataclasses.replace(stereo, channels=1))


def test_a_pyav_without_the_encoder_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from av.codec.codec import UnknownCodecError

    from codec_zoo.adapters import packet_codec

    class NoCodecs:
        @staticmethod
        def create(name: str, mode: str) -> None:
            raise UnknownCodecError(name)

    monkeypatch.setattr(packet_codec, "CodecContext", NoCodecs)
    with pytest.raises(CodecError, match=r"no encoder 'libopus'.*pip install"):
        ffmpeg.OPUS.build(None, "cpu")


@each_codec
def test_default_bitrates_are_offered(entry: CodecEntry) -> None:
    assert all(bitrate in entry.info.bitrates for bitrate in entry.info.default_bitrates)
    assert entry.info.streamable == (entry is ffmpeg.OPUS)


def test_opus_offers_six_to_256_kbps() -> None:
    assert ffmpeg.OPUS.info.bitrates == BitrateRange(6_000, 256_000)


def test_describing_the_codecs_loads_neither_numpy_nor_av() -> None:
    script = (
        "import sys, codec_zoo.adapters.ffmpeg, codec_zoo.adapters.pcm, codec_zoo.adapters.evs; "
        "print(sorted({'numpy', 'av', 'torch', 'scipy', 'soundfile'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
