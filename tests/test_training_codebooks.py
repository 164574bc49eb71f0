"""Learning the codebooks of the residual quantizer."""

from __future__ import annotations

import pytest
import torch

from codec_zoo.models.hilcodec.quantizer import ResidualQuantizer
from reference_training.codebooks import fit_codebooks, kmeans, quantize, update_codebooks


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clusters(n_clusters: int, n_each: int) -> torch.Tensor:
    centres = 10 * torch.randn(n_clusters, 8, generator=seeded(1))
    vectors = centres.repeat_interleave(n_each, 0)
    return vectors + 0.1 * torch.randn(vectors.shape, generator=seeded(2))


def fitted(n_stages: int = 3, size: int = 16) -> tuple[ResidualQuantizer, torch.Tensor]:
    vectors = torch.randn(400, 8, generator=seeded())
    quantizer = ResidualQuantizer(n_stages, size, 8)
    fit_codebooks(quantizer, vectors, seeded(), iterations=10, vectors_per_step=80)
    return quantizer, vectors


def test_kmeans_lowers_the_error_with_each_round() -> None:
    vectors = torch.randn(600, 8, generator=seeded())

    def error(iterations: int) -> float:
        centres = kmeans(vectors, 12, seeded(), iterations)
        return float(torch.cdist(vectors, centres).min(dim=1).values.square().mean())

    assert error(0) > error(2) > error(10)


def test_kmeans_leaves_no_centre_without_vectors() -> None:
    vectors = clusters(4, 50)
    centres = kmeans(vectors, 12, seeded(), 20)
    nearest = torch.cdist(vectors, centres).argmin(dim=1)
    assert len(torch.unique(nearest)) == 12


def test_too_few_vectors_are_refused() -> None:
    with pytest.raises(ValueError, match="5 vectors cannot fill 16 codewords; draw more"):
        kmeans(torch.zeros(5, 8), 16, seeded(), 1)


def test_every_stage_lowers_the_error() -> None:
    quantizer, vectors = fitted()
    latents = vectors.T[None]
    errors = [
        float((quantizer.decode(quantizer.encode(latents, k)) - latents).square().mean())
        for k in (1, 2, 3)
    ]
    assert 1.0 > errors[0] > errors[1] > errors[2]


def test_items_use_as_many_stages_as_they_are_told() -> None:
    quantizer, vectors = fitted()
    latents = vectors[:40].T[None].repeat(2, 1, 1)
    rendered = quantize(quantizer, latents, torch.tensor([1, 3])).latents
    codes = quantizer.encode(latents, 3)
    assert torch.allclose(rendered[0], quantizer.decode(codes[:1, :1])[0], atol=1e-5)
    assert torch.allclose(rendered[1], quantizer.decode(codes[1:])[0], atol=1e-5)


def test_gradient_passes_straight_through() -> None:
    quantizer, vectors = fitted()
    latents = vectors[:40].T[None].clone().requires_grad_()
    quantized = quantize(quantizer, latents, torch.tensor([2]))
    slope = torch.randn(latents.shape, generator=seeded(4))
    (quantized.latents * slope).sum().backward()
    assert latents.grad is not None
    assert torch.allclose(latents.grad, slope)


def test_commitment_pulls_latents_to_their_codewords() -> None:
    quantizer, vectors = fitted()
    latents = vectors[:40].T[None].clone().requires_grad_()
    quantized = quantize(quantizer, latents, torch.tensor([3]))
    quantized.commitment.backward()
    assert latents.grad is not None
    moved = latents.detach() - 50 * latents.grad
    before, after = (
        (x - quantized.latents.detach()).square().mean() for x in (latents.detach(), moved)
    )
    assert after < before


def test_running_averages_converge_to_the_mean_of_their_vectors() -> None:
    quantizer = ResidualQuantizer(1, 2, 8)
    vectors = clusters(2, 100)
    fit_codebooks(quantizer, vectors + 2.0, seeded(), iterations=5, vectors_per_step=200)
    for _ in range(400):
        update_codebooks(quantizer, vectors, seeded(), decay=0.95, dead_share=0.1)
    (codebook,) = quantizer.codebooks()
    expected = torch.stack([half.mean(0) for half in vectors.chunk(2)])
    assert torch.cdist(codebook.embed, expected).min(dim=1).values.max() < 1e-2
    assert codebook.ema_num.sum() == pytest.approx(200, rel=1e-3)


def test_dead_codewords_are_replaced_once_and_not_at_every_step() -> None:
    quantizer, vectors = fitted(n_stages=1)
    (codebook,) = quantizer.codebooks()
    codebook.ema_num[3] = 1e-6
    codebook.ema_embed[3] = 1e3
    codebook.embed[3] = 1e9
    update_codebooks(quantizer, vectors[:80], seeded(5), decay=0.99, dead_share=0.14)
    replaced = codebook.embed[3].clone()
    assert torch.cdist(replaced[None], vectors[:80]).min() < 1e-2  # cdist rounds
    threshold = 0.14 * 80 / 16
    assert codebook.ema_num[3] == pytest.approx(2 * threshold)
    # It survives some steps without being used.
    others = codebook.embed[:1].repeat(80, 1)
    for _ in range(20):
        update_codebooks(quantizer, others, seeded(6), decay=0.99, dead_share=0.14)
    assert torch.allclose(codebook.embed[3], replaced, atol=1e-3)


def test_all_codewords_of_clustered_data_come_into_use() -> None:
    quantizer = ResidualQuantizer(1, 16, 8)
    vectors = clusters(16, 30)
    fit_codebooks(quantizer, vectors[:60], seeded(), iterations=3, vectors_per_step=60)
    for step in range(300):
        draw = torch.randint(len(vectors), (60,), generator=seeded(step))
        update_codebooks(quantizer, vectors[draw], seeded(step), decay=0.95, dead_share=0.14)
    (codebook,) = quantizer.codebooks()
    assert len(torch.unique(codebook.nearest(vectors))) >= 14
