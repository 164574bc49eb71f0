"""Reading checkpoint files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from codec_zoo.checkpoints import load_metadata, load_state_dict
from codec_zoo.weights import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(500, dtype=torch.float16)}


def same(loaded: dict[str, torch.Tensor]) -> bool:
    return loaded.keys() == STATE.keys() and all(
        torch.equal(loaded[name], value) and loaded[name].dtype == value.dtype
        for name, value in STATE.items()
    )


def test_safetensors_load_with_their_metadata(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(STATE, path, metadata={"licence": "CC0-1.0"})
    assert same(load_state_dict(path))
    assert load_metadata(path) == {"licence": "CC0-1.0"}


@pytest.mark.parametrize("key", ["model", "state_dict", None])
def test_torch_checkpoints_load_with_and_without_a_level_around(
    tmp_path: Path, key: str | None
) -> None:
    state = STATE | {"layer._extra_state": {"initted": True}}
    torch.save({key: state, "epoch": 3} if key else state, tmp_path / "weights.pth")
    assert same(load_state_dict(tmp_path / "weights.pth"))
    assert load_metadata(tmp_path / "weights.pth") == {}


def test_format_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "weights.pth")
    assert same(load_state_dict(tmp_path / "weights.pth"))


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_cut_safetensors_are_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(STATE, path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsError, match=r"weights\.safetensors"):
        load_state_dict(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_cut_torch_files_are_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "weights.pth"
    torch.save(STATE, path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsError, match=r"weights\.pth cannot be read.*cut off"):
        load_state_dict(path)


@pytest.mark.parametrize("content", [b"", b"RIFF\x00\x00\x00\x00WAVEfmt "])
def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "audio.wav"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="neither a safetensors nor a torch file"):
        load_state_dict(path)


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="missing"):
        load_state_dict(tmp_path / "absent.pth")


def test_torch_file_without_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(WeightsError, match=r"no tensors \(it has: epoch\)"):
        load_state_dict(tmp_path / "empty.pth")


class Harmful:
    """Its pickle runs code when it is loaded carelessly."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("run",))


def test_code_in_a_checkpoint_is_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"model": Harmful()}, tmp_path / "harmful.pth")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_state_dict(tmp_path / "harmful.pth")
    assert capsys.readouterr().out == ""


def test_vocoders_keep_their_tensors_under_generator(tmp_path: Path) -> None:
    torch.save({"generator": {"conv_pre.bias": torch.ones(2)}}, tmp_path / "g_02500000")
    (name,) = load_state_dict(tmp_path / "g_02500000")
    assert name == "conv_pre.bias"
