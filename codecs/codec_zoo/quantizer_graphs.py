"""Residual quantizers as ONNX graphs, for latents of streaming encoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from codec_zoo.streaming_graph import StreamGraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ResidualCodebooks:
    """Codebooks that each code what the ones before left over.

    Attributes:
        books: codewords ``[N, D]`` of each stage.
        project_in: ``[L, D]``, from latents to what is coded; none where that is the latents.
        project_out: ``[D, L]``, back to latents.
    """

    books: Sequence[NDArray[np.float32]]
    project_in: NDArray[np.float32] | None = None
    project_out: NDArray[np.float32] | None = None

    @property
    def latent_dim(self) -> int:
        """Channels L of the latents."""
        if self.project_in is None:
            return int(self.books[0].shape[1])
        return int(self.project_in.shape[0])


def quantizer_graph(groups: Sequence[ResidualCodebooks], n_frames: int) -> onnx.ModelProto:
    """``latents [1, L, n_frames]`` to ``codes [1, K, n_frames]``, the groups' one after the other.

    Each stage is one matrix product with its bias: the squared distance without the part that all
    codewords share, |e|^2 - 2 <r, e>.
    """
    graph = StreamGraph("residual quantizer")
    dim = groups[0].latent_dim
    flat = graph.apply("Transpose", "latents", perm=[0, 2, 1])
    latents = graph.apply("Reshape", flat, graph.integers(n_frames, dim))
    found = [code for group in groups for code in _codes(graph, latents, group, n_frames)]
    codes = graph.apply("Concat", *found, axis=1)
    return graph.model(
        {"latents": ("float32", (1, dim, n_frames))},
        {"codes": (codes, "int64", (1, len(found), n_frames))},
    )


def dequantizer_graph(groups: Sequence[ResidualCodebooks], n_frames: int) -> onnx.ModelProto:
    """``codes [1, K, n_frames]`` to ``latents [1, L, n_frames]``: the sum of the codewords."""
    graph = StreamGraph("residual dequantizer")
    dim = groups[0].latent_dim
    n_codebooks = sum(len(group.books) for group in groups)
    summed, start = [], 0
    for group in groups:
        stop = start + len(group.books)
        summed.append(_latents(graph, graph.slice("codes", start, stop, 1), group))
        start = stop
    total = graph.apply("Sum", *summed)  # [1, T, L]
    latents = graph.apply("Transpose", total, perm=[0, 2, 1])
    return graph.model(
        {"codes": ("int64", (1, n_codebooks, n_frames))},
        {"latents": (latents, "float32", (1, dim, n_frames))},
    )


def _codes(graph: StreamGraph, latents: str, group: ResidualCodebooks, n_frames: int) -> list[str]:
    residual = latents
    if group.project_in is not None:
        residual = graph.apply("MatMul", residual, graph.constant(group.project_in))
    found = []
    for embed in group.books:
        product, norms = graph.constant(-2 * embed.T), graph.constant(np.square(embed).sum(axis=1))
        distance = graph.apply("Gemm", residual, product, norms)  # [T, N]
        index = graph.apply("ArgMin", distance, axis=1, keepdims=0)
        chosen = graph.apply("Gather", graph.constant(embed), index, axis=0)
        residual = graph.apply("Sub", residual, chosen)
        found.append(graph.apply("Reshape", index, graph.integers(1, 1, n_frames)))
    return found


def _latents(graph: StreamGraph, codes: str, group: ResidualCodebooks) -> str:
    size = group.books[0].shape[0]
    starts = size * np.arange(len(group.books), dtype=np.int64)[None, :, None]
    rows = graph.apply("Add", codes, graph.constant(starts))
    words = graph.apply("Gather", graph.constant(np.concatenate(group.books)), rows, axis=0)
    total = graph.apply("ReduceSum", words, graph.integers(1), keepdims=0)  # [1, T, D]
    if group.project_out is None:
        return total
    return graph.apply("MatMul", total, graph.constant(group.project_out))
