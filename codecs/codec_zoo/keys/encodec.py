"""The names in official EnCodec checkpoints (``encodec_24khz-*.th``, ``encodec_48khz-*.th``).

Both sides number the layers of encoder and decoder alike; they differ in how the wrappers around a
convolution are called and in where weight normalisation keeps its two tensors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

RENAMES = (
    (re.compile(r"^(encoder|decoder)\.model\."), r"\1.layers."),
    (re.compile(r"\.(?:conv\.conv|convtr\.convtr)\."), ".conv."),
    (re.compile(r"\.(?:conv|convtr)\.norm\."), ".norm."),
    (re.compile(r"\.vq\.layers\.(\d+)\._codebook\."), r".layers.\1.codebook."),
    (re.compile(r"\.weight_g$"), ".parametrizations.weight.original0"),
    (re.compile(r"\.weight_v$"), ".parametrizations.weight.original1"),
)


def model_state(official: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An official state dictionary under the names of ``transformers.EncodecModel``.

    A name that no rule knows is kept, so that comparing with the model reports it.
    """
    return {model_name(name): tensor for name, tensor in official.items()}


def model_name(official: str) -> str:
    """Name of one tensor in the model.

    >>> model_name("decoder.model.3.convtr.convtr.weight_g")
    'decoder.layers.3.conv.parametrizations.weight.original0'
    >>> model_name("quantizer.vq.layers.7._codebook.embed")
    'quantizer.layers.7.codebook.embed'
    """
    for pattern, replacement in RENAMES:
        official = pattern.sub(replacement, official)
    return official
