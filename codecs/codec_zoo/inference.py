"""How models are run: without gradients, in full float32, from samples to tensors and back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from codec_zoo.samples import Samples


@contextmanager
def exact_inference() -> Iterator[None]:
    """Run without gradients, and on a GPU with repeatable kernels in full float32.

    cuDNN rounds convolutions to ten mantissa bits (TF32) unless told otherwise, which changes
    codes. Its settings are as before when the block ends.
    """
    cudnn = torch.backends.cudnn
    with (
        torch.inference_mode(),
        cudnn.flags(enabled=cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=False),
    ):
        yield


def to_tensor(samples: Samples, device: str) -> Tensor:
    """A copy of audio ``(channels, samples)`` as ``[1, C, T]`` on a device."""
    return torch.tensor(samples, device=device)[None]


def to_samples(waveform: Tensor, n_samples: int) -> Samples:
    """The first ``n_samples`` of ``[1, C, T]`` as ``(channels, n_samples)``."""
    samples: Samples = waveform[0, :, :n_samples].float().cpu().contiguous().numpy()
    return samples
