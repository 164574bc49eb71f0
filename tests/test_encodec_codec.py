import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codec_zoo.adapters.encodec import ENCODEC_24KHZ, ENCODEC_48KHZ
from codec_zoo.bitstream import Bitstream, BitstreamError, from_bytes, to_bytes
from codec_zoo.interface import CodecError, UnsupportedBitrateError
from codec_zoo.samples import Samples
from codec_zoo.weights import WeightsError, WeightsFile, resolve_weights

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

VECTORS = Path(__file__).resolve().parents[1].parent / "shared" / "vectors"
with_vectors = pytest.mark.skipif(
    not (VECTORS / "encodec_24khz").is_dir(),
    reason="the shared vectors folder is not beside the checkout",
)
TINY = {"num_filters": 4, "hidden_size": 16}


def noise(n_samples: int, *, channels: int = 1, seed: int = 0) -> Samples:
    samples = np.random.default_rng(seed).normal(0.0, 0.1, (channels, n_samples))
    return samples.astype(np.float32)


def save_tiny(folder: Path, **config: object) -> Path:
    """A small seeded model as transformers saves one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = transformers.EncodecModel(transformers.EncodecConfig(**TINY, **config))
        for name, buffer in model.named_buffers():
            if name.endswith(".embed"):
                buffer.normal_()
    model.save_pretrained(folder)
    return folder


def of(path: Path) -> WeightsFile:
    return WeightsFile(path=path, sha256="", origin="imported")


CONFIG_48KHZ = {
    "sampling_rate": 48_000,
    "audio_channels": 2,
    "target_bandwidths": [3.0, 6.0, 12.0, 24.0],
    "use_causal_conv": False,
    "norm_type": "time_group_norm",
    "normalize": True,
    "chunk_length_s": 1.0,
    "overlap": 0.01,
}


@pytest.fixture(scope="module")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("weights")
    save_tiny(folder / "encodec")
    save_tiny(folder / "encodec-48khz", **CONFIG_48KHZ)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODECBENCH_WEIGHTS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def codec(weights_folder: Path):
    return ENCODEC_24KHZ.build(resolve_weights(ENCODEC_24KHZ.weights), "cpu")


@pytest.fixture(scope="module")
def stereo_codec(weights_folder: Path):
    return ENCODEC_48KHZ.build(resolve_weights(ENCODEC_48KHZ.weights), "cpu")


@pytest.fixture(scope="module")
def stereo_library_model(weights_folder: Path):
    return transformers.EncodecModel.from_pretrained(weights_folder / "encodec-48khz").eval()


class Vectors:
    """Inputs and outputs of the official model, and its weights in an official file."""

    def __init__(self, path: Path) -> None:
        from safetensors.torch import load_file

        folder = VECTORS / "encodec_24khz"
        recipe = importlib.util.spec_from_file_location("seeded", VECTORS / "name_seeded.py")
        seeded = importlib.util.module_from_spec(recipe)
        recipe.loader.exec_module(seeded)
        keys = json.loads((folder / "keys.json").read_text())["weights"]
        state = {
            name: torch.tensor(seeded.tensor(name, tuple(shape), salt="shared"))
            for name, shape in keys.items()
        }
        torch.save(state, path)
        self.path = path
        self.codec = ENCODEC_24KHZ.build(of(path), "cpu")
        self.modules = self.codec.modules()
        self.tensors = load_file(folder / "tensors.safetensors")
        self.described = json.loads((folder / "meta.json").read_text())["tensors"]

    def assert_close(self, name: str, found) -> None:
        difference = (found - self.tensors[name]).abs().max().item()
        assert difference <= self.described[name]["tolerance"]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    return Vectors(tmp_path_factory.mktemp("official") / "encodec_24khz-d7cc33bc.th")


def assert_same_codes(found, expected) -> None:
    """All codes but 0.5 %, counting the first wrong one of a frame; later ones follow from it."""
    wrong_frames = (found != expected).any(dim=-2).sum().item()
    assert wrong_frames <= max(1, 0.005 * expected.numel())


@with_vectors
def test_official_encoder_gives_upstream_latents(vectors: Vectors) -> None:
    with torch.inference_mode():
        vectors.assert_close("z", vectors.modules["encoder"](vectors.tensors["x"]))
        vectors.assert_close("z_odd", vectors.modules["encoder"](vectors.tensors["x_odd"]))


@with_vectors
def test_official_quantizer_gives_upstream_codes(vectors: Vectors) -> None:
    with torch.inference_mode():
        codes = vectors.modules["quantizer"].encode(vectors.tensors["z"], 24.0).transpose(0, 1)
    assert_same_codes(codes, vectors.tensors["codes"])


@with_vectors
@pytest.mark.parametrize("n_codebooks", [2, 8, 32])
def test_official_decoder_gives_upstream_audio(vectors: Vectors, n_codebooks: int) -> None:
    codes = vectors.tensors["codes"][:, :n_codebooks].transpose(0, 1)
    with torch.inference_mode():
        vectors.assert_close(f"q_n{n_codebooks}", vectors.modules["quantizer"].decode(codes))
        latents = vectors.tensors[f"q_n{n_codebooks}"]
        vectors.assert_close(f"y_n{n_codebooks}", vectors.modules["decoder"](latents))


@with_vectors
def test_official_checkpoint_codes_audio_of_odd_length_as_upstream(vectors: Vectors) -> None:
    samples = vectors.tensors["x_odd"][0].numpy()
    bitstream = vectors.codec.encode(samples, 24_000)
    assert_same_codes(torch.tensor(bitstream.codes()), vectors.tensors["codes_odd"][0])
    decoded = torch.tensor(vectors.codec.decode(bitstream))
    expected = vectors.tensors["y_odd_n32"][0, :, : samples.shape[1]]
    tolerance = vectors.described["y_odd_n32"]["tolerance"]
    assert (decoded - expected).abs().max().item() <= tolerance


@with_vectors
def test_every_bitrate_sends_a_prefix_of_the_upstream_codes(vectors: Vectors) -> None:
    samples = vectors.tensors["x_odd"][0].numpy()
    for bitrate in (1_500, 9_000):  # the library refuses 9 kbit/s
        codes = torch.tensor(vectors.codec.encode(samples, bitrate).codes())
        assert codes.shape[0] == bitrate // 750
        assert_same_codes(codes, vectors.tensors["codes_odd"][0, : bitrate // 750])


@with_vectors
def test_official_checkpoint_has_the_published_number_of_parameters(vectors: Vectors) -> None:
    parameters = sum(
        parameter.numel() for part in vectors.modules.values() for parameter in part.parameters()
    )
    assert parameters == 14_851_810


@with_vectors
def test_incomplete_official_checkpoint_is_refused(vectors: Vectors, tmp_path: Path) -> None:
    state = torch.load(vectors.path, weights_only=True)
    del state["decoder.model.0.conv.conv.bias"]
    state["extra"] = torch.zeros(1)
    torch.save(state, tmp_path / "encodec.th")
    message = r"decoder\.layers\.0\.conv\.bias missing; extra unknown"
    with pytest.raises(WeightsError, match=message):
        ENCODEC_24KHZ.build(of(tmp_path / "encodec.th"), "cpu")


@pytest.mark.parametrize(
    ("official", "expected"),
    [
        ("encoder.model.0.conv.norm.weight", "encoder.layers.0.norm.weight"),
        ("encoder.model.1.shortcut.conv.norm.bias", "encoder.layers.1.shortcut.norm.bias"),
        ("decoder.model.3.convtr.norm.weight", "decoder.layers.3.norm.weight"),
        ("decoder.model.3.convtr.convtr.weight", "decoder.layers.3.conv.weight"),
    ],
)
def test_layers_of_the_stereo_checkpoint_are_known(official: str, expected: str) -> None:
    from codec_zoo.keys.encodec import model_name

    assert model_name(official) == expected


@pytest.mark.parametrize("n_samples", [1, 319, 2_400, 11_111])
def test_decoded_audio_is_as_long_as_the_coded(codec, n_samples: int) -> None:
    decoded = codec.decode(codec.encode(noise(n_samples), 6_000))
    assert decoded.shape == (1, n_samples)
    assert decoded.dtype == np.float32
    assert np.isfinite(decoded).all()


@pytest.mark.parametrize("bitrate", ENCODEC_24KHZ.info.bitrates)
def test_payload_holds_ten_bits_per_frame_and_codebook(codec, bitrate: int) -> None:
    bitstream = codec.encode(noise(2 * 24_000), bitrate)
    assert bitstream.bitrate == pytest.approx(bitrate, abs=4)
    assert bitstream.codes().shape == (bitrate // 750, 150)


def test_codes_at_low_bitrates_are_the_first_rows_of_those_at_high_ones(codec) -> None:
    samples = noise(4_800)
    full = codec.encode(samples, 24_000).codes()
    assert len(np.unique(full)) > 10
    for bitrate in (1_500, 9_000, 12_750):
        codes = codec.encode(samples, bitrate).codes()
        np.testing.assert_array_equal(codes, full[: len(codes)])


def test_coding_twice_gives_the_same_bytes_and_audio(codec) -> None:
    first, second = (codec.encode(noise(4_800), 3_000) for _ in range(2))
    assert first == second
    np.testing.assert_array_equal(codec.decode(first), codec.decode(second))


def test_silence_stays_finite(codec, stereo_codec) -> None:
    for coder, channels in ((codec, 1), (stereo_codec, 2)):
        silence = np.zeros((channels, 4_801), dtype=np.float32)
        assert np.isfinite(coder.decode(coder.encode(silence, 3_000))).all()


def test_coding_leaves_the_samples_alone(codec) -> None:
    samples = noise(2_400)
    samples.flags.writeable = False
    codec.encode(samples, 3_000)
    np.testing.assert_array_equal(samples, noise(2_400))


def test_another_process_decodes_the_bytes(codec, weights_folder: Path, tmp_path: Path) -> None:
    bitstream = codec.encode(noise(4_801), 3_000)
    (tmp_path / "item.bin").write_bytes(to_bytes(bitstream, "encodec", "1"))
    program = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from codec_zoo.bitstream import from_bytes\n"
        "from codec_zoo.registry import codec_entry\n"
        "from codec_zoo.weights import resolve_weights\n"
        "entry = codec_entry('encodec')\n"
        "codec = entry.build(resolve_weights(entry.weights), 'cpu')\n"
        "bitstream = from_bytes(Path('item.bin').read_bytes(), 'encodec')\n"
        "np.save('decoded.npy', codec.decode(bitstream))\n"
    )
    environment = os.environ | {"CODECBENCH_WEIGHTS": str(weights_folder)}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    np.testing.assert_allclose(
        np.load(tmp_path / "decoded.npy"), codec.decode(bitstream), atol=1e-6
    )


def test_bitrate_that_is_not_offered_is_refused_with_those_that_are(codec, stereo_codec) -> None:
    with pytest.raises(UnsupportedBitrateError, match=r"9\.5 kbit/s; it offers 1\.5, 2\.25, 3,"):
        codec.encode(noise(2_400), 9_500)
    with pytest.raises(UnsupportedBitrateError, match="it offers 3, 6, 12, 24 kbit/s"):
        stereo_codec.encode(noise(2_400, channels=2), 9_000)


def test_audio_with_the_wrong_channels_is_refused(codec, stereo_codec) -> None:
    with pytest.raises(CodecError, match="2 channels; it codes 1"):
        codec.encode(noise(2_400, channels=2), 3_000)
    with pytest.raises(CodecError, match="1 channels; it codes 2"):
        stereo_codec.encode(noise(2_400), 3_000)


def test_bitstream_of_another_length_is_refused(codec) -> None:
    bitstream = codec.encode(noise(2_400), 3_000)
    with pytest.raises(BitstreamError, match="4 x 8 codes out of 1024; 1 to 32 x 16 out of 1024"):
        codec.decode(replace(bitstream, n_samples=4_801))


def test_bitstream_of_no_samples_is_refused(codec) -> None:
    bitstream = codec.encode(noise(2_400), 3_000)
    with pytest.raises(BitstreamError, match="0 samples; 1 or more expected"):
        codec.decode(replace(bitstream, n_samples=0))


def test_bitstream_without_codes_is_refused(codec) -> None:
    with pytest.raises(BitstreamError, match="carries no codes"):
        codec.decode(Bitstream(payload=b"abc", n_samples=320, sample_rate=24_000))


def test_cut_off_payload_is_refused(codec) -> None:
    bitstream = codec.encode(noise(2_400), 3_000)
    with pytest.raises(BitstreamError, match="4 x 8 codes need 40 bytes; the payload has 39"):
        codec.decode(replace(bitstream, payload=bitstream.payload[:-1]))


@pytest.mark.parametrize("n_samples", [4_801, 47_600, 100_003])
@pytest.mark.parametrize("bitrate", [3_000, 24_000])
def test_stereo_codes_and_audio_are_those_of_the_library(
    stereo_codec, stereo_library_model, n_samples: int, bitrate: int
) -> None:
    samples = noise(n_samples, channels=2)
    bitstream = stereo_codec.encode(samples, bitrate)
    with torch.inference_mode():
        encoded = stereo_library_model.encode(torch.tensor(samples)[None], bandwidth=bitrate / 1000)
        decoded = stereo_library_model.decode(
            encoded.audio_codes,
            encoded.audio_scales,
            last_frame_pad_length=encoded.last_frame_pad_length,
        ).audio_values
    codes = torch.cat(list(encoded.audio_codes), dim=-1)[0]
    n_frames = bitstream.codes().shape[1]
    np.testing.assert_array_equal(bitstream.codes(), codes[:, :n_frames].numpy())
    np.testing.assert_allclose(
        stereo_codec.decode(bitstream), decoded[0, :, :n_samples].numpy(), atol=1e-5
    )


def test_last_chunk_of_one_sample_is_coded(stereo_codec) -> None:
    samples = noise(47_521, channels=2)
    decoded = stereo_codec.decode(stereo_codec.encode(samples, 3_000))
    assert decoded.shape == samples.shape
    assert np.isfinite(decoded).all()


def test_levels_are_part_of_the_payload(stereo_codec) -> None:
    samples = noise(2 * 48_000, channels=2)
    bitstream = stereo_codec.encode(samples, 3_000)
    n_chunks = 3  # they start every 47520 samples
    assert len(bitstream.payload) == bitstream.layout.n_bytes + 4 * n_chunks
    louder = stereo_codec.encode(4 * samples, 3_000)
    assert louder.payload[: louder.layout.n_bytes] == bitstream.payload[: louder.layout.n_bytes]
    np.testing.assert_allclose(
        stereo_codec.decode(louder), 4 * stereo_codec.decode(bitstream), rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("level", [float("nan"), -1.0, 0.0])
def test_impossible_level_is_refused(stereo_codec, level: float) -> None:
    bitstream = stereo_codec.encode(noise(4_800, channels=2), 3_000)
    payload = bitstream.payload[:-4] + np.float32(level).tobytes()
    with pytest.raises(BitstreamError, match="level is not a positive number"):
        stereo_codec.decode(replace(bitstream, payload=payload))


def test_missing_level_is_refused(stereo_codec) -> None:
    bitstream = stereo_codec.encode(noise(4_800, channels=2), 3_000)
    with pytest.raises(BitstreamError, match="0 bytes follow the codes; encodec-48khz expects 4"):
        stereo_codec.decode(replace(bitstream, payload=bitstream.payload[:-4]))


def test_bitstream_file_keeps_levels_and_channels(stereo_codec) -> None:
    bitstream = stereo_codec.encode(noise(4_800, channels=2), 3_000)
    restored = from_bytes(to_bytes(bitstream, "encodec-48khz", "1"), "encodec-48khz")
    np.testing.assert_array_equal(stereo_codec.decode(restored), stereo_codec.decode(bitstream))


def test_parts_hold_all_parameters(codec) -> None:
    assert set(codec.modules()) == {"encoder", "quantizer", "decoder"}
    parts = sum(p.numel() for part in codec.modules().values() for p in part.parameters())
    model = transformers.EncodecModel(transformers.EncodecConfig(**TINY))
    assert parts == sum(p.numel() for p in model.parameters())


def test_describing_the_codecs_loads_neither_numpy_nor_torch() -> None:
    program = (
        "import sys\n"
        "import codec_zoo.adapters.dac, codec_zoo.adapters.encodec, codec_zoo.adapters.mimi\n"
        "print(sorted({'numpy', 'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)))\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout == "[]\n"
