"""HiFi-Codec: the network against the published one, and what its checkpoints must hold."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from codec_zoo.adapters.hificodec import HIFICODEC, HIFICODEC_16KHZ, HIFICODEC_240
from codec_zoo.bitstream import Bitstream, BitstreamError, pack_codes
from codec_zoo.weights import WeightsError, WeightsFile

torch = pytest.importorskip("torch")

if TYPE_CHECKING:
    from codec_zoo.samples import Samples

VECTORS = Path(__file__).resolve().parents[1].parent / "shared" / "vectors"
FOLDER = VECTORS / "hificodec_24k_320d"
needs_vectors = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the shared vectors folder is not beside the checkout"
)


def of(path: Path) -> WeightsFile:
    return WeightsFile(path=path, sha256="", origin="imported")


def noise(n_samples: int, seed: int = 0) -> Samples:
    samples = np.random.default_rng(seed).normal(0.0, 0.1, (1, n_samples))
    return samples.astype(np.float32)


class Vectors:
    """Inputs and outputs of the official model, and its weights in an official file."""

    def __init__(self, path: Path) -> None:
        from safetensors.torch import load_file

        recipe = importlib.util.spec_from_file_location("seeded", VECTORS / "name_seeded.py")
        seeded = importlib.util.module_from_spec(recipe)
        recipe.loader.exec_module(seeded)
        parts: dict[str, dict[str, torch.Tensor]] = {}
        for name, shape in json.loads((FOLDER / "keys.json").read_text())["weights"].items():
            part, _, key = name.partition(".")
            tensor = torch.from_numpy(seeded.tensor(name, tuple(shape), salt="shared"))
            parts.setdefault(part, {})[key] = tensor
        torch.save(parts, path)
        self.path = path
        self.codec = HIFICODEC.build(of(path), "cpu")
        self.modules = self.codec.modules()
        self.tensors = load_file(FOLDER / "tensors.safetensors")
        self.described = json.loads((FOLDER / "meta.json").read_text())["tensors"]

    def assert_close(self, name: str, found: torch.Tensor) -> None:
        assert found.shape == self.tensors[name].shape
        difference = (found - self.tensors[name]).abs().max().item()
        assert difference <= self.described[name]["tolerance"]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    return Vectors(tmp_path_factory.mktemp("official") / "HiFi-Codec-24k-320d")


@pytest.fixture(scope="module")
def codec():
    return HIFICODEC.build(None, "cpu")


@needs_vectors
@pytest.mark.parametrize("suffix", ["", "_odd"])
def test_latents_equal_the_published_encoder(vectors: Vectors, suffix: str) -> None:
    with torch.inference_mode():
        vectors.assert_close(
            f"z{suffix}", vectors.modules["encoder"](vectors.tensors[f"x{suffix}"])
        )


@needs_vectors
@pytest.mark.parametrize("suffix", ["", "_odd"])
def test_codes_equal_the_published_quantizer(vectors: Vectors, suffix: str) -> None:
    expected = vectors.tensors[f"codes{suffix}"].transpose(1, 2)
    codes = vectors.modules["quantizer"].encode(vectors.tensors[f"z{suffix}"])
    assert (codes != expected).any(dim=1).sum() <= max(1, 0.005 * expected.numel())


@needs_vectors
def test_quantized_latents_and_audio_equal_the_published_decoder(vectors: Vectors) -> None:
    codes = vectors.tensors["codes"].transpose(1, 2)
    with torch.inference_mode():
        vectors.assert_close("q", vectors.modules["quantizer"].decode(codes))
        vectors.assert_close("y", vectors.modules["decoder"](vectors.tensors["q"]))


@needs_vectors
def test_published_codes_decode_from_a_bitstream(vectors: Vectors) -> None:
    payload, layout = pack_codes(vectors.tensors["codes_odd"][0].T.numpy(), 1024)
    n_samples = vectors.tensors["y_odd"].shape[2]
    bitstream = Bitstream(payload, n_samples, sample_rate=24_000, layout=layout)
    vectors.assert_close("y_odd", torch.from_numpy(vectors.codec.decode(bitstream))[None])


@needs_vectors
def test_checkpoint_of_another_frame_size_is_refused_with_both_shapes(vectors: Vectors) -> None:
    message = r"decoder\.ups\.2\.\S+ \[128, 64, 8\] for \[128, 64, 7\].*of other shape"
    with pytest.raises(WeightsError, match=message):
        HIFICODEC_240.build(of(vectors.path), "cpu")


def test_parameter_count_is_that_of_the_paper(codec) -> None:
    counts = [sum(p.numel() for p in part.parameters()) for part in codec.modules().values()]
    # Ahn et al. 2024, Table III: 63.63 M, codebooks counted because they are learned.
    assert counts == [47_228_960, 1_048_576, 15_353_346]


@pytest.mark.parametrize(
    ("entry", "bitrate"), [(HIFICODEC, 3000), (HIFICODEC_240, 4000), (HIFICODEC_16KHZ, 2000)]
)
def test_bitrate_is_four_codes_per_frame(entry, bitrate: int) -> None:
    assert entry.info.bitrates == (bitrate,)
    rate, frame = entry.info.sample_rate, entry.info.frame_size
    assert bitrate == 4 * 10 * rate / frame


def test_windows_of_the_decoder_change_nothing_but_rounding(
    codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    bitstream = codec.encode(noise(70 * 320), 3000)
    whole = codec.decode(bitstream)
    monkeypatch.setattr("codec_zoo.models.hificodec.network.WINDOW", 20)
    np.testing.assert_allclose(codec.decode(bitstream), whole, atol=1e-6)


def test_a_frame_comes_out_where_it_went_in() -> None:
    decoder = HIFICODEC_240.build(None, "cpu").modules()["decoder"].double()
    silence = torch.zeros(1, 512, 41).double()
    latents = silence.clone()
    latents[..., 20] = 100.0
    with torch.inference_mode():
        change = decoder(latents) - decoder(silence)
    reached = change[0, 0].nonzero()[:, 0]
    assert change.shape[2] == 41 * 240
    # Rounding hides the outermost samples of the field, not always equally many on both sides.
    assert (reached[0] + reached[-1]).item() / 2 == pytest.approx(20 * 240 + 119.5, abs=3)


def test_bitstream_with_fewer_codes_is_refused(codec) -> None:
    payload, layout = pack_codes(np.zeros((3, 10), np.int64), 1024)
    bitstream = Bitstream(payload, 3200, sample_rate=24_000, layout=layout)
    with pytest.raises(BitstreamError, match="3 codes per frame; hificodec has no bitrate"):
        codec.decode(bitstream)


def test_checkpoint_without_parts_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {"step": 3}, "epoch": 4}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"holds no parts \(it has: epoch, model\)"):
        HIFICODEC.build(of(tmp_path / "other.pth"), "cpu")


def test_checkpoint_with_another_part_is_refused_by_its_name(tmp_path: Path) -> None:
    torch.save({"vocoder": {"weight": torch.zeros(3)}}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"missing; vocoder\.weight unknown"):
        HIFICODEC.build(of(tmp_path / "other.pth"), "cpu")
