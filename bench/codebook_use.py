"""How well a run's codecs use their codebooks: measures of a corpus, not of a pair of signals.

Codes are counted over all items of a condition, because what a codebook could carry shows only over
many frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.run_folder import bitstream_path
from codec_zoo.bitstream import BitstreamError, from_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.store import Store


class CodebookError(ValueError):
    """The codes of a condition cannot be counted; the message says why."""


@dataclass(frozen=True, slots=True)
class CodebookUse:
    r"""Use of one codebook of a residual quantizer.

    Attributes:
        level: index of the codebook, the coarsest being zero.
        size: entries N.
        n_codes: codes that were counted.
        n_used: entries that occur.
        entropy: plug-in entropy in bits, :math:`-\sum_i p_i \log_2 p_i`; too low for few frames.
        entropy_miller_madow: in bits, with the bias :math:`(N_{used} - 1) / (2 n \ln 2)` added
            (Miller, 1955).
    """

    level: int
    size: int
    n_codes: int
    n_used: int
    entropy: float
    entropy_miller_madow: float

    @property
    def utilisation(self) -> float:
        """Share of the entries that occur, 0 to 1; it grows with the number of frames."""
        return self.n_used / self.size

    @property
    def perplexity(self) -> float:
        """Number of equally likely codes that would have the plug-in entropy."""
        return float(2.0**self.entropy)

    @property
    def efficiency(self) -> float:
        """Plug-in entropy over the bits that a code takes, 0 to 1."""
        return self.entropy / math.log2(self.size) if self.size > 1 else 0.0


def codebook_use(counts: NDArray[np.int64]) -> tuple[CodebookUse, ...]:
    """Use of each codebook from how often its entries occur.

    Args:
        counts: shape ``[K, N]``: K codebooks of N entries.

    Raises:
        CodebookError: nothing was counted.

    >>> (use,) = codebook_use(np.array([[2, 2, 0, 0]]))
    >>> (use.utilisation, use.entropy, use.perplexity, use.efficiency)
    (0.5, 1.0, 2.0, 0.5)
    """
    if counts.ndim != 2 or counts.size == 0 or not counts.any(axis=1).all():
        raise CodebookError(f"counts of shape {counts.shape} hold a codebook without codes.")
    return tuple(_use_of(level, row) for level, row in enumerate(counts))


def bitrate_efficiency(uses: Iterable[CodebookUse]) -> float:
    """Entropy of all codebooks over the bits that their codes take, 0 to 1.

    Source: Kumar et al. (2023), "High-Fidelity Audio Compression with Improved RVQGAN", section
    4.4.

    >>> bitrate_efficiency(codebook_use(np.array([[2, 2, 0, 0], [1, 1, 1, 1]])))
    0.75
    """
    uses = tuple(uses)
    return sum(use.entropy for use in uses) / sum(math.log2(use.size) for use in uses)


def count_codes(store: Store, condition: str, codec: str) -> NDArray[np.int64]:
    """How often each entry occurs in the bitstreams that a run keeps of a condition: ``[K, N]``.

    Args:
        store: the run.
        condition: id of the condition.
        codec: name of its codec.

    Raises:
        CodebookError: it has no bitstreams, they carry no codes, or not the same codebooks.
    """
    counts: NDArray[np.int64] | None = None
    for item, codes, size in _codes(store, condition, codec):
        if counts is None:
            counts = np.zeros((codes.shape[0], size), np.int64)
        if counts.shape != (codes.shape[0], size):
            raise CodebookError(
                f"{condition}, {item}: {codes.shape[0]} codebooks of {size} entries; the items "
                f"before have {counts.shape[0]} of {counts.shape[1]}."
            )
        for row, level in zip(counts, codes, strict=True):
            row += np.bincount(level, minlength=size)
    if counts is None:
        raise CodebookError(f"{condition}: the run keeps no bitstreams of it.")
    return counts


def _codes(
    store: Store, condition: str, codec: str
) -> Iterator[tuple[str, NDArray[np.int64], int]]:
    for coding in store.codings():
        if coding.condition != condition or coding.status != "ok":
            continue
        path = bitstream_path(store.folder, condition, coding.item)
        if not path.is_file():
            continue  # decoded elsewhere
        try:
            bitstream = from_bytes(path.read_bytes(), codec)
            codes = bitstream.codes()
        except BitstreamError as error:
            raise CodebookError(f"{condition}, {coding.item}: {error}") from error
        assert bitstream.layout is not None
        yield coding.item, codes, bitstream.layout.codebook_size


def _use_of(level: int, counts: NDArray[np.int64]) -> CodebookUse:
    total = int(counts.sum())
    used = counts[counts > 0]
    shares = used / total
    entropy = max(0.0, -float(np.sum(shares * np.log2(shares))))
    bias = (used.size - 1) / (2 * total * math.log(2))
    return CodebookUse(level, counts.size, total, used.size, entropy, entropy + bias)
