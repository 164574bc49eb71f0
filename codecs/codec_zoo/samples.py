"""The array types that cross module boundaries."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]
"""Audio: float32, shape ``(channels, samples)``, nominal range [-1, 1], at a stated rate."""

Codes: TypeAlias = NDArray[np.integer[Any]]  # any integer width; only the values matter
"""Codebook indices: shape ``[K, T]``, K codebooks by T frames."""
