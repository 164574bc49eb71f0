"""Streams: what goes through frame by frame comes out as if it had been coded at once."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from codec_zoo.adapters.hilcodec import HILCODEC, HilCodecAdapter  # noqa: E402
from codec_zoo.bitstream import BitstreamError  # noqa: E402
from codec_zoo.interface import CodecError, StreamingCodec, UnsupportedBitrateError  # noqa: E402
from codec_zoo.models.hilcodec.config import HilCodecConfig  # noqa: E402
from codec_zoo.models.hilcodec.initialisation import initialise  # noqa: E402
from codec_zoo.models.hilcodec.network import HilCodec, load_weights  # noqa: E402
from codec_zoo.models.hilcodec.streaming import streaming_copy  # noqa: E402
from codec_zoo.streaming import stream_roundtrip  # noqa: E402

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
VECTORS = SHARED / "vectors" / "hilcodec_music"
needs_vectors = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="the shared vectors folder is not beside the checkout"
)
FRAME = 320
N_FRAMES = 24
BITRATE = 3_000


def small_network(*, exact: bool = True) -> HilCodec:
    network = HilCodec(HilCodecConfig(encoder_channels=4, decoder_channels=4, exact_spectrum=exact))
    initialise(network, torch.Generator().manual_seed(0), zero_branches=False)
    return network.eval()


def waveform(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(N_FRAMES * FRAME) / 24_000
    wave = 0.1 * np.sin(2 * np.pi * 220 * t) + 0.03 * rng.standard_normal(len(t))
    return wave.astype(np.float32)[None]


@pytest.fixture(scope="module")
def codec() -> StreamingCodec:
    built = HilCodecAdapter(HILCODEC.info, small_network(), "cpu")
    assert isinstance(built, StreamingCodec)
    return built


def streamed(network, pieces):
    stream = streaming_copy(network)
    with torch.inference_mode():
        return torch.cat([stream(piece) for piece in pieces], dim=-1)


@pytest.mark.parametrize("chunk_frames", [1, 3])
@pytest.mark.parametrize("exact", [True, False])
def test_streamed_latents_equal_offline_ones_everywhere(chunk_frames, exact):
    encoder = small_network(exact=exact).encoder
    x = torch.from_numpy(waveform())[None]
    with torch.inference_mode():
        offline = encoder(x)
    found = streamed(encoder, x.split(chunk_frames * FRAME, dim=-1))
    assert found.shape == offline.shape
    assert (found - offline).abs().max() < 1e-4


@pytest.mark.parametrize("chunk_frames", [1, 5])
def test_streamed_audio_equals_offline_audio_everywhere(chunk_frames):
    decoder = small_network().decoder
    latents = torch.randn(1, 128, N_FRAMES, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        offline = decoder(latents)
    found = streamed(decoder, latents.split(chunk_frames, dim=-1))
    assert (found - offline).abs().max() < 1e-4


def test_a_stream_leaves_its_network_as_it_was():
    network = small_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    streamed(network.encoder, [torch.zeros(1, 1, FRAME)])
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("chunk_frames", [1, 4])
def test_streamed_equals_offline(codec, chunk_frames):
    speech = waveform()
    offline = codec.decode(codec.encode(speech, BITRATE))
    found = stream_roundtrip(codec, speech, BITRATE, chunk_frames=chunk_frames)
    noise = np.square(offline - found).sum()
    assert 10 * np.log10(np.square(offline).sum() / max(noise, 1e-12)) > 30.0


def test_a_packet_is_the_codes_of_one_frame_in_whole_bytes(codec):
    packets = codec.stream_encoder(BITRATE).push(waveform()[:, : 3 * FRAME])
    assert [len(packet) for packet in packets] == [5, 5, 5]  # four codes of ten bits


def test_streams_do_not_disturb_each_other(codec):
    speech = waveform()
    alone = codec.stream_encoder(BITRATE).push(speech)
    first, second = codec.stream_encoder(BITRATE), codec.stream_encoder(BITRATE)
    mixed = []
    for start in range(0, speech.shape[1], FRAME):
        mixed += first.push(speech[:, start : start + FRAME])
        second.push(waveform(seed=1)[:, start : start + FRAME])
    assert mixed == alone


def test_a_lost_packet_is_concealed_by_the_codes_before_it(codec):
    packets = codec.stream_encoder(BITRATE).push(waveform())
    lossy, repeated = codec.stream_decoder(BITRATE), codec.stream_decoder(BITRATE)
    for packet in packets[:4]:
        lossy.push(packet)
        repeated.push(packet)
    np.testing.assert_array_equal(lossy.push(None), repeated.push(packets[3]))


def test_before_the_first_packet_there_is_silence(codec):
    concealed = codec.stream_decoder(BITRATE).push(None)
    assert concealed.shape == (1, FRAME)
    assert not concealed.any()


@pytest.mark.parametrize("n_samples", [0, 1, 319, 321])
def test_audio_that_is_no_whole_number_of_frames_is_refused(codec, n_samples):
    with pytest.raises(CodecError, match=r"samples; (a multiple of its frame|at least one)"):
        codec.stream_encoder(BITRATE).push(np.zeros((1, n_samples), np.float32))


def test_a_packet_of_another_bitrate_is_refused(codec):
    with pytest.raises(BitstreamError, match="has 4 bytes; 5 expected"):
        codec.stream_decoder(BITRATE).push(bytes(4))


@pytest.mark.parametrize("end", ["stream_encoder", "stream_decoder"])
def test_a_stream_at_a_bitrate_that_is_not_offered_is_refused(codec, end):
    with pytest.raises(UnsupportedBitrateError, match="does not offer 4 kbit/s"):
        getattr(codec, end)(4_000)


@pytest.fixture(scope="module")
def published() -> HilCodec:
    spec = importlib.util.spec_from_file_location("name_seeded", SHARED / "vectors/name_seeded.py")
    assert spec is not None
    assert spec.loader is not None
    seeded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seeded)
    keys = json.loads((VECTORS / "keys.json").read_text())["weights"]
    state = {
        name: torch.from_numpy(seeded.tensor(name, tuple(shape), salt="shared"))
        for name, shape in keys.items()
    }
    network = HilCodec(HilCodecConfig())
    load_weights(network, state)
    return network.eval()


@needs_vectors
def test_streamed_latents_are_those_of_the_official_streaming_encoder(published):
    vectors = load_file(VECTORS / "tensors.safetensors")
    found = streamed(published.encoder, vectors["x"].split(FRAME, dim=-1))
    assert (found - vectors["z_stream"]).abs().max() < 3.9e-4  # the tolerance stored with it


@needs_vectors
def test_streamed_audio_is_that_of_the_official_offline_decoder(published):
    vectors = load_file(VECTORS / "tensors.safetensors")
    found = streamed(published.decoder, vectors["q_n12"].split(1, dim=-1))
    assert (found - vectors["y_n12"]).abs().max() < 1.8e-5
    assert (found - vectors["y_stream_upstream_n12"]).abs().max() > 0.01  # the published bugs
