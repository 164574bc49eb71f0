"""The compiled kernels of ``depthwise.cpp`` as functions that autograd can differentiate."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import torch
from torch import Tensor
from torch.autograd import Function

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx

LOGGER = logging.getLogger(__name__)
SOURCE = Path(__file__).with_name("depthwise.cpp")
FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")
LANES = 8  # the kernels work on eight channels at a time
TAPS = 5


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or none where there is no compiler; said once in the log."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        LOGGER.warning("no C++ compiler found; training uses slower convolutions.")
        return None
    recipe = f"{compiler} {FLAGS} {platform.processor()} {platform.node()}".encode()
    name = hashlib.sha256(SOURCE.read_bytes() + recipe).hexdigest()[:16]
    target = platformdirs.user_cache_path("codecbench") / "kernels" / f"{name}.so"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            built = Path(scratch, target.name)
            try:
                command = [compiler, *FLAGS, "-o", str(built), str(SOURCE)]
                subprocess.run(command, check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                reason = str(getattr(error, "stderr", error)).strip()[:200]
                LOGGER.warning(
                    "%s failed (%s); training uses slower convolutions.", compiler, reason
                )
                return None
            built.rename(target)
    return ctypes.CDLL(str(target))


def is_supported(x: Tensor) -> bool:
    """Whether the kernels can work on features ``[B, T, C]``."""
    return (
        x.dtype == torch.bfloat16
        and x.device.type == "cpu"
        and x.shape[-1] % LANES == 0
        and library() is not None
    )


def depthwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Causal depthwise convolution of ``x`` ``[B, T, C]`` with ``weight`` ``[5, C]``."""
    return _apply(_Depthwise, x, weight, bias)


def downsample(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``x`` ``[B, F * s, C]`` with ``weight`` ``[2 s, C]`` to ``[B, F, C]``."""
    return _apply(_Downsample, x, weight, bias)


def upsample(x: Tensor, weight: Tensor) -> Tensor:
    """``x`` ``[B, F, C]`` with ``weight`` ``[2 s, C]`` to ``[B, F * s, C]``."""
    return _apply(_Upsample, x, weight)


def elu(x: Tensor, scale: float) -> Tensor:
    """ELU of ``scale * x`` for features whose last axis is a multiple of eight."""
    return _apply(_Elu, x, scale)


def add_branch(x: Tensor, branch: Tensor, gain: Tensor) -> Tensor:
    """``x + gain * branch`` for features ``[B, T, C]`` and one gain."""
    return _apply(_AddBranch, x, branch, gain)


def _apply(function: type[Function], *arguments: Tensor | float | None) -> Tensor:
    # torch leaves Function.apply untyped.
    result: Tensor = function.apply(*arguments)  # type: ignore[no-untyped-call]
    return result


def _call(name: str, *arguments: Tensor | int | float | None) -> None:
    converted: list[Any] = []  # ctypes values share no type
    for argument in arguments:
        if argument is None:
            converted.append(None)
        elif isinstance(argument, Tensor):
            converted.append(ctypes.c_void_p(argument.data_ptr()))
        elif isinstance(argument, float):
            converted.append(ctypes.c_float(argument))
        else:
            converted.append(ctypes.c_long(argument))
    loaded = library()
    assert loaded is not None  # is_supported was asked
    getattr(loaded, name)(*converted)


class _Depthwise(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        assert weight.shape == (TAPS, x.shape[2])
        y = torch.empty_like(x)
        _call("depthwise_forward", x, weight, bias, y, *x.shape)
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None  # type: ignore[attr-defined]  # torch lets one add fields
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        gx, gw = torch.empty_like(x), torch.empty_like(weight)
        gb = weight.new_empty(weight.shape[1]) if ctx.has_bias else None
        _call("depthwise_backward", gradient, x, weight, gx, gw, gb, *x.shape)
        return gx, gw, gb


class _Downsample(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        batch, length, channels = x.shape
        stride = weight.shape[0] // 2
        assert length % stride == 0
        y = x.new_empty(batch, length // stride, channels)
        _call("downsample_forward", x, weight, bias, y, batch, y.shape[1], stride, channels)
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None  # type: ignore[attr-defined]  # torch lets one add fields
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        gx, gw = torch.empty_like(x), torch.empty_like(weight)
        gb = weight.new_empty(weight.shape[1]) if ctx.has_bias else None
        batch, frames, channels = gradient.shape
        sizes = (batch, frames, weight.shape[0] // 2, channels)
        _call("downsample_backward", gradient, x, weight, gx, gw, gb, *sizes)
        return gx, gw, gb


class _Upsample(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor) -> Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        batch, frames, channels = x.shape
        stride = weight.shape[0] // 2
        y = x.new_empty(batch, frames * stride, channels)
        _call("upsample_forward", x, weight, y, batch, frames, stride, channels)
        ctx.save_for_backward(x, weight)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        gx, gw = torch.empty_like(x), torch.empty_like(weight)
        batch, frames, channels = x.shape
        sizes = (batch, frames, weight.shape[0] // 2, channels)
        _call("upsample_backward", gradient, x, weight, gx, gw, *sizes)
        return gx, gw


class _Elu(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, scale: float) -> Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        _call("elu_forward", x, y, scale, x.numel())
        ctx.save_for_backward(y)
        ctx.scale = scale  # type: ignore[attr-defined]  # torch lets one add fields
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        gradient = gradient.contiguous()
        gx = torch.empty_like(y)
        _call("elu_backward", gradient, y, gx, ctx.scale, y.numel())
        return gx, None


class _AddBranch(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, branch: Tensor, gain: Tensor) -> Tensor:
        x, branch = x.contiguous(), branch.contiguous()
        y = torch.empty_like(x)
        _call("add_branch_forward", x, branch, y, gain.item(), x.numel())
        ctx.save_for_backward(branch, gain)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        branch, gain = ctx.saved_tensors
        gradient = gradient.contiguous()
        g_branch, g_gain = torch.empty_like(branch), torch.empty_like(gain)
        _call(
            "add_branch_backward", gradient, branch, g_branch, g_gain, gain.item(), branch.numel()
        )
        return gradient, g_branch, g_gain
