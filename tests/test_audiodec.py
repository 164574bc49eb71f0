"""AudioDec: the networks against the published ones, and the files that they come in."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from codec_zoo.adapters import audiodec
from codec_zoo.bitstream import Bitstream, pack_codes
from codec_zoo.interface import CodecError
from codec_zoo.weights import WeightsError, WeightsFile, import_weights, resolve_weights

torch = pytest.importorskip("torch")

pytest.importorskip("onnxruntime")

if TYPE_CHECKING:
    from codec_zoo.interface import CodecEntry
    from codec_zoo.samples import Samples

VECTORS = Path(__file__).resolve().parents[1].parent / "shared" / "vectors"
FOLDER = VECTORS / "audiodec_24k"
needs_vectors = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the shared vectors folder is not beside the checkout"
)
AUTOENCODER = "autoencoder/symAD_libritts_24000_hop300"
VOCODER = "vocoder/AudioDec_v1_symAD_libritts_24000_hop300_clean"
ENTRIES = {"vocoder_v1": audiodec.AUDIODEC, "symmetric": audiodec.AUDIODEC_SYMMETRIC}


def of(path: Path) -> WeightsFile:
    return WeightsFile(path=path, sha256="", origin="imported")


def noise(n_samples: int, seed: int = 0) -> Samples:
    samples = np.random.default_rng(seed).normal(0.0, 0.1, (1, n_samples))
    return samples.astype(np.float32)


def save(path: Path, state: dict[str, torch.Tensor]) -> None:
    """A checkpoint as the authors' trainer writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = {"model": {"generator": state, "discriminator": {}}, "steps": 500_000}
    torch.save(checkpoint, path)


class Vectors:
    """Inputs and outputs of the official models, and their weights in official files."""

    def __init__(self, folder: Path) -> None:
        from safetensors.torch import load_file

        recipe = importlib.util.spec_from_file_location("seeded", VECTORS / "name_seeded.py")
        seeded = importlib.util.module_from_spec(recipe)
        recipe.loader.exec_module(seeded)
        keys = json.loads((FOLDER / "keys.json").read_text())
        self.states: dict[str, dict[str, torch.Tensor]] = {}
        for name, shape in keys["weights"].items():
            part, _, key = name.partition(".")
            tensor = torch.from_numpy(seeded.tensor(name, tuple(shape), salt="shared"))
            self.states.setdefault(part, {})[key] = tensor
        for name, shape in keys["computed"].items():
            part, _, key = name.partition(".")
            self.states[part][key] = torch.zeros(shape)
        save(folder / AUTOENCODER / "checkpoint-500000steps.pkl", self.states["autoencoder"])
        save(folder / VOCODER / "checkpoint-500000steps.pkl", self.states["vocoder_v1"])
        self.folder = folder
        self.codecs = {name: entry.build(of(folder), "cpu") for name, entry in ENTRIES.items()}
        self.tensors = load_file(FOLDER / "tensors.safetensors")
        self.described = json.loads((FOLDER / "meta.json").read_text())["tensors"]

    def assert_close(self, name: str, found: torch.Tensor) -> None:
        assert found.shape == self.tensors[name].shape
        difference = (found - self.tensors[name]).abs().max().item()
        assert difference <= self.described[name]["tolerance"]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    return Vectors(tmp_path_factory.mktemp("official") / "exp")


@pytest.fixture(scope="module")
def codec():
    return audiodec.AUDIODEC.build(None, "cpu")


@needs_vectors
@pytest.mark.parametrize("suffix", ["", "_odd"])
def test_latents_equal_the_published_encoder(vectors: Vectors, suffix: str) -> None:
    modules = vectors.codecs["symmetric"].modules()
    with torch.inference_mode():
        vectors.assert_close(f"z{suffix}", modules["encoder"](vectors.tensors[f"x{suffix}"]))


@needs_vectors
@pytest.mark.parametrize("suffix", ["", "_odd"])
def test_codes_equal_the_published_quantizer(vectors: Vectors, suffix: str) -> None:
    expected = vectors.tensors[f"codes{suffix}"]
    quantizer = vectors.codecs["symmetric"].modules()["quantizer"]
    codes = quantizer.encode(vectors.tensors[f"z{suffix}"])[0]
    assert (codes != expected).any(dim=0).sum() <= max(1, 0.005 * expected.numel())


@needs_vectors
@pytest.mark.parametrize("decoder", ENTRIES)
def test_quantized_latents_and_audio_equal_the_published_decoders(
    vectors: Vectors, decoder: str
) -> None:
    modules = vectors.codecs[decoder].modules()
    with torch.inference_mode():
        vectors.assert_close("q", modules["quantizer"].decode(vectors.tensors["codes"][None]))
        vectors.assert_close(f"y_{decoder}", modules["decoder"](vectors.tensors["q"]))


@needs_vectors
@pytest.mark.parametrize("decoder", ENTRIES)
def test_published_codes_decode_from_a_bitstream(vectors: Vectors, decoder: str) -> None:
    payload, layout = pack_codes(vectors.tensors["codes_odd"].numpy(), 1024)
    expected = vectors.tensors[f"y_odd_{decoder}"]
    bitstream = Bitstream(payload, expected.shape[2], sample_rate=24_000, layout=layout)
    decoded = vectors.codecs[decoder].decode(bitstream)
    vectors.assert_close(f"y_odd_{decoder}", torch.from_numpy(decoded)[None])


@needs_vectors
@pytest.mark.parametrize("decoder", ENTRIES)
def test_streams_that_start_from_zeros_equal_the_published_streaming(
    vectors: Vectors, decoder: str
) -> None:
    from codec_zoo.models.audiodec.streaming import streaming_copy

    modules = vectors.codecs[decoder].modules()
    frames = vectors.tensors["x"].split(300, dim=2)
    latents = vectors.tensors["q"].split(1, dim=2)
    with torch.inference_mode():
        encoder = streaming_copy(modules["encoder"])
        vectors.assert_close("z_stream", torch.cat([encoder(frame) for frame in frames], dim=2))
        stream = streaming_copy(modules["decoder"], zero_start=True)
        streamed = torch.cat([stream(latent) for latent in latents], dim=2)
    vectors.assert_close(f"y_stream_{decoder}", streamed)


def test_streamed_equals_offline() -> None:
    from codec_zoo.streaming import stream_roundtrip

    codec = audiodec.AUDIODEC_SYMMETRIC.build(None, "cpu")
    samples = noise(40 * 300)
    offline = codec.decode(codec.encode(samples, 6400))
    difference = stream_roundtrip(codec, samples, 6400) - offline
    # A code may flip at a tie and change its frame.
    assert 10 * np.log10(np.mean(offline**2) / np.mean(difference**2)) > 30


@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize("chunk_frames", [1, 2])
def test_timed_parts_are_those_of_the_stream(backend: str, chunk_frames: int) -> None:
    codec = audiodec.AUDIODEC_SYMMETRIC.build(None, "cpu")
    parts = codec.stream_parts(6400, chunk_frames=chunk_frames, backend=backend, threads=1)
    samples = noise(8 * 300)
    pieces = np.split(samples[None], 8 // chunk_frames, axis=2)
    assert parts["encoder"](pieces[0]).shape == (1, 64, chunk_frames)
    codes = [parts["encoder+quantizer"](piece) for piece in pieces]
    bitstream = codec.encode(samples, 6400)
    np.testing.assert_array_equal(np.concatenate(codes, axis=2)[0], bitstream.codes())
    decoded = np.concatenate([parts["decoder"](chunk) for chunk in codes], axis=2)[0]
    np.testing.assert_allclose(decoded, codec.decode(bitstream), atol=1e-5)


@pytest.mark.parametrize(
    "entry", [audiodec.AUDIODEC, audiodec.AUDIODEC_48KHZ_V0, audiodec.AUDIODEC_48KHZ_V2]
)
def test_a_vocoders_graph_equals_the_offline_vocoder_everywhere(entry: CodecEntry) -> None:
    from codec_zoo.models.audiodec.export import decoder_graph
    from codec_zoo.streaming_session import StreamSession

    vocoder = entry.build(None, "cpu").modules()["decoder"]
    vocoder.mean += torch.linspace(-0.5, 0.5, 64)
    vocoder.scale *= torch.linspace(0.5, 2.0, 64)
    latents = torch.randn(1, 64, 6, generator=torch.Generator().manual_seed(0))
    session = StreamSession(decoder_graph(vocoder, 2))
    streamed = [session.push(piece.numpy()) for piece in latents.split(2, dim=2)]
    with torch.inference_mode():
        offline = vocoder(latents).numpy()
    np.testing.assert_allclose(np.concatenate(streamed, axis=2), offline, atol=1e-5)


def test_a_stream_leaves_its_vocoder_as_it_was() -> None:
    from codec_zoo.models.audiodec.streaming import streaming_copy

    vocoder = audiodec.AUDIODEC_48KHZ_V2.build(None, "cpu").modules()["decoder"]
    latents = torch.randn(1, 64, 2, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before = vocoder(latents)
        streaming_copy(vocoder)(latents)
        assert torch.equal(vocoder(latents), before)


def test_a_layer_without_a_streaming_operator_is_named() -> None:
    from codec_zoo.models.audiodec.export import decoder_graph, encoder_graph
    from codec_zoo.streaming_graph import ExportError

    encoder = audiodec.AUDIODEC_SYMMETRIC.build(None, "cpu").modules()["encoder"]
    encoder.conv_blocks.append(torch.nn.GELU())
    with pytest.raises(ExportError, match="the layer GELU has no streaming operator"):
        encoder_graph(encoder, 1)
    with pytest.raises(ExportError, match="the layer Linear has no streaming operator"):
        decoder_graph(torch.nn.Linear(1, 1), 1)


def test_a_backend_that_cannot_run_it_is_refused_with_those_that_can() -> None:
    codec = audiodec.AUDIODEC_SYMMETRIC.build(None, "cpu")
    with pytest.raises(CodecError, match="does not stream by native; choose onnx or torch"):
        codec.stream_parts(6400, chunk_frames=1, backend="native", threads=1)


@needs_vectors
def test_the_official_archive_is_imported_as_it_is(
    vectors: Vectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODECBENCH_WEIGHTS", str(tmp_path / "weights"))
    checkpoint = f"{AUTOENCODER}/checkpoint-500000steps.pkl"
    with zipfile.ZipFile(tmp_path / "exp.zip", "w") as archive:
        archive.write(vectors.folder / checkpoint, f"exp/{checkpoint}")
    source = audiodec.AUDIODEC_SYMMETRIC.weights
    import_weights(source, tmp_path / "exp.zip")
    codec = audiodec.AUDIODEC_SYMMETRIC.build(resolve_weights(source), "cpu")
    samples = vectors.tensors["x"][0].numpy()
    assert codec.encode(samples, 6400) == vectors.codecs["symmetric"].encode(samples, 6400)


def test_archive_that_is_cut_off_is_refused_and_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODECBENCH_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "weights" / "audiodec").mkdir(parents=True)
    (tmp_path / "exp.zip").write_bytes(b"PK no archive")
    with pytest.raises(WeightsError, match=r"exp\.zip cannot be unpacked"):
        import_weights(audiodec.AUDIODEC.weights, tmp_path / "exp.zip")
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["audiodec"]


@needs_vectors
def test_statistics_come_from_a_file_where_the_vocoder_lacks_them(
    vectors: Vectors, tmp_path: Path
) -> None:
    vocoder = dict(vectors.states["vocoder_v1"])
    statistics = np.stack([vocoder.pop("mean").numpy(), vocoder.pop("scale").numpy()])
    save(tmp_path / AUTOENCODER / "checkpoint-500000steps.pkl", vectors.states["autoencoder"])
    save(tmp_path / VOCODER / "checkpoint-500000steps.pkl", vocoder)
    with pytest.raises(WeightsError, match=r"no symAD_libritts_24000_hop300_clean\.npy; copy it"):
        audiodec.AUDIODEC.build(of(tmp_path), "cpu")
    np.save(tmp_path / "symAD_libritts_24000_hop300_clean.npy", statistics)
    decoder = audiodec.AUDIODEC.build(of(tmp_path), "cpu").modules()["decoder"]
    np.testing.assert_array_equal([decoder.mean.numpy(), decoder.scale.numpy()], statistics)


@needs_vectors
def test_encoder_comes_from_the_first_stage_and_symmetric_decoder_from_the_last(
    vectors: Vectors, tmp_path: Path
) -> None:
    first = vectors.states["autoencoder"]
    last = {name: tensor + 1 for name, tensor in first.items()}
    save(tmp_path / AUTOENCODER / "checkpoint-500000steps.pkl", first)
    save(tmp_path / AUTOENCODER / "checkpoint-1000000steps.pkl", last)
    modules = audiodec.AUDIODEC_SYMMETRIC.build(of(tmp_path), "cpu").modules()
    name = "conv.conv.weight"
    assert torch.equal(modules["encoder"].state_dict()[name], first[f"encoder.{name}"])
    name = "conv2.conv.weight"
    assert torch.equal(modules["decoder"].state_dict()[name], last[f"decoder.{name}"])


@needs_vectors
def test_folder_of_another_model_is_refused_by_what_it_lacks(vectors: Vectors) -> None:
    with pytest.raises(WeightsError, match=r"holds no symAD_vctk_48000_hop300/checkpoint"):
        audiodec.AUDIODEC_48KHZ.build(of(vectors.folder), "cpu")


@needs_vectors
def test_vocoder_of_another_width_is_refused_with_both_shapes(
    vectors: Vectors, tmp_path: Path
) -> None:
    name = "symAD_vctk_48000_hop300"
    vocoder = tmp_path / "vocoder" / f"AudioDec_v2_{name}_clean"
    save(
        tmp_path / "autoencoder" / name / "checkpoint-200000steps.pkl",
        vectors.states["autoencoder"],
    )
    save(vocoder / "checkpoint-500000steps.pkl", vectors.states["vocoder_v1"])
    with pytest.raises(WeightsError, match=r"\[768, 256, 11\] for \[768, 256, 3\].*other shape"):
        audiodec.AUDIODEC_48KHZ_V2.build(of(tmp_path), "cpu")


def test_single_file_is_refused_with_what_is_expected(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "one.pkl")
    with pytest.raises(WeightsError, match=r"one\.pkl is a file; a folder with symAD_libritts"):
        audiodec.AUDIODEC.build(of(tmp_path / "one.pkl"), "cpu")


@pytest.mark.parametrize(
    ("entry", "decoder_count"),
    [
        (audiodec.AUDIODEC, 19_461_090),  # with the encoder 23.27 M: Ahn et al. 2024, Table III
        (audiodec.AUDIODEC_SYMMETRIC, 4_035_264),
        (audiodec.AUDIODEC_48KHZ_V0, 12_932_610),
        (audiodec.AUDIODEC_48KHZ_V2, 6_927_330),
    ],
    ids=lambda value: getattr(getattr(value, "info", None), "name", ""),
)
def test_parameter_counts_are_the_published_ones(entry, decoder_count: int) -> None:
    parts = entry.build(None, "cpu").modules()
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    counts["encoder"] -= sum(p.numel() for p in parts["encoder"].projector.parameters())
    # The published count leaves out the projector of 98 304 parameters.
    assert counts == {"encoder": 3_806_368, "quantizer": 0, "decoder": decoder_count}


@pytest.mark.parametrize(
    ("entry", "bitrate"), [(audiodec.AUDIODEC, 6400), (audiodec.AUDIODEC_48KHZ, 12_800)]
)
def test_bitrate_is_eight_codes_per_frame(entry, bitrate: int) -> None:
    assert entry.info.bitrates == (bitrate,)
    assert bitrate == 8 * 10 * entry.info.sample_rate / 300


def test_windows_change_nothing_but_rounding(codec, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = noise(105 * 300)
    whole = codec.encode(samples, 6400)
    decoded = codec.decode(whole)
    monkeypatch.setattr("codec_zoo.models.audiodec.network.WINDOW", 55)
    windowed = codec.encode(samples, 6400)
    assert (windowed.codes() != whole.codes()).any(axis=0).sum() <= 1
    np.testing.assert_allclose(codec.decode(whole), decoded, atol=1e-6)


def test_no_frame_sees_more_than_the_first_of_its_own_samples(codec) -> None:
    samples = noise(20 * 300)
    changed = samples.copy()
    changed[:, 10 * 300 + 1 :] = 0.3
    before, after = codec.encode(samples, 6400).codes(), codec.encode(changed, 6400).codes()
    np.testing.assert_array_equal(before[:, :11], after[:, :11])
    assert (before[:, 11:] != after[:, 11:]).any()
