"""Counts of parameters, by part and under each convention in use."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from torch import nn

WEIGHT_NORM_LENGTHS = ("weight_g", "original0")  # torch.nn.utils: weight_norm, parametrizations
FOLDED_NETWORKS = ("DacEncoder",)  # transformers holds DAC's kernels plain; training normalised all


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Numbers of parameters that coding and decoding use at one bitrate.

    Weight normalisation is not folded: the direction and the length of each kernel count, as they
    are trained. Codebooks count where they are parameters, and not where they are running averages.

    Attributes:
        encoder: of the encoder.
        quantizer: of the quantizer stages in use.
        decoder: of the decoder.
        folded: of all parts, with one plain kernel instead of direction and length.
        codebooks: numbers in codebooks that are no parameters, stages in use.
        left_out: of the submodules that a paper's convention leaves out.
    """

    encoder: int
    quantizer: int
    decoder: int
    folded: int
    codebooks: int
    left_out: int

    @property
    def total(self) -> int:
        """Of all parts."""
        return self.encoder + self.quantizer + self.decoder


def count_parameters(
    parts: Mapping[str, nn.Module],
    *,
    used: Collection[int],
    ran: Mapping[str, Collection[nn.Module]],
    left_out: Collection[str] = (),
) -> ParameterCount:
    """Count the parameters that a run used.

    Args:
        parts: encoder, quantizer and decoder.
        used: identities of the parameters that operators took.
        ran: modules that ran operators during coding, under ``encoder``, and decoding, under
            ``decoder``; those outside of all parts are put there.
        left_out: names of submodules, to count apart.
    """
    counts = dict.fromkeys(("encoder", "quantizer", "decoder"), 0)
    lengths = omitted = 0
    seen: set[int] = set()
    for part, path, module in _owners(parts, ran):
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) not in used or id(parameter) in seen:
                continue
            seen.add(id(parameter))
            counts[part] += parameter.numel()
            lengths += parameter.numel() if name in WEIGHT_NORM_LENGTHS else 0
            omitted += parameter.numel() if set(path.split(".")) & set(left_out) else 0
            if name == "weight" and _was_normalised(parts, module):
                counts[part] += parameter.shape[0]
                lengths += parameter.shape[0]
    return ParameterCount(
        **counts,
        folded=sum(counts.values()) - lengths,
        codebooks=_codebook_numbers(parts["quantizer"], ran["encoder"]),
        left_out=omitted,
    )


def _owners(
    parts: Mapping[str, nn.Module], ran: Mapping[str, Collection[nn.Module]]
) -> Iterator[tuple[str, str, nn.Module]]:
    """Part, path and module, each module in the part that lists it first."""
    for part, network in parts.items():
        for path, module in network.named_modules():
            yield part, path, module
    for part, modules in ran.items():
        for module in modules:
            yield part, "", module


def _was_normalised(parts: Mapping[str, nn.Module], module: nn.Module) -> bool:
    folded = type(parts["encoder"]).__name__ in FOLDED_NETWORKS
    return folded and isinstance(module, nn.Conv1d | nn.ConvTranspose1d)


def _codebook_numbers(quantizer: nn.Module, ran: Collection[nn.Module]) -> int:
    """Numbers in the tables of the stages that ran; running sums beside a table do not count."""
    running = {id(module) for module in ran}
    return sum(
        max((b.numel() for b in module.buffers(recurse=False) if b.ndim == 2), default=0)
        for module in quantizer.modules()
        if id(module) in running
    )
