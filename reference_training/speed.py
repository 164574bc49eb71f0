"""What the training kernels gain over plain convolutions, in CPU time per step."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from codec_zoo.models.hilcodec.initialisation import initialise
from codec_zoo.models.hilcodec.network import HilCodec
from reference_training.config import LossConfig
from reference_training.kernels import use_training_kernels
from reference_training.reconstruction import ReconstructionLoss

if TYPE_CHECKING:
    from collections.abc import Callable

    from codec_zoo.models.hilcodec.config import HilCodecConfig

WARM_UP_STEPS = 2


@dataclass(frozen=True, slots=True)
class StepTime:
    """CPU seconds of one training step: every repeat, and the audio that a step holds."""

    name: str
    cpu_seconds: tuple[float, ...]
    audio_seconds: float

    @property
    def median(self) -> float:
        """Median CPU time of a step in seconds."""
        return statistics.median(self.cpu_seconds)


def compare_kernels(
    config: HilCodecConfig, *, batch_size: int, n_samples: int, repeats: int
) -> list[StepTime]:
    """Time a step (network, reconstruction loss, gradients, AdamW) in two ways, interleaved.

    ``conv1d, float32`` is the network as it is; ``training kernels, bfloat16`` is what a run with
    ``precision = "bfloat16"`` does. The quantizer is left out: it is the same in both.
    """
    generator = torch.Generator().manual_seed(0)
    audio = 0.1 * torch.randn(batch_size, 1, n_samples, generator=generator)
    steps: dict[str, Callable[[], None]] = {}
    for name, precision in (
        ("conv1d, float32", torch.float32),
        ("training kernels, bfloat16", torch.bfloat16),
    ):
        network = HilCodec(config)
        initialise(network, torch.Generator().manual_seed(0), zero_branches=False)
        if precision == torch.bfloat16:
            use_training_kernels(network, precision)
        steps[name] = _training_step(network, audio)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(WARM_UP_STEPS + repeats):
        for name, step in steps.items():
            start = time.process_time()
            step()
            if repeat >= WARM_UP_STEPS:
                times[name].append(time.process_time() - start)
    seconds = batch_size * n_samples / config.sample_rate
    return [StepTime(name, tuple(values), seconds) for name, values in times.items()]


def _training_step(network: HilCodec, audio: torch.Tensor) -> Callable[[], None]:
    parameters = [*network.encoder.parameters(), *network.decoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, fused=True)
    loss = ReconstructionLoss(network.config.sample_rate, LossConfig())

    def step() -> None:
        terms = loss(network.decoder(network.encoder(audio)), audio)
        torch.autograd.backward(terms.waveform + terms.spectrum + terms.mel)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step
