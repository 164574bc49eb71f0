"""LaDiffCodec: a conditioning codec, a diffusion network and a continuous autoencoder."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import EncodecConfig, EncodecModel
from transformers.models.encodec.modeling_encodec import EncodecDecoder, EncodecEncoder

from codec_zoo.models.ladiffcodec.diffusion import cosine_schedule
from codec_zoo.models.ladiffcodec.unet import Unet

if TYPE_CHECKING:
    from codec_zoo.models.ladiffcodec.diffusion import Schedule

LOGGER = logging.getLogger(__name__)
SAMPLE_RATE = 16_000
LATENT_DIM = 128
HOP = 320  # samples per frame of the conditioning codec
LATENT_HOP = 8  # samples per latent of the autoencoder
FRAMES_PER_BLOCK = 2  # the U-Net halves 40 latents per frame four times
MAX_CODEBOOKS = 6
STEPS_PER_MESSAGE = 10
BITRATE_PER_CODEBOOK = 500  # bit/s: 50 frames per second of 10 bits


@dataclass(frozen=True, slots=True)
class LaDiffCodecConfig:
    """Sizes of the networks and the length of the sampling; defaults: the published ones.

    Attributes:
        n_filters: channels at the audio rate of codec and autoencoder.
        unet_width: channels of the first level of the U-Net.
        n_steps: reverse steps, each a run of the U-Net; the paper's tau.
        seed: of the noise that the steps add.
    """

    n_filters: int = 32
    unet_width: int = 256
    n_steps: int = 100
    seed: int = 0


class DiffusionDecoder(nn.Module):
    """Quantized features ``[1, 128, T]`` to a waveform ``[1, 1, 320 T]`` of arbitrary level.

    Midway sampling as in the released script: the upsampled features, divided by their peak, stand
    for latents after ``n_steps`` of noising; the reverse steps run from there and are conditioned
    on the same features.
    """

    def __init__(self, config: LaDiffCodecConfig) -> None:
        super().__init__()
        self.config = config
        self.unet = Unet(config.unet_width, LATENT_DIM)
        sizes = _seanet(config, ratios=[LATENT_HOP])
        self.autoencoder = nn.ModuleDict(
            {"encoder": EncodecEncoder(sizes), "decoder": EncodecDecoder(sizes)}
        )

    def forward(self, features: Tensor) -> Tensor:
        """The waveform, with noise of the configured seed."""
        n_frames = features.shape[2]
        missing = -n_frames % FRAMES_PER_BLOCK
        condition = self.unet.condition(functional.pad(features, (0, missing), mode="replicate"))
        generator = torch.Generator().manual_seed(self.config.seed)
        noises = (
            torch.randn(condition.shape, generator=generator).to(condition)
            for _ in range(self.config.n_steps - 1)
        )
        waveform: Tensor = self.autoencoder["decoder"](self.denoised(condition, noises))
        return waveform[..., : n_frames * HOP]

    def denoised(self, condition: Tensor, noises: Iterable[Tensor]) -> Tensor:
        """Latents ``[1, 128, 40 T]`` after all steps.

        Args:
            condition: where the steps start and what they are conditioned on, of that shape.
            noises: what is added after each step but the last, standard normal.
        """
        schedule: Schedule = cosine_schedule()
        latents, remaining = condition, iter(noises)
        for step in reversed(range(self.config.n_steps)):
            index = torch.full((len(latents),), step, device=latents.device)
            noise = self.unet(latents, index, condition)
            latents, log_variance, _ = schedule.previous(latents, noise, step)
            if step:
                latents = latents + (0.5 * log_variance).exp() * next(remaining)
            if step % STEPS_PER_MESSAGE == 0:
                LOGGER.info("%d of %d diffusion steps left", step, self.config.n_steps)
        return latents


class LaDiffCodec(nn.Module):
    """Yang, Jang and Kim, "Generative De-Quantization for Neural Speech Codec", ICASSP 2024."""

    def __init__(self, config: LaDiffCodecConfig) -> None:
        super().__init__()
        self.conditioning = EncodecModel(_seanet(config, ratios=[8, 5, 4, 2]))
        for name, buffer in self.conditioning.named_buffers():
            # The library leaves codebooks at zero; then every code would be the same.
            if name.endswith(".embed"):
                nn.init.normal_(buffer)
        self.diffusion = DiffusionDecoder(config)

    @property
    def encoder(self) -> nn.Module:
        """Waveforms to features of the conditioning codec."""
        return cast("nn.Module", self.conditioning.encoder)

    @property
    def quantizer(self) -> nn.Module:
        """Its residual quantizer."""
        return cast("nn.Module", self.conditioning.quantizer)

    @property
    def decoder(self) -> nn.Module:
        """Features to waveforms."""
        return self.diffusion

    def encode(self, waveform: Tensor, n_codebooks: int) -> Tensor:
        """Codes ``[1, K, T]`` of a waveform ``[1, 1, T * HOP]``."""
        quantizer: Any = self.conditioning.quantizer  # transformers does not annotate it
        kilobits = n_codebooks * BITRATE_PER_CODEBOOK / 1000
        codes: Tensor = quantizer.encode(self.encoder(waveform), kilobits)  # [K, 1, T]
        return codes.transpose(0, 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Waveform ``[1, 1, T * HOP]`` of codes ``[1, K, T]``."""
        quantizer: Any = self.conditioning.quantizer  # transformers does not annotate it
        return cast("Tensor", self.diffusion(quantizer.decode(codes.transpose(0, 1))))


def _seanet(config: LaDiffCodecConfig, *, ratios: list[int]) -> EncodecConfig:
    return EncodecConfig(
        sampling_rate=SAMPLE_RATE,
        num_filters=config.n_filters,
        upsampling_ratios=ratios,
        hidden_size=LATENT_DIM,
        codebook_dim=LATENT_DIM,
        target_bandwidths=[1.5, MAX_CODEBOOKS * BITRATE_PER_CODEBOOK / 1000],
    )
