"""The training loop."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from codec_zoo.models.hilcodec.initialisation import initialise
from codec_zoo.models.hilcodec.network import HilCodec
from reference_training.batches import Batch, Sampler
from reference_training.checkpoint import TrainingState, load_state, save_state
from reference_training.codebooks import fit_codebooks, quantize, update_codebooks
from reference_training.corpus import open_corpus
from reference_training.distributed import Team
from reference_training.kernels import use_training_kernels
from reference_training.reconstruction import ReconstructionLoss
from reference_training.schedule import learning_rate

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from reference_training.config import OptimizerConfig, TrainingConfig

LOGGER = logging.getLogger(__name__)
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
KMEANS_KEY, DROPOUT_KEY, RESTART_KEY = 1_000_001, 1_000_002, 1_000_003  # beside ranks in keys


class NotFiniteError(RuntimeError):
    """The loss is not a number; the message names the batch."""


class Trainer:
    """Owns the network, the optimiser and the step count of one run.

    What a step draws depends on the seed, the step and the rank alone, so a run that is resumed
    continues exactly as it would have without the stop.
    """

    def __init__(self, config: TrainingConfig, team: Team, device: str = "cpu") -> None:
        self.config = config
        self.team = team
        self.device = device
        self.network = HilCodec(config.model)
        initialise(
            self.network,
            torch.Generator().manual_seed(config.seed),
            zero_branches=config.zero_branches,
        )
        self.network.to(device)
        use_training_kernels(self.network, PRECISIONS[config.precision])
        self.parameters = list(self.network.parameters())
        self.average = {n: p.detach().clone() for n, p in self.network.named_parameters()}
        self.optimizer = make_optimizer(self.parameters, config.optimizer)
        self.loss = ReconstructionLoss(config.model.sample_rate).to(device)
        corpus = open_corpus(config.data, config.model.sample_rate)
        self.sampler = Sampler(corpus, config.data, config.seed)
        self.step = 0
        self.has_codebooks = False
        self.stop_requested = False
        self._earlier_seconds = 0.0
        self._started = time.process_time()

    def resume(self) -> bool:
        """Continue from the last checkpoint of the output folder; whether there is one.

        Raises:
            CheckpointError: it is damaged or of another network.
        """
        state = load_state(self.config.output, self.config.model.to_json())
        if state is None:
            return False
        self.network.load_state_dict(state.model)
        self.optimizer.load_state_dict(state.optimizer)
        self.average = {name: value.to(self.device) for name, value in state.average.items()}
        self.step = state.step
        self.has_codebooks = state.has_codebooks
        self._earlier_seconds = state.seconds
        return True

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            CheckpointError: it cannot be written.
        """
        state = TrainingState(
            step=self.step,
            seconds=self.cpu_seconds,
            model=self.network.state_dict(),
            average=self.average,
            optimizer=self.optimizer.state_dict(),
            model_config=self.config.model.to_json(),
            has_codebooks=self.has_codebooks,
        )
        save_state(state, self.config.output)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the run so far, in all processes (they work alike)."""
        own = time.process_time() - self._started
        return self._earlier_seconds + own * self.team.size

    def run(self) -> None:
        """Train up to the last step, or until ``stop_requested``; the state is saved either way.

        Raises:
            NotFiniteError: the loss became infinite or not a number.
            CheckpointError: a checkpoint cannot be written.
        """
        config = self.config
        if self.team.leads:
            config.output.mkdir(parents=True, exist_ok=True)
        saved = time.monotonic()
        totals: dict[str, float] = {}
        since = self.step
        while self.step < config.total_steps:
            for name, value in self.train_step().items():
                totals[name] = totals.get(name, 0.0) + value
            if self.step % config.log_steps == 0 and self.team.leads:
                means = {n: round(v / (self.step - since), 5) for n, v in totals.items()}
                write_log(
                    config.output, {"step": self.step, "cpu_s": round(self.cpu_seconds), **means}
                )
                totals, since = {}, self.step
            stops = self.team.any(self.stop_requested, self.device)
            is_due = time.monotonic() - saved > 60 * config.checkpoint_minutes
            if (is_due or stops or self.step == config.total_steps) and self.team.leads:
                self.save()
                saved = time.monotonic()
            if stops:
                break

    def train_step(self) -> dict[str, float]:
        """Do one step and return its losses.

        Raises:
            NotFiniteError: the loss became infinite or not a number.
        """
        config = self.config
        if not self.has_codebooks and self.step >= config.quantizer.start:
            self._fit_codebooks()
        batch = self.sampler.draw(config.batch_size, (self.step, self.team.rank))
        original = torch.from_numpy(batch.audio).to(self.device)
        latents = self.network.encoder(original)
        commitment = latents.new_zeros(())
        rendered = latents
        if self.has_codebooks:
            quantized = quantize(self.network.quantizer, latents, self._draw_codebooks())
            rendered, commitment = quantized.latents, quantized.commitment
        terms = self.loss(self.network.decoder(rendered), original)
        loss = terms.total(config.loss) + config.loss.commitment * commitment
        loss.backward()
        self._check_finite(loss, batch)
        rate = self._update_weights()
        if self.has_codebooks:
            self._update_codebooks(latents)
        self.step += 1
        return {
            "loss": loss.item(),
            "waveform": terms.waveform.item(),
            "spectrum": terms.spectrum.item(),
            "mel": terms.mel.item(),
            "commitment": commitment.item(),
            "learning_rate": rate,
        }

    def _update_weights(self) -> float:
        config = self.config.optimizer
        self.team.average_gradients(self.parameters)
        nn.utils.clip_grad_norm_(self.parameters, config.clip_norm)
        rate = learning_rate(self.step, self.config.total_steps, config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        # Early averages would be dominated by the initial weights.
        decay = min(config.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            weights: list[Tensor] = [*self.parameters]
            torch._foreach_lerp_(list(self.average.values()), weights, 1 - decay)
        return rate

    def _update_codebooks(self, latents: Tensor) -> None:
        config = self.config.quantizer
        vectors = latents.detach().transpose(1, 2).flatten(0, 1)  # [B * T, D]
        update_codebooks(
            self.network.quantizer,
            self.team.gather(vectors),
            self._generator(RESTART_KEY),
            decay=config.decay,
            dead_share=config.dead_share,
        )

    def _fit_codebooks(self) -> None:
        config = self.config.quantizer
        with torch.no_grad():
            vectors = [
                self.network.encoder(torch.from_numpy(batch.audio).to(self.device))
                for batch in (
                    self.sampler.draw(self.config.batch_size, (self.step, KMEANS_KEY, index))
                    for index in range(config.kmeans_batches)
                )
            ]
        latents = torch.cat(vectors).transpose(1, 2).flatten(0, 1)  # [N, D]
        per_step = len(latents) // config.kmeans_batches * self.team.size
        fit_codebooks(
            self.network.quantizer,
            latents,
            self._generator(KMEANS_KEY),
            iterations=config.kmeans_iterations,
            vectors_per_step=per_step,
        )
        self.has_codebooks = True

    def _draw_codebooks(self) -> Tensor:
        choices = torch.tensor(self.config.quantizer.dropout)
        generator = self._generator(DROPOUT_KEY + self.team.rank)
        draws = torch.randint(len(choices), (self.config.batch_size,), generator=generator)
        return choices[draws].to(self.device)

    def _generator(self, purpose: int) -> torch.Generator:
        seed = np.random.SeedSequence([self.config.seed, self.step, purpose])
        return torch.Generator().manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))

    def _check_finite(self, loss: Tensor, batch: Batch) -> None:
        failed = not bool(torch.isfinite(loss))
        if self.team.any(failed, self.device):
            items = ", ".join(batch.origins) if failed else "a batch of another process"
            raise NotFiniteError(
                f"the loss of step {self.step} is {loss.item()}; the batch: {items}. "
                "The last checkpoint is kept. Lower the learning rate or look at these files."
            )


def make_optimizer(
    parameters: list[nn.Parameter], config: OptimizerConfig
) -> torch.optim.Optimizer:
    """AdamW, or AdamP (Heo et al., 2021) from the package ``adamp``."""
    options: dict[str, Any] = {  # what both constructors take
        "lr": config.learning_rate,
        "betas": config.betas,
        "weight_decay": config.weight_decay,
    }
    if config.name == "adamp":
        from adamp import AdamP  # type: ignore[import-untyped]  # has no types

        optimizer: torch.optim.Optimizer = AdamP(parameters, **options)
        return optimizer
    return torch.optim.AdamW(parameters, fused=True, **options)


def write_log(folder: Path, entry: dict[str, float]) -> None:
    """Append one line to the run's ``log.jsonl``."""
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(entry) + "\n")
