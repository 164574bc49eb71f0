"""Streams of EnCodec and Mimi, by torch and by ONNX Runtime, against the library's own networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from codec_zoo.adapters.encodec import ENCODEC_24KHZ  # noqa: E402
from codec_zoo.adapters.encodec_streams import StreamingEncodec  # noqa: E402
from codec_zoo.adapters.mimi import MIMI, MimiCodec  # noqa: E402
from codec_zoo.bitstream import BitstreamError  # noqa: E402
from codec_zoo.interface import CodecError, StreamingCodec, UnsupportedBitrateError  # noqa: E402
from codec_zoo.models.seanet.export import (  # noqa: E402
    encodec_decoder_graph,
    encodec_encoder_graph,
    mimi_decoder_graph,
    mimi_encoder_graph,
)
from codec_zoo.models.seanet.streaming import (  # noqa: E402
    MimiStreamDecoder,
    MimiStreamEncoder,
    streaming_copy,
)
from codec_zoo.streaming import PartwiseStreams, stream_roundtrip  # noqa: E402
from codec_zoo.streaming_graph import ExportError  # noqa: E402
from codec_zoo.streaming_session import StreamSession  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from codec_zoo.samples import Samples

TINY_ENCODEC = {"num_filters": 4, "hidden_size": 16}
TINY_MIMI = {
    "num_filters": 4,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "upsample_groups": 32,
    "vector_quantization_hidden_dimension": 16,
    "codebook_dim": 16,
    "sliding_window": 10,  # five frames, so that a short test forgets some
    "layer_scale_initial_scale": 1.0,
}
N_FRAMES = 40
SETTLED = 20  # frames after which EnCodec has forgotten its mirrored start
HOP = {"encodec": 320, "mimi": 1_920}


def seeded(model_class, config):
    """An untrained model whose codebooks are not all alike."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = model_class(config).eval()
        for name, buffer in model.named_buffers():
            if name.endswith((".embed", ".embed_sum")):
                buffer.normal_()
    return model


def encodec(pad_mode: str = "constant", **sizes: int):
    config = transformers.EncodecConfig(pad_mode=pad_mode, **(sizes or TINY_ENCODEC))
    return seeded(transformers.EncodecModel, config)


def mimi(**changes):
    return seeded(transformers.MimiModel, transformers.MimiConfig(**TINY_MIMI | changes))


def audio(hop: int, n_frames: int = N_FRAMES):
    return 0.1 * torch.randn(1, 1, n_frames * hop, generator=torch.Generator().manual_seed(1))


def latents(dim: int, n_frames: int = N_FRAMES):
    return torch.randn(1, dim, n_frames, generator=torch.Generator().manual_seed(2))


def samples(name: str, n_frames: int = N_FRAMES) -> Samples:
    return audio(HOP[name], n_frames)[0].numpy()


def by_torch(network, x, size: int):
    with torch.inference_mode():
        return torch.cat([network(piece) for piece in x.split(size, dim=2)], dim=2)


def by_onnx(graph, x, size: int):
    session = StreamSession(graph)
    pieces = [session.push(piece.numpy()) for piece in x.split(size, dim=2)]
    return torch.from_numpy(np.concatenate(pieces, axis=2))


def offline(network: Callable, x):
    with torch.inference_mode():
        return network(x)


def largest_difference(found, expected) -> float:
    assert found.shape == expected.shape
    return (found - expected).abs().max().item()


@pytest.mark.parametrize("chunk_frames", [1, 4])
def test_encodecs_streamed_encoder_equals_the_library_with_zero_padding(chunk_frames: int) -> None:
    encoder, x, size = encodec().encoder, audio(320), chunk_frames * 320
    expected = offline(encoder, x)
    graph = encodec_encoder_graph(encoder, chunk_frames, 320)
    assert largest_difference(by_torch(streaming_copy(encoder), x, size), expected) < 1e-5
    assert largest_difference(by_onnx(graph, x, size), expected) < 1e-5


@pytest.mark.parametrize("chunk_frames", [1, 4])
def test_encodecs_streamed_decoder_equals_the_library_with_zero_padding(chunk_frames: int) -> None:
    decoder, z = encodec().decoder, latents(16)
    expected = offline(decoder, z)
    graph = encodec_decoder_graph(decoder, chunk_frames, 16)
    assert largest_difference(by_torch(streaming_copy(decoder), z, chunk_frames), expected) < 1e-5
    assert largest_difference(by_onnx(graph, z, chunk_frames), expected) < 1e-5


def test_encodec_of_full_size_streams_by_onnx_as_the_library_with_zero_padding() -> None:
    model, n_frames = encodec(num_filters=32), 6
    x, z = audio(320, n_frames), latents(128, n_frames)
    found = by_onnx(encodec_encoder_graph(model.encoder, 1, 320), x, 320)
    assert largest_difference(found, offline(model.encoder, x)) < 1e-5
    found = by_onnx(encodec_decoder_graph(model.decoder, 1, 128), z, 1)
    assert largest_difference(found, offline(model.decoder, z)) < 1e-5


def test_encodecs_stream_equals_the_published_padding_once_the_start_is_forgotten() -> None:
    model, x, z = encodec("reflect"), audio(320), latents(16)
    streamed = by_torch(streaming_copy(model.encoder), x, 320)
    difference = (streamed - offline(model.encoder, x)).abs().amax(dim=(0, 1))  # [T]
    assert difference[0] > 1e-3
    assert difference[SETTLED:].max() < 1e-4
    streamed = by_torch(streaming_copy(model.decoder), z, 1)
    difference = (streamed - offline(model.decoder, z)).abs()[0, 0].reshape(N_FRAMES, 320)
    assert difference[0].max() > 1e-3
    assert difference[SETTLED:].max() < 1e-4


@pytest.mark.parametrize("chunk_frames", [1, 4])
def test_mimis_streamed_encoder_equals_the_library_everywhere(chunk_frames: int) -> None:
    encoder, x, size = mimi().encoder, audio(1_920), chunk_frames * 1_920
    expected = offline(encoder, x).latents
    graph = mimi_encoder_graph(encoder, chunk_frames, 1_920)
    assert largest_difference(by_torch(MimiStreamEncoder(encoder), x, size), expected) < 1e-4
    assert largest_difference(by_onnx(graph, x, size), expected) < 1e-4


@pytest.mark.parametrize("chunk_frames", [1, 4])
def test_mimis_streamed_decoder_equals_the_library_everywhere(chunk_frames: int) -> None:
    decoder, z = mimi().decoder, latents(32)
    expected = offline(decoder, z).audio_values
    graph = mimi_decoder_graph(decoder, chunk_frames)
    found = by_torch(MimiStreamDecoder(decoder), z, chunk_frames)
    assert largest_difference(found, expected) < 1e-4
    assert largest_difference(by_onnx(graph, z, chunk_frames), expected) < 1e-4


def test_mimis_streamed_encoder_equals_the_librarys_own_streaming() -> None:
    encoder, x = mimi().encoder, audio(1_920, 8)
    keys, padding, pieces = None, None, []
    with torch.inference_mode():
        for piece in x.split(1_920, dim=2):
            result = encoder(piece, past_key_values=keys, padding_cache=padding, use_streaming=True)
            keys, padding = result.past_key_values, result.padding_cache
            pieces.append(result.latents)
    found = by_torch(MimiStreamEncoder(encoder), x, 1_920)
    assert largest_difference(found, torch.cat(pieces, dim=2)) < 1e-5


def test_a_stream_of_mimi_keeps_no_more_than_its_window() -> None:
    stream = MimiStreamEncoder(mimi().encoder)
    with torch.inference_mode():
        for piece in audio(1_920).split(1_920, dim=2):
            stream(piece)
    keys = stream._transformer._cache.layers[0].keys
    assert keys.shape[2] < TINY_MIMI["sliding_window"]


@pytest.fixture(scope="module", params=["encodec", "mimi"])
def codec(request: pytest.FixtureRequest) -> StreamingCodec:
    if request.param == "encodec":
        return StreamingEncodec(ENCODEC_24KHZ.info, encodec("reflect"), "cpu")
    return MimiCodec(MIMI.info, mimi(), "cpu")


def default_bitrate(codec: StreamingCodec) -> int:
    return codec.info.default_bitrates[0]


def test_they_are_described_as_streaming_codecs(codec) -> None:
    assert isinstance(codec, StreamingCodec)
    assert isinstance(codec, PartwiseStreams)
    assert codec.info.streamable


@pytest.mark.parametrize("chunk_frames", [1, 3])
def test_streamed_equals_offline(codec, chunk_frames: int) -> None:
    speech = samples(codec.info.name)
    bitrate = default_bitrate(codec)
    coded = codec.encode(speech, bitrate)
    packets = codec.stream_encoder(bitrate).push(speech)
    assert sum(map(len, packets)) >= len(coded.payload)  # each fills whole bytes
    expected = codec.decode(coded)
    found = stream_roundtrip(codec, speech, bitrate, chunk_frames=chunk_frames)
    start = 2 * SETTLED * 320 if codec.info.name == "encodec" else 0
    start = min(start, expected.shape[1] // 2)
    noise = np.square(expected - found)[:, start:].sum()
    assert 10 * np.log10(np.square(expected[:, start:]).sum() / max(noise, 1e-12)) > 30.0


def test_a_lost_packet_repeats_the_codes_before_it(codec) -> None:
    bitrate = default_bitrate(codec)
    packets = codec.stream_encoder(bitrate).push(samples(codec.info.name, 4))
    lossy, repeated = codec.stream_decoder(bitrate), codec.stream_decoder(bitrate)
    assert not lossy.push(None).any()
    lossy.push(packets[0])
    repeated.push(packets[0])
    np.testing.assert_array_equal(lossy.push(None), repeated.push(packets[0]))


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_the_timed_parts_find_the_codes_of_the_stream(codec, backend: str) -> None:
    info, bitrate = codec.info, default_bitrate(codec)
    parts = codec.stream_parts(bitrate, chunk_frames=2, backend=backend, threads=1)
    assert list(parts) == ["encoder", "encoder+quantizer", "decoder"]
    speech = samples(info.name, 8)
    pieces = np.split(speech[None], 4, axis=2)
    found = np.concatenate([parts["encoder+quantizer"](piece) for piece in pieces], axis=2)
    expected = codec.stream_encoder(bitrate)._encode(speech)
    assert (found[0] == expected).mean() > 0.95  # a tie changes the codes after it
    assert parts["encoder"](pieces[0]).shape[2] == 2
    streamed = parts["decoder"](found[..., :2])[0]
    decoder = codec.stream_decoder(bitrate)
    audio_of_codes = np.concatenate([decoder._decode(found[0, :, [t]].T) for t in (0, 1)], axis=1)
    np.testing.assert_allclose(streamed, audio_of_codes, atol=1e-4)


def test_audio_that_is_no_whole_number_of_frames_is_refused(codec) -> None:
    with pytest.raises(CodecError, match="given 100 samples; a multiple of its frame"):
        codec.stream_encoder(default_bitrate(codec)).push(np.zeros((1, 100), np.float32))


def test_a_packet_of_another_size_is_refused(codec) -> None:
    with pytest.raises(BitstreamError, match="has 1 bytes"):
        codec.stream_decoder(default_bitrate(codec)).push(bytes(1))


@pytest.mark.parametrize("end", ["stream_encoder", "stream_decoder"])
def test_a_bitrate_that_is_not_offered_is_refused(codec, end: str) -> None:
    with pytest.raises(UnsupportedBitrateError, match="does not offer 5 kbit/s"):
        getattr(codec, end)(5_000)


def test_layers_and_settings_that_cannot_be_exported_are_named() -> None:
    decoder = encodec().decoder
    decoder.layers.append(torch.nn.Softmax(dim=1))
    with pytest.raises(ExportError, match="the layer Softmax has no streaming operator"):
        encodec_decoder_graph(decoder, 1, 16)
    with pytest.raises(ExportError, match="1 key heads for 2 heads"):
        mimi_encoder_graph(mimi(num_key_value_heads=1).encoder, 1, 1_920)
