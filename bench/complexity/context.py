"""How far encoder and decoder reach into past and future, found by gradients."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

SEED = 0
SECONDS = 1.0  # of audio that is looked at; what reaches further is said to have no bound


@dataclass(frozen=True, slots=True)
class Context:
    """Reach of a codec's networks.

    Attributes:
        encoder_field: samples that shape one latent frame; none where they reach back beyond
            ``SECONDS`` or have no bound, as with recurrence.
        decoder_field: latent frames that shape one frame of output; none as above.
        latency: samples from the first one of a frame until its output can begin: the frame, and
            what encoder and decoder wait for after it. None where they wait for the end.
    """

    encoder_field: int | None
    decoder_field: int | None
    latency: int | None


def measure_context(
    encoder: nn.Module, decoder: nn.Module, *, channels: int, sample_rate: int, frame_size: int
) -> Context | None:
    """Reach of an encoder ``[1, C, T] -> [1, D, T / hop]`` and a decoder that goes back.

    A number of the input belongs to the field of an output if the gradient there is not zero.
    Parameters that are all zero, such as gains that training has not opened yet, are set to one.

    Returns:
        None where the encoder returns something else than a tensor, as some libraries' do.
    """
    generator = torch.Generator().manual_seed(SEED)
    encoder, decoder = _opened(encoder), _opened(decoder)
    n_frames = round(SECONDS * sample_rate / frame_size)
    middle = 3 * n_frames // 4  # most of the reach is into the past
    waveform = 0.1 * torch.randn(1, channels, n_frames * frame_size, generator=generator)
    with torch.no_grad():
        latents = encoder(waveform)
    if not isinstance(latents, Tensor):
        return None
    past, future = _reach(encoder, waveform, lambda z: z[..., middle : middle + 1], generator)
    encoder_wait = _until(future, (middle + 1) * frame_size - 1, waveform)
    encoder_field = None if past == 0 else future - past + 1
    frame = slice(middle * frame_size, (middle + 1) * frame_size)
    past, future = _reach(decoder, latents, lambda y: y[..., frame], generator)
    decoder_wait = _until(future, middle, latents)
    decoder_field = None if past == 0 else future - past + 1
    if encoder_wait is None or decoder_wait is None:
        return Context(encoder_field, decoder_field, None)
    latency = frame_size + encoder_wait + frame_size * decoder_wait
    return Context(encoder_field, decoder_field, latency)


def _opened(network: nn.Module) -> nn.Module:
    opened = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in opened.parameters():
            if not parameter.any():
                parameter.fill_(1.0)
    return opened


def _reach(
    network: nn.Module,
    x: Tensor,
    choose: Callable[[Tensor], Tensor],
    generator: torch.Generator,
) -> tuple[int, int]:
    """First and last position of ``x`` that the chosen outputs depend on."""
    x = x.clone().requires_grad_()
    chosen = choose(network(x))
    weights = torch.randn(chosen.shape, generator=generator)  # equal ones could cancel
    (gradient,) = torch.autograd.grad((chosen * weights).sum(), x)
    positions = gradient.abs().sum(dim=(0, 1)).nonzero()
    return int(positions[0]), int(positions[-1])


def _until(last: int, own: int, x: Tensor) -> int | None:
    return None if last == x.shape[-1] - 1 else max(0, last - own)
