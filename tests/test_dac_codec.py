import importlib.util
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codec_zoo.adapters.dac import DAC_16KHZ, DAC_24KHZ, DAC_44KHZ, MARGIN
from codec_zoo.bitstream import BitstreamError, from_bytes, to_bytes
from codec_zoo.interface import CodecError, UnsupportedBitrateError
from codec_zoo.samples import Samples
from codec_zoo.weights import WeightsError, WeightsFile, resolve_weights

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

VECTORS = Path(__file__).resolve().parents[1].parent / "shared" / "vectors"
with_vectors = pytest.mark.skipif(
    not (VECTORS / "dac_24khz").is_dir(),
    reason="the shared vectors folder is not beside the checkout",
)
ENTRIES = {"dac": DAC_24KHZ, "dac-16khz": DAC_16KHZ, "dac-44khz": DAC_44KHZ}
CONFIGS = {
    "dac": {"sampling_rate": 24_000, "downsampling_ratios": [2, 4, 5, 8], "n_codebooks": 32},
    "dac-16khz": {"sampling_rate": 16_000, "downsampling_ratios": [2, 4, 5, 8], "n_codebooks": 12},
    "dac-44khz": {"sampling_rate": 44_100, "downsampling_ratios": [2, 4, 8, 8], "n_codebooks": 9},
}


def noise(n_samples: int, *, seed: int = 0) -> Samples:
    samples = np.random.default_rng(seed).normal(0.0, 0.1, (1, n_samples))
    return samples.astype(np.float32)


def of(path: Path) -> WeightsFile:
    return WeightsFile(path=path, sha256="", origin="imported")


def small_model(name: str):
    """A narrow seeded model whose kernels neither silence nor saturate its output."""
    config = transformers.DacConfig(encoder_hidden_size=4, decoder_hidden_size=32, **CONFIGS[name])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = transformers.DacModel(config).eval()
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.endswith("weight"):
                parameter.data.normal_(0.0, 0.7 * parameter[0].numel() ** -0.5)
    return model


@pytest.fixture(scope="module")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("weights")
    for name in CONFIGS:
        small_model(name).save_pretrained(folder / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODECBENCH_WEIGHTS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def codecs(weights_folder: Path):
    return {
        name: entry.build(resolve_weights(entry.weights), "cpu") for name, entry in ENTRIES.items()
    }


class Vectors:
    """Inputs and outputs of the official model, and its weights in an official file."""

    def __init__(self, path: Path) -> None:
        from safetensors.torch import load_file

        folder = VECTORS / "dac_24khz"
        recipe = importlib.util.spec_from_file_location("seeded", VECTORS / "name_seeded.py")
        seeded = importlib.util.module_from_spec(recipe)
        recipe.loader.exec_module(seeded)
        keys = json.loads((folder / "keys.json").read_text())["weights"]
        state = {
            name: torch.tensor(seeded.tensor(name, tuple(shape), salt="shared"))
            for name, shape in keys.items()
        }
        metadata = {"kwargs": {"sample_rate": 24_000, "n_codebooks": 32}}
        torch.save({"state_dict": state, "metadata": metadata}, path)
        self.path = path
        self.codec = DAC_24KHZ.build(of(path), "cpu")
        self.modules = self.codec.modules()
        self.tensors = load_file(folder / "tensors.safetensors")
        self.described = json.loads((folder / "meta.json").read_text())["tensors"]

    def assert_close(self, name: str, found) -> None:
        difference = (found - self.tensors[name]).abs().max().item()
        assert difference <= self.described[name]["tolerance"]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    return Vectors(tmp_path_factory.mktemp("official") / "weights_24khz.pth")


def assert_same_codes(found, expected) -> None:
    """All codes but 0.5 %, counting the first wrong one of a frame; later ones follow from it."""
    wrong_frames = (found != expected).any(dim=-2).sum().item()
    assert wrong_frames <= max(1, 0.005 * expected.numel())


@with_vectors
def test_official_encoder_gives_upstream_latents(vectors: Vectors) -> None:
    with torch.inference_mode():
        vectors.assert_close("z", vectors.modules["encoder"](vectors.tensors["x"]))


@with_vectors
def test_official_quantizer_gives_upstream_codes_and_projections(vectors: Vectors) -> None:
    with torch.inference_mode():
        _, codes, projected, *_ = vectors.modules["quantizer"](vectors.tensors["z"], 32)
    assert_same_codes(codes, vectors.tensors["codes"])
    vectors.assert_close("projected", projected)


@with_vectors
@pytest.mark.parametrize("n_codebooks", [4, 12, 32])
def test_official_decoder_gives_upstream_audio(vectors: Vectors, n_codebooks: int) -> None:
    codes = vectors.tensors["codes"][:, :n_codebooks]
    with torch.inference_mode():
        vectors.assert_close(f"q_n{n_codebooks}", vectors.modules["quantizer"].from_codes(codes)[0])
        latents = vectors.tensors[f"q_n{n_codebooks}"]
        vectors.assert_close(f"y_n{n_codebooks}", vectors.modules["decoder"](latents))


@with_vectors
def test_official_checkpoint_codes_audio_of_odd_length_as_upstream(vectors: Vectors) -> None:
    samples = vectors.tensors["x_odd"][0].numpy()
    bitstream = vectors.codec.encode(samples, 24_000)
    assert_same_codes(torch.tensor(bitstream.codes()), vectors.tensors["codes_odd"][0])
    decoded = torch.tensor(vectors.codec.decode(bitstream))
    vectors.assert_close("y_odd_n32", decoded[None])


@with_vectors
def test_official_checkpoint_of_another_rate_is_refused(vectors: Vectors) -> None:
    with pytest.raises(WeightsError, match=r"quantizer\.quantizers\.12\.codebook\.weight.*unknown"):
        DAC_16KHZ.build(of(vectors.path), "cpu")


@pytest.mark.parametrize(
    ("name", "bitrates"),
    [
        ("dac", tuple(750 * count for count in range(1, 33))),
        ("dac-16khz", tuple(500 * count for count in range(1, 13))),
        ("dac-44khz", (861, 1723, 2584, 3445, 4307, 5168, 6029, 6891, 7752)),
    ],
)
def test_each_number_of_codebooks_is_a_bitrate(
    codecs, name: str, bitrates: tuple[int, ...]
) -> None:
    info = ENTRIES[name].info
    assert info.bitrates == bitrates
    assert set(info.default_bitrates) <= set(bitrates)
    samples = noise(4 * info.frame_size)
    sent = [codecs[name].encode(samples, bitrate).codes().shape for bitrate in bitrates]
    assert sent == [(count, 4) for count in range(1, len(bitrates) + 1)]


@pytest.mark.parametrize("name", ENTRIES)
def test_payload_bitrate_is_the_nominal_one(codecs, name: str) -> None:
    info = ENTRIES[name].info
    bitstream = codecs[name].encode(noise(60 * info.frame_size), info.default_bitrates[0])
    assert bitstream.bitrate == pytest.approx(info.default_bitrates[0], abs=8)


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("n_samples", [1, 511, 2_400, 11_111])
def test_decoded_audio_is_as_long_as_the_coded(codecs, name: str, n_samples: int) -> None:
    codec = codecs[name]
    decoded = codec.decode(codec.encode(noise(n_samples), codec.info.default_bitrates[0]))
    assert decoded.shape == (1, n_samples)
    assert decoded.dtype == np.float32
    assert np.isfinite(decoded).all()


@pytest.mark.parametrize(("name", "n_missing"), [("dac", 8), ("dac-16khz", 8), ("dac-44khz", 0)])
def test_samples_that_the_decoder_lacks_are_zeros_at_the_end(
    codecs, name: str, n_missing: int
) -> None:
    codec = codecs[name]
    n_samples = 10 * codec.info.frame_size
    bitstream = codec.encode(noise(n_samples), codec.info.bitrates[-1])
    decoded = codec.decode(bitstream)
    modules = codec.modules()
    with torch.inference_mode():
        latents = modules["quantizer"].from_codes(torch.tensor(bitstream.codes())[None])[0]
        direct = modules["decoder"](latents)[0].numpy()
    assert direct.shape[1] == n_samples - n_missing
    np.testing.assert_array_equal(decoded[:, : n_samples - n_missing], direct)
    assert not decoded[:, n_samples - n_missing :].any()


@pytest.mark.parametrize(("name", "centre"), [("dac", 155.5), ("dac-44khz", 255.5)])
def test_fields_of_encoder_and_decoder_share_their_centre_and_fit_the_margin(
    name: str, centre: float
) -> None:
    model, frame, n_frames = small_model(name).double(), 32, 64
    hop = ENTRIES[name].info.frame_size
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith("weight"):  # without signs nothing cancels
            parameter.data.copy_(parameter.data.abs().clamp_min(1e-2))
        elif parameter_name.endswith("bias"):  # and silence stays silence
            parameter.data.zero_()
    generator = torch.Generator().manual_seed(0)
    waveform = torch.randn(1, 1, n_frames * hop, generator=generator).double().requires_grad_()
    (gradient,) = torch.autograd.grad(model.encoder(waveform)[0, :, frame].sum(), waveform)
    impulse = torch.zeros(1, model.config.hidden_size, n_frames).double()
    impulse[0, :, frame] = 1.0
    with torch.inference_mode():
        response = model.decoder(impulse)
    for field in (gradient, response):
        reached = field[0, 0].nonzero()[:, 0]
        first, last = reached[0].item() - frame * hop, reached[-1].item() - frame * hop
        assert (first + last) / 2 == centre
        assert max(-first, last) < (MARGIN - 1) * hop


@pytest.mark.parametrize("name", ["dac", "dac-44khz"])
def test_windows_change_nothing_but_rounding(
    codecs, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = codecs[name]
    samples = noise(90 * codec.info.frame_size + 7)
    whole = codec.encode(samples, codec.info.bitrates[-1])
    decoded = codec.decode(whole)
    monkeypatch.setattr("codec_zoo.adapters.dac.WINDOW", 20)
    windowed = codec.encode(samples, codec.info.bitrates[-1])
    assert_same_codes(torch.tensor(windowed.codes()), torch.tensor(whole.codes()))
    np.testing.assert_allclose(codec.decode(whole), decoded, atol=2e-6)


def test_codes_at_low_bitrates_are_the_first_rows_of_those_at_high_ones(codecs) -> None:
    full = codecs["dac"].encode(noise(4_800), 24_000).codes()
    assert len(np.unique(full)) > 10
    np.testing.assert_array_equal(codecs["dac"].encode(noise(4_800), 9_000).codes(), full[:12])


def test_audio_is_that_of_the_library(codecs, weights_folder: Path) -> None:
    model = transformers.DacModel.from_pretrained(weights_folder / "dac-44khz").eval()
    samples = noise(10 * 512)
    with torch.inference_mode():
        expected = model(torch.tensor(samples)[None], n_quantizers=6).audio_values
    decoded = codecs["dac-44khz"].decode(codecs["dac-44khz"].encode(samples, 5_168))
    np.testing.assert_allclose(decoded, expected.numpy(), atol=1e-6)


def test_decoding_needs_the_bytes_only(codecs) -> None:
    bitstream = codecs["dac"].encode(noise(4_801), 3_000)
    restored = from_bytes(to_bytes(bitstream, "dac", "1"), "dac")
    np.testing.assert_array_equal(codecs["dac"].decode(restored), codecs["dac"].decode(bitstream))


def test_silence_stays_finite(codecs) -> None:
    silence = np.zeros((1, 4_801), dtype=np.float32)
    assert np.isfinite(codecs["dac"].decode(codecs["dac"].encode(silence, 3_000))).all()


def test_bitrate_that_is_not_offered_is_refused_with_those_that_are(codecs) -> None:
    message = r"8 kbit/s; it offers 0\.861, 1\.723, 2\.584, .*7\.752 kbit/s"
    with pytest.raises(UnsupportedBitrateError, match=message):
        codecs["dac-44khz"].encode(noise(2_400), 8_000)


def test_stereo_audio_is_refused(codecs) -> None:
    with pytest.raises(CodecError, match="2 channels; it codes 1"):
        codecs["dac"].encode(np.zeros((2, 2_400), dtype=np.float32), 3_000)


def test_damaged_bitstream_is_refused(codecs) -> None:
    bitstream = codecs["dac"].encode(noise(2_400), 3_000)
    with pytest.raises(BitstreamError, match="1 to 32 x 16 out of 1024 expected"):
        codecs["dac"].decode(replace(bitstream, n_samples=4_801))
    with pytest.raises(BitstreamError, match="the payload has 39"):
        codecs["dac"].decode(replace(bitstream, payload=bitstream.payload[:-1]))
    with pytest.raises(BitstreamError, match="1 bytes follow the codes; dac expects 0"):
        codecs["dac"].decode(replace(bitstream, payload=bitstream.payload + b"x"))


def test_parts_hold_all_parameters(codecs) -> None:
    parts = codecs["dac"].modules()
    assert set(parts) == {"encoder", "quantizer", "decoder"}
    counted = sum(p.numel() for part in parts.values() for p in part.parameters())
    assert counted == sum(p.numel() for p in small_model("dac").parameters())


def test_folder_of_another_rate_is_refused_with_both_descriptions(weights_folder: Path) -> None:
    message = r"sampling_rate 16000, n_codebooks 12; sampling_rate 24000, n_codebooks 32 expected"
    with pytest.raises(WeightsError, match=message):
        DAC_24KHZ.build(of(weights_folder / "dac-16khz"), "cpu")


def test_stale_frame_size_in_a_folder_is_harmless(
    codecs, weights_folder: Path, tmp_path: Path
) -> None:
    source = weights_folder / "dac-16khz"
    config = json.loads((source / "config.json").read_text())
    config["hop_length"] = 512  # as in the folders that were published
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes((source / "model.safetensors").read_bytes())
    codec = DAC_16KHZ.build(of(tmp_path), "cpu")
    assert codec.encode(noise(2_400), 6_000) == codecs["dac-16khz"].encode(noise(2_400), 6_000)


def test_cut_off_weights_are_refused(weights_folder: Path, tmp_path: Path) -> None:
    source = weights_folder / "dac"
    (tmp_path / "config.json").write_text((source / "config.json").read_text())
    content = (source / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(WeightsError, match="cut off, damaged or of another size"):
        DAC_24KHZ.build(of(tmp_path), "cpu")
