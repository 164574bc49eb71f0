"""HILCodec: the network against the published one, and its adapter."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from codec_zoo.adapters.hilcodec import HILCODEC, HILCODEC_SPEECH, load_network
from codec_zoo.bitstream import Bitstream, BitstreamError, from_bytes, pack_codes, to_bytes
from codec_zoo.interface import CodecError, NeuralCodec, UnsupportedBitrateError
from codec_zoo.models.hilcodec.blocks import LogSpectrogram
from codec_zoo.models.hilcodec.config import HilCodecConfig
from codec_zoo.models.hilcodec.convolution import fold_weight_norm
from codec_zoo.models.hilcodec.initialisation import initialise
from codec_zoo.models.hilcodec.network import HilCodec
from codec_zoo.weights import WeightsError, WeightsFile

if TYPE_CHECKING:
    from types import ModuleType

    from codec_zoo.samples import Samples

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
VECTORS = SHARED / "vectors" / "hilcodec_music"
needs_vectors = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="the shared vectors folder is not beside the checkout"
)
SMALL = HilCodecConfig(encoder_channels=4, decoder_channels=4, exact_spectrum=True)


def small_network(config: HilCodecConfig = SMALL, seed: int = 0) -> HilCodec:
    network = HilCodec(config)
    initialise(network, torch.Generator().manual_seed(seed), zero_branches=False)
    return network.eval()


def save_export(network: HilCodec, path: Path) -> WeightsFile:
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, path, metadata={"config": network.config.to_json()})
    return WeightsFile(path=path, sha256="", origin="imported")


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> NeuralCodec:
    path = tmp_path_factory.mktemp("weights") / "hilcodec.safetensors"
    built = HILCODEC.build(save_export(small_network(), path), "cpu")
    assert isinstance(built, NeuralCodec)
    return built


def tone(n_samples: int, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    t = np.arange(n_samples) / 24_000
    wave = 0.1 * np.sin(2 * np.pi * 220 * t) + 0.01 * rng.standard_normal(n_samples)
    return wave.astype(np.float32)[None]


@pytest.fixture(scope="module")
def vectors() -> dict[str, torch.Tensor]:
    return load_file(VECTORS / "tensors.safetensors")


@pytest.fixture(scope="module")
def tolerances() -> dict[str, float]:
    tensors = json.loads((VECTORS / "meta.json").read_text())["tensors"]
    return {name: entry["tolerance"] for name, entry in tensors.items() if "tolerance" in entry}


def name_seeded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("name_seeded", SHARED / "vectors/name_seeded.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> HilCodec:
    """The published architecture, loaded from a file laid out like the published checkpoints."""
    keys = json.loads((VECTORS / "keys.json").read_text())
    seeded = name_seeded().tensor
    state: dict[str, object] = {
        name: torch.from_numpy(seeded(name, tuple(shape), salt="shared"))
        for name, shape in keys["weights"].items()
    }
    state |= {name: torch.zeros(shape) for name, shape in keys["computed"].items()}
    state |= {f"quantizer.layers.{i}._extra_state": {"initted": True} for i in range(12)}
    path = tmp_path_factory.mktemp("official") / "00150.pth"
    torch.save({"model": state, "epoch": 150, "optim_g": {"state": {}}}, path)
    return load_network(path).eval()


@needs_vectors
def test_state_names_are_the_published_ones(official: HilCodec) -> None:
    keys = json.loads((VECTORS / "keys.json").read_text())["weights"]
    shapes = {name: list(tensor.shape) for name, tensor in official.state_dict().items()}
    assert shapes == keys


@needs_vectors
@pytest.mark.parametrize("suffix", ["", "_odd"])
def test_latents_equal_the_published_encoder(
    official: HilCodec, vectors: dict[str, torch.Tensor], tolerances: dict[str, float], suffix: str
) -> None:
    with torch.inference_mode():
        latents = official.encoder(vectors[f"x{suffix}"])
    assert latents.shape == vectors[f"z{suffix}"].shape
    assert (latents - vectors[f"z{suffix}"]).abs().max() <= tolerances[f"z{suffix}"]


@needs_vectors
@pytest.mark.parametrize("suffix", ["", "_odd"])
def test_codes_equal_the_published_quantizer(
    official: HilCodec, vectors: dict[str, torch.Tensor], suffix: str
) -> None:
    expected = vectors[f"codes{suffix}"]
    codes = official.quantizer.encode(vectors[f"z{suffix}"], 12)
    # A swap of near-equal codewords changes the rest of its frame: only the first one counts.
    frames_with_a_swap = int((codes != expected).any(dim=1).sum())
    assert frames_with_a_swap <= max(1, 0.005 * expected.numel())


@needs_vectors
@pytest.mark.parametrize("n_codebooks", [2, 8, 12])
def test_quantized_latents_and_output_equal_the_published_decoder(
    official: HilCodec,
    vectors: dict[str, torch.Tensor],
    tolerances: dict[str, float],
    n_codebooks: int,
) -> None:
    quantized = official.quantizer.decode(vectors["codes"][:, :n_codebooks])
    expected = vectors[f"q_n{n_codebooks}"]
    assert (quantized - expected).abs().max() <= tolerances[f"q_n{n_codebooks}"]
    with torch.inference_mode():
        waveform = official.decoder(expected)
    difference = (waveform - vectors[f"y_n{n_codebooks}"]).abs().max()
    assert difference <= tolerances[f"y_n{n_codebooks}"]


@needs_vectors
def test_odd_input_decodes_as_published(
    official: HilCodec, vectors: dict[str, torch.Tensor], tolerances: dict[str, float]
) -> None:
    with torch.inference_mode():
        waveform = official.decoder(official.quantizer.decode(vectors["codes_odd"]))
    assert waveform.shape == vectors["y_odd_n12"].shape
    assert (waveform - vectors["y_odd_n12"]).abs().max() <= tolerances["y_odd_n12"]


def test_parameter_count_is_that_of_the_paper() -> None:
    codec = HILCODEC.build(None, "cpu")
    assert isinstance(codec, NeuralCodec)
    parts = codec.modules()
    assert set(parts) == {"encoder", "quantizer", "decoder"}
    # Ahn et al. 2024, Table III: 9.58 M, weight norm counted and codebooks not.
    assert sum(p.numel() for part in parts.values() for p in part.parameters()) == 9_577_019


def test_untrained_build_is_reproducible() -> None:
    first, second = (HILCODEC_SPEECH.build(None, "cpu") for _ in range(2))
    samples = tone(3200)
    assert first.encode(samples, 6000).payload == second.encode(samples, 6000).payload


@pytest.mark.parametrize("entry", [HILCODEC, HILCODEC_SPEECH], ids=lambda entry: entry.info.name)
def test_every_offered_bitrate_is_a_whole_number_of_codebooks(entry: object) -> None:
    info = entry.info  # type: ignore[attr-defined]  # a parametrized object
    assert info.bitrates[0] == 1500
    assert info.bitrates[-1] == 750 * info.codebooks.count
    assert all(b - a == 750 for a, b in zip(info.bitrates, info.bitrates[1:], strict=False))


@pytest.mark.parametrize("bitrate", [1500, 3000, 8250, 9000])
def test_payload_bitrate_is_the_nominal_one(codec: NeuralCodec, bitrate: int) -> None:
    assert codec.encode(tone(96_000), bitrate).bitrate == bitrate


@pytest.mark.parametrize("n_samples", [1, 319, 320, 2400, 2401, 9999])
def test_output_is_as_long_as_the_input(codec: NeuralCodec, n_samples: int) -> None:
    decoded = codec.decode(codec.encode(tone(n_samples), 3000))
    assert decoded.shape == (1, n_samples)
    assert decoded.dtype == np.float32


def test_items_of_a_batch_do_not_depend_on_each_other() -> None:
    network = small_network()
    lengths = (1111, 3201)
    batch = torch.zeros(2, 1, 3201)
    for row, n_samples in enumerate(lengths):
        batch[row, :, :n_samples] = torch.from_numpy(tone(n_samples, seed=row))
    with torch.inference_mode():
        together = network.encoder(batch)
        for row, n_samples in enumerate(lengths):
            alone = network.encoder(batch[row : row + 1, :, :n_samples])
            whole_frames = n_samples // 320
            difference = together[row, :, :whole_frames] - alone[0, :, :whole_frames]
            assert difference.abs().max() < 1e-3


def test_encoder_and_decoder_do_not_look_ahead() -> None:
    network = small_network()
    samples = torch.from_numpy(tone(6400))[None]
    changed = samples.clone()
    changed[..., 3200:] = 0.3
    with torch.inference_mode():
        before, after = network.encoder(samples), network.encoder(changed)
        assert (before[..., :10] - after[..., :10]).abs().max() < 1e-3
        assert not torch.allclose(before[..., 10:], after[..., 10:])
        cut = before.clone()
        cut[..., 10:] = 0
        heard = network.decoder(before)[..., :3200] - network.decoder(cut)[..., :3200]
    assert heard.abs().max() < 1e-5


def test_silence_gives_finite_audio(codec: NeuralCodec) -> None:
    decoded = codec.decode(codec.encode(np.zeros((1, 4800), np.float32), 9000))
    assert np.isfinite(decoded).all()


def test_folding_weight_norm_keeps_the_output() -> None:
    network, folded = small_network(), small_network()
    fold_weight_norm(folded)
    assert not any(name.endswith("weight_g") for name in folded.state_dict())
    samples = torch.from_numpy(tone(3200))[None]
    with torch.inference_mode():
        assert (network.encoder(samples) - folded.encoder(samples)).abs().max() < 1e-3


def test_folded_half_precision_export_loads(tmp_path: Path) -> None:
    network = small_network()
    fold_weight_norm(network)
    config = dataclasses.replace(SMALL, waveform_std=0.2, spectrogram_means=(1, 2, 3, 4, 5))
    state = {name: tensor.half() for name, tensor in network.state_dict().items()}
    kept = {name: tensor for name, tensor in state.items() if ".ema_" not in name}
    path = tmp_path / "export.safetensors"
    save_file(kept, path, metadata={"config": config.to_json()})
    loaded = load_network(path)
    assert loaded.config == dataclasses.replace(config, weight_norm=False)
    embed = loaded.state_dict()["quantizer.layers.3.embed"]
    assert torch.equal(embed, kept["quantizer.layers.3.embed"].float())


@pytest.mark.parametrize(
    "switch",
    ["spectrogram_blocks", "l2_norm", "variance_constrained", "weight_norm", "exact_spectrum"],
)
def test_every_switch_survives_a_checkpoint(tmp_path: Path, switch: str) -> None:
    # A switch name given at run time defeats the typing of replace.
    config = dataclasses.replace(SMALL, **{switch: not getattr(SMALL, switch)})
    network = small_network(config)
    loaded = load_network(save_export(network, tmp_path / "switched.safetensors").path)
    assert loaded.config == config
    samples = torch.from_numpy(tone(1600))[None]
    with torch.inference_mode():
        assert torch.equal(loaded.eval()(samples), network(samples))


def test_closed_branches_leave_only_the_trunk() -> None:
    network = HilCodec(SMALL)
    initialise(network, torch.Generator().manual_seed(1), zero_branches=True)
    scales = [p for name, p in network.named_parameters() if name.endswith("scale_param")]
    assert len(scales) == 5 + 4 * 2 + 4 * 3
    assert not any(scale.any() for scale in scales)


def test_bytes_decode_in_another_process(codec: NeuralCodec, tmp_path: Path) -> None:
    weights = save_export(small_network(), tmp_path / "hilcodec.safetensors")
    bitstream = codec.encode(tone(5000), 4500)
    (tmp_path / "item.bin").write_bytes(to_bytes(bitstream, "hilcodec", "1"))
    script = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from codec_zoo.adapters.hilcodec import HILCODEC\n"
        "from codec_zoo.bitstream import from_bytes\n"
        "from codec_zoo.weights import WeightsFile\n"
        "codec = HILCODEC.build(WeightsFile(Path(sys.argv[1]), '', 'imported'), 'cpu')\n"
        "bitstream = from_bytes(Path(sys.argv[2]).read_bytes(), 'hilcodec')\n"
        "np.save(sys.argv[3], codec.decode(bitstream))\n"
    )
    command = [sys.executable, "-c", script, str(weights.path)]
    subprocess.run([*command, str(tmp_path / "item.bin"), str(tmp_path / "out.npy")], check=True)
    decoded = np.load(tmp_path / "out.npy")
    assert decoded.shape == (1, 5000)
    assert np.abs(decoded - codec.decode(bitstream)).max() < 1e-5


def test_importing_the_adapter_does_not_load_torch() -> None:
    script = "import sys, codec_zoo.adapters.hilcodec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_bitrate_that_is_not_offered_is_refused(codec: NeuralCodec) -> None:
    with pytest.raises(UnsupportedBitrateError, match=r"1\.5, 2\.25, 3"):
        codec.encode(tone(320), 2000)


@pytest.mark.parametrize("shape", [(2, 320), (320,), (1, 0)])
def test_audio_of_another_shape_is_refused(codec: NeuralCodec, shape: tuple[int, ...]) -> None:
    with pytest.raises(CodecError, match="hilcodec was given"):
        codec.encode(np.zeros(shape, np.float32), 3000)


def test_codes_that_do_not_fill_the_audio_are_refused(codec: NeuralCodec) -> None:
    payload, layout = pack_codes(np.zeros((4, 3), np.int64), 1024)
    bitstream = Bitstream(payload, n_samples=3200, sample_rate=24_000, layout=layout)
    with pytest.raises(BitstreamError, match="4 x 3 codes; 1 to 12 codebooks x 10 frames"):
        codec.decode(bitstream)


def test_cut_bitstream_is_refused(codec: NeuralCodec) -> None:
    data = to_bytes(codec.encode(tone(3200), 3000), "hilcodec", "1")
    with pytest.raises(BitstreamError, match="the header says"):
        codec.decode(from_bytes(data[:-3], "hilcodec"))


def test_checkpoint_of_the_speech_model_is_refused_by_name(tmp_path: Path) -> None:
    network = small_network(dataclasses.replace(SMALL, n_codebooks=8))
    weights = save_export(network, tmp_path / "speech.safetensors")
    with pytest.raises(WeightsError, match=r"8 codebooks of 1024.*hilcodec needs 12 of 1024"):
        HILCODEC.build(weights, "cpu")


def test_checkpoint_of_another_codec_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"encoder.layers.0.conv.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r"no HILCodec checkpoint.*encoder\.layers\.0"):
        load_network(path)


def test_tensor_of_another_size_is_refused_with_both_shapes(tmp_path: Path) -> None:
    state = small_network().state_dict()
    state["quantizer.layers.5.embed"] = torch.zeros(512, 128)
    torch.save(state, tmp_path / "mixed.pth")
    with pytest.raises(WeightsError, match=r"\[512, 128\].*4/4 channels.*\[1024, 128\]"):
        load_network(tmp_path / "mixed.pth")


def test_missing_tensor_is_named(tmp_path: Path) -> None:
    state = small_network().state_dict()
    del state["decoder.model.4.convtr.convtr.weight_g"]
    torch.save(state, tmp_path / "incomplete.pth")
    with pytest.raises(WeightsError, match=r"1 tensors are missing \(decoder\.model\.4"):
        load_network(tmp_path / "incomplete.pth")


def test_unknown_configuration_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.safetensors"
    save_file(small_network().state_dict(), path, metadata={"config": '{"channels": 3}'})
    with pytest.raises(WeightsError, match="describes itself wrongly"):
        load_network(path)


@pytest.mark.parametrize(("fft_size", "hop"), [(64, 1), (256, 8), (1024, 320)])
def test_exact_spectrum_agrees_with_the_published_kernels_on_noise(fft_size: int, hop: int) -> None:
    noise = 0.1 * torch.randn(1, 1, 3200, generator=torch.Generator().manual_seed(0))
    exact, published = (
        LogSpectrogram(fft_size, hop, mean=-4.0, std=2.8, exact=choice)(noise)
        for choice in (True, False)
    )
    assert exact.shape == published.shape == (1, fft_size // 2 + 1, -(-3200 // hop))
    assert (exact - published).abs().median() < 1e-3
