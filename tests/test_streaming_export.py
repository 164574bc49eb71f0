"""Streaming ONNX graphs: both ways of writing them compute what the network computes."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from torch import nn  # noqa: E402

from codec_zoo.models.hilcodec.config import HilCodecConfig  # noqa: E402
from codec_zoo.models.hilcodec.export import decoder_graph, encoder_graph  # noqa: E402
from codec_zoo.models.hilcodec.fast_export import FastLayers  # noqa: E402
from codec_zoo.models.hilcodec.initialisation import initialise  # noqa: E402
from codec_zoo.models.hilcodec.network import HilCodec  # noqa: E402
from codec_zoo.models.hilcodec.plain_export import PlainLayers  # noqa: E402
from codec_zoo.models.hilcodec.spectral_kernels import fourier_kernels  # noqa: E402
from codec_zoo.models.hilcodec.stream_parts import residual_codebooks  # noqa: E402
from codec_zoo.quantizer_graphs import dequantizer_graph, quantizer_graph  # noqa: E402
from codec_zoo.streaming_graph import ExportError  # noqa: E402
from codec_zoo.streaming_session import StreamSession  # noqa: E402

HOP = 320
N_FRAMES = 12
WRITERS = [PlainLayers, FastLayers]
WIDE = 16  # channels that the runtime's blocked kernels take


def network(**changes) -> HilCodec:
    config = {"encoder_channels": 4, "decoder_channels": 4, "exact_spectrum": True} | changes
    built = HilCodec(HilCodecConfig(**config))
    initialise(built, torch.Generator().manual_seed(0), zero_branches=False)
    return built.eval()


def audio() -> np.ndarray:
    rng = np.random.default_rng(3)
    return (0.1 * rng.standard_normal((1, 1, N_FRAMES * HOP))).astype(np.float32)


def latents() -> np.ndarray:
    rng = np.random.default_rng(4)
    return rng.standard_normal((1, 128, N_FRAMES)).astype(np.float32)


def pushed(model, values):
    session = StreamSession(model)
    size = session.input_shape[2]
    pieces = [values[:, :, at : at + size] for at in range(0, values.shape[2], size)]
    return np.concatenate([session.push(piece) for piece in pieces], axis=2)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"exact_spectrum": False},
        {"spectrogram_blocks": False, "l2_norm": False},
        {"encoder_channels": WIDE},
    ],
)
def test_the_encoders_graph_equals_the_offline_encoder_everywhere(writer, changes):
    built = network(**changes)
    with torch.inference_mode():
        offline = built.encoder(torch.from_numpy(audio())).numpy()
    found = pushed(encoder_graph(built, writer, 1), audio())
    assert np.abs(found - offline).max() < 1e-4


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("n_frames", [1, 4])
@pytest.mark.parametrize("channels", [4, WIDE])
def test_the_decoders_graph_equals_the_offline_decoder_everywhere(writer, n_frames, channels):
    built = network(decoder_channels=channels)
    with torch.inference_mode():
        offline = built.decoder(torch.from_numpy(latents())).numpy()
    found = pushed(decoder_graph(built, writer, n_frames), latents())
    assert np.abs(found - offline).max() < 1e-4


@pytest.mark.parametrize("writer", WRITERS)
def test_a_push_of_several_frames_equals_that_many_pushes(writer):
    built = network()
    one = pushed(encoder_graph(built, writer, 1), audio())
    several = pushed(encoder_graph(built, writer, 3), audio())
    assert np.abs(one - several).max() < 1e-4


@pytest.mark.parametrize("n_codebooks", [2, 12])
def test_the_quantizers_graph_finds_the_codes_of_the_network(n_codebooks):
    built = network()
    z = torch.from_numpy(latents())
    expected = built.quantizer.encode(z, n_codebooks).numpy()
    books = [residual_codebooks(built.quantizer, n_codebooks)]
    found = pushed(quantizer_graph(books, 1), latents())
    assert found.dtype == np.int64
    assert (found == expected).mean() > 0.995  # two codewords may tie
    back = pushed(dequantizer_graph(books, 1), expected)
    with torch.inference_mode():
        summed = built.quantizer.decode(torch.from_numpy(expected)).numpy()
    assert np.abs(back - summed).max() < 1e-5


def test_fourier_kernels_are_those_of_the_transform():
    spectrogram = network().encoder.spec_post.spec
    frame = np.random.default_rng(5).standard_normal(1024)
    expected = np.fft.rfft(frame * np.hanning(1025)[:-1])
    found = fourier_kernels(spectrogram).astype(np.float64) @ frame
    np.testing.assert_allclose(found[:513], expected.real, atol=1e-4)
    np.testing.assert_allclose(found[513:], -expected.imag, atol=1e-4)


def test_streams_of_one_graph_keep_their_states_apart():
    model = encoder_graph(network(), FastLayers, 1)
    alone = pushed(model, audio())
    first, second = StreamSession(model), StreamSession(model)
    mixed = []
    for at in range(0, N_FRAMES * HOP, HOP):
        mixed.append(first.push(audio()[:, :, at : at + HOP]))
        second.push(np.ones((1, 1, HOP), np.float32))
    np.testing.assert_array_equal(np.concatenate(mixed, axis=2), alone)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_layer_without_a_streaming_operator_is_named(writer):
    built = network()
    built.decoder.model[2] = nn.LSTM(4, 4)
    with pytest.raises(ExportError, match="the layer LSTM has no streaming operator"):
        decoder_graph(built, writer, 1)


def test_a_push_of_another_size_is_refused():
    session = StreamSession(decoder_graph(network(), FastLayers, 1))
    with pytest.raises(ValueError, match=r"\(1, 128, 2\) was pushed; \(1, 128, 1\) expected"):
        session.push(np.zeros((1, 128, 2), np.float32))
