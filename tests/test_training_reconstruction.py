"""Reconstruction losses and the learning rate."""

from __future__ import annotations

import itertools

import pytest
import torch

from bench.metrics.mel_distance import mel_hilcodec
from reference_training.config import LossConfig, OptimizerConfig
from reference_training.reconstruction import ReconstructionLoss, mel_filters
from reference_training.schedule import learning_rate

RATE = 24_000


def noise(seed: int, scale: float = 0.1) -> torch.Tensor:
    return scale * torch.randn(2, 1, 6400, generator=torch.Generator().manual_seed(seed))


def test_equal_audio_has_no_distance() -> None:
    terms = ReconstructionLoss(RATE, LossConfig())(noise(0), noise(0))
    assert terms.waveform == 0
    assert terms.mel == 0
    assert terms.spectrum < 1e-4  # a floor keeps its gradient finite


def test_silent_output_has_the_relative_distance_one() -> None:
    terms = ReconstructionLoss(RATE, LossConfig())(torch.zeros(2, 1, 6400), noise(0))
    assert terms.waveform == pytest.approx(1.0)
    assert terms.spectrum == pytest.approx(1.0, abs=1e-3)


def test_distances_grow_with_the_noise() -> None:
    loss, clean = ReconstructionLoss(RATE, LossConfig()), noise(0)
    totals = [
        float(loss(clean + noise(1, scale), clean).total(LossConfig()))
        for scale in (0.003, 0.01, 0.03, 0.1)
    ]
    assert totals == sorted(totals)


def test_flipped_sign_is_heard_by_waveform_and_spectrum_but_not_by_mel() -> None:
    terms = ReconstructionLoss(RATE, LossConfig())(-noise(0), noise(0))
    assert terms.waveform == pytest.approx(2.0)
    assert terms.spectrum == pytest.approx(2.0, abs=1e-3)
    assert terms.mel == pytest.approx(0.0, abs=1e-5)


def test_relative_terms_do_not_depend_on_the_level() -> None:
    loss = ReconstructionLoss(RATE, LossConfig())
    loud, quiet = (loss(k * noise(1), k * noise(0)) for k in (1.0, 0.25))
    assert float(loud.waveform) == pytest.approx(float(quiet.waveform), rel=1e-4)
    assert float(loud.spectrum) == pytest.approx(float(quiet.spectrum), rel=1e-3)


def test_silence_gives_finite_terms_and_gradients() -> None:
    decoded = torch.zeros(1, 1, 6400, requires_grad=True)
    total = ReconstructionLoss(RATE, LossConfig())(decoded, torch.zeros(1, 1, 6400)).total(
        LossConfig()
    )
    total.backward()
    assert torch.isfinite(total)
    assert decoded.grad is not None
    assert torch.isfinite(decoded.grad).all()


def test_power_mel_distance_is_the_metric_of_the_paper() -> None:
    loss = ReconstructionLoss(RATE, LossConfig(power_mel=1.0))
    reference, degraded = noise(0)[:1], noise(1, 0.05)[:1]
    expected = mel_hilcodec(reference[0].numpy(), degraded[0].numpy(), RATE)
    # The metric is the sum over six resolutions, the loss their mean.
    assert float(loss(degraded, reference).power_mel) == pytest.approx(expected / 6, rel=1e-3)


def test_power_mel_distance_teaches_silent_bands() -> None:
    decoded = (1e-5 * noise(1)).requires_grad_()
    loss = ReconstructionLoss(RATE, LossConfig(power_mel=1.0))
    loss(decoded, noise(0)).power_mel.backward()
    assert decoded.grad is not None
    assert decoded.grad.abs().max() > 0


@pytest.mark.parametrize(("window", "n_bands"), [(64, 6), (256, 24), (2048, 128), (64, 40)])
def test_every_mel_filter_has_the_sum_one(window: int, n_bands: int) -> None:
    bank = mel_filters(RATE, window, n_bands)
    assert bank.shape == (n_bands, window // 2 + 1)
    assert torch.allclose(bank.sum(dim=1), torch.ones(n_bands))


def test_learning_rate_rises_holds_and_falls_to_the_final_one() -> None:
    config = OptimizerConfig(learning_rate=1e-3, final_rate=1e-5, warmup_steps=10, hold_share=0.5)
    rates = [learning_rate(step, 110, config) for step in range(111)]
    assert rates[:10] == [pytest.approx(1e-4 * (step + 1)) for step in range(10)]
    assert all(rate == 1e-3 for rate in rates[10:60])
    assert all(a > b for a, b in itertools.pairwise(rates[60:]))
    assert rates[85] == pytest.approx((1e-3 + 1e-5) / 2)
    assert rates[110] == pytest.approx(1e-5)


def test_learning_rate_without_hold_is_half_a_cosine() -> None:
    config = OptimizerConfig(learning_rate=1.0, final_rate=0.0, warmup_steps=0)
    assert learning_rate(0, 100, config) == 1.0
    assert learning_rate(50, 100, config) == pytest.approx(0.5)
    assert learning_rate(100, 100, config) == pytest.approx(0.0)
