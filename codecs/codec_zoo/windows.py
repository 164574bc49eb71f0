"""Long audio through a convolutional network in windows, with the result of a single run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn


def windows(n_frames: int, size: int, margin: int) -> Iterator[tuple[range, range]]:
    """Frames to run and, inside them, the frames to keep; the latter cover all frames once.

    >>> list(windows(5, size=3, margin=1))
    [(range(0, 4), range(0, 3)), (range(2, 5), range(3, 5))]
    """
    for start in range(0, n_frames, size):
        stop = min(start + size, n_frames)
        yield range(max(start - margin, 0), min(stop + margin, n_frames)), range(start, stop)


def run_in_windows(
    network: nn.Module,
    inputs: Tensor,
    n_frames: int,
    *,
    hop_in: int = 1,
    hop_out: int = 1,
    size: int,
    margin: int,
) -> Tensor:
    """What ``network(inputs)`` returns, up to rounding, with memory for one window only.

    That holds where the network is made of convolutions, so that a frame of its output depends on
    less than ``margin`` frames before and after it, and where it pads with zeros.

    Args:
        network: takes ``[1, C, hop_in * frames]``; returns ``[1, D, hop_out * frames]``, at the end
            of which some may be missing.
        inputs: ``[1, C, hop_in * n_frames]``.
        n_frames: frames in all.
        hop_in: values per frame that go in.
        hop_out: values per frame that come out.
        size: frames to keep of a window.
        margin: frames to run on each side of them.
    """
    parts = []
    for outer, inner in windows(n_frames, size, margin):
        part = network(inputs[..., outer.start * hop_in : outer.stop * hop_in])
        start = (inner.start - outer.start) * hop_out
        parts.append(part[..., start : start + len(inner) * hop_out])
    return torch.cat(parts, dim=2)
