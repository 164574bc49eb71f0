import json
from pathlib import Path

import numpy as np
import pytest

from codec_zoo.adapters.encodec import ENCODEC_24KHZ
from codec_zoo.samples import Samples
from codec_zoo.weights import WeightsError, WeightsFile

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


def noise(n_samples: int) -> Samples:
    return np.random.default_rng(0).normal(0.0, 0.1, (1, n_samples)).astype(np.float32)


def of(path: Path) -> WeightsFile:
    return WeightsFile(path=path, sha256="", origin="imported")


def save_tiny(folder: Path, **config: object) -> Path:
    """A small seeded EnCodec model as transformers saves one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        published = transformers.EncodecConfig(num_filters=4, hidden_size=16, **config)
        model = transformers.EncodecModel(published)
        for name, buffer in model.named_buffers():
            if name.endswith(".embed"):
                buffer.normal_()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("model"))


def copy_with_state(source: Path, target: Path, state: dict[str, object]) -> WeightsFile:
    """The folder with other tensors."""
    from safetensors.torch import save_file

    save_file(state, target / "model.safetensors", metadata={"format": "pt"})
    (target / "config.json").write_text((source / "config.json").read_text())
    return of(target)


def state_of(source: Path) -> dict[str, object]:
    from safetensors.torch import load_file

    return load_file(source / "model.safetensors")


def test_untrained_codec_is_the_same_each_time() -> None:
    state = torch.get_rng_state()
    first, second = (ENCODEC_24KHZ.build(None, "cpu").encode(noise(2_400), 3_000) for _ in range(2))
    assert first == second
    assert len(np.unique(first.codes())) > 1
    assert torch.equal(torch.get_rng_state(), state)


def test_building_is_quiet_and_leaves_the_librarys_settings(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = transformers.utils.logging
    before = (settings.get_verbosity(), settings.is_progress_bar_enabled())
    ENCODEC_24KHZ.build(of(folder), "cpu")
    assert (settings.get_verbosity(), settings.is_progress_bar_enabled()) == before
    assert capfd.readouterr() == ("", "")


def test_folder_with_older_names_of_weight_normalisation_loads(
    folder: Path, tmp_path: Path
) -> None:
    older_names = {"original0": "weight_g", "original1": "weight_v"}
    state = {}
    for name, tensor in state_of(folder).items():
        layer, _, last = name.rpartition(".parametrizations.weight.")
        state[f"{layer}.{older_names[last]}" if layer else name] = tensor
    older = ENCODEC_24KHZ.build(copy_with_state(folder, tmp_path, state), "cpu")
    newer = ENCODEC_24KHZ.build(of(folder), "cpu")
    assert older.encode(noise(2_400), 6_000) == newer.encode(noise(2_400), 6_000)


def test_folder_of_another_rate_is_refused_with_both_descriptions(tmp_path: Path) -> None:
    save_tiny(tmp_path, sampling_rate=48_000, audio_channels=2, target_bandwidths=[3.0, 24.0])
    message = r"sampling_rate 48000, audio_channels 2.*sampling_rate 24000, audio_channels 1"
    with pytest.raises(WeightsError, match=message):
        ENCODEC_24KHZ.build(of(tmp_path), "cpu")


def test_folder_of_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "dac"}))
    with pytest.raises(WeightsError, match="holds a model of type 'dac'; 'encodec' expected"):
        ENCODEC_24KHZ.build(of(tmp_path), "cpu")


@pytest.mark.parametrize("content", [None, "{", '{"model_type": "encodec", "sampling_rate": "x"}'])
def test_unreadable_configuration_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(WeightsError, match=r"config\.json (cannot be read|is no configuration)"):
        ENCODEC_24KHZ.build(of(tmp_path), "cpu")


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.999])
def test_cut_off_weights_are_refused(folder: Path, tmp_path: Path, kept: float) -> None:
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    content = (folder / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(content[: int(kept * len(content))])
    with pytest.raises(WeightsError, match="cut off, damaged or of another size"):
        ENCODEC_24KHZ.build(of(tmp_path), "cpu")


def test_folder_without_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(WeightsError, match=r"no file named model\.safetensors.*Get the folder"):
        ENCODEC_24KHZ.build(of(tmp_path), "cpu")


def test_folder_without_a_tensor_is_refused(folder: Path, tmp_path: Path) -> None:
    state = state_of(folder)
    del state["quantizer.layers.31.codebook.embed"]
    with pytest.raises(WeightsError, match=r"layers\.31\.codebook\.embed missing"):
        ENCODEC_24KHZ.build(copy_with_state(folder, tmp_path, state), "cpu")


def test_folder_with_a_tensor_of_another_shape_is_refused(folder: Path, tmp_path: Path) -> None:
    state = state_of(folder) | {"encoder.layers.0.conv.bias": torch.zeros(9)}
    with pytest.raises(WeightsError, match="damaged or of another size"):
        ENCODEC_24KHZ.build(copy_with_state(folder, tmp_path, state), "cpu")
