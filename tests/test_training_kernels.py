"""The training kernels against the convolutions they replace."""

from __future__ import annotations

import pytest
import torch

from codec_zoo.models.hilcodec import convolution
from codec_zoo.models.hilcodec.config import HilCodecConfig
from codec_zoo.models.hilcodec.initialisation import initialise
from codec_zoo.models.hilcodec.network import HilCodec
from reference_training import compiled, kernels

needs_compiler = pytest.mark.skipif(
    compiled.library() is None, reason="no C++ compiler to build the kernels with"
)
# (channels in, channels out, taps, stride, depthwise)
SHAPES = [
    (16, 24, 1, 1, False),
    (1, 16, 5, 1, False),
    (16, 1, 5, 1, False),
    (16, 16, 5, 1, True),
    (16, 16, 4, 2, True),
    (16, 16, 10, 5, True),
    (16, 16, 16, 8, True),
]


def convolution_case(
    shape: tuple[int, int, int, int, bool], dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    n_in, n_out, taps, _, depthwise = shape
    generator = torch.Generator().manual_seed(sum(shape))
    x = torch.randn(2, n_in, 83, generator=generator).to(dtype)
    weight = torch.randn(n_out, 1 if depthwise else n_in, taps, generator=generator)
    bias = torch.randn(n_out, generator=generator)
    return x.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)], ids=str
)
def test_output_and_gradients_equal_the_plain_convolution(
    shape: tuple[int, int, int, int, bool], dtype: torch.dtype, tolerance: float
) -> None:
    results = []
    for compute, precision in (
        (convolution.causal_conv, torch.float64),
        (kernels.causal_conv, dtype),
    ):
        x, weight, bias = convolution_case(shape, dtype)
        if precision == torch.float64:
            y = compute(x.double(), weight.double(), bias.double(), shape[3])
        else:
            y = compute(x, weight, bias, shape[3])
        # Weights by position tell frames and channels apart.
        slope = torch.linspace(-1, 2, y.numel(), dtype=torch.float64).view(y.shape)
        (y.double() * slope).sum().backward()
        results.append([y.detach().double(), x.grad, weight.grad, bias.grad])
    for expected, actual in zip(*results, strict=True):
        assert expected is not None
        assert actual is not None
        error = (actual.double() - expected.double()).norm() / expected.double().norm()
        assert error < tolerance


@pytest.mark.parametrize("stride", [2, 4, 5, 8])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)], ids=str
)
def test_upsampling_equals_the_plain_transposed_convolution(
    stride: int, dtype: torch.dtype, tolerance: float
) -> None:
    results = []
    for compute, double in ((convolution.causal_transposed_conv, True), (None, False)):
        generator = torch.Generator().manual_seed(stride)
        x = torch.randn(2, 16, 31, generator=generator).to(dtype).requires_grad_()
        weight = torch.randn(16, 1, 2 * stride, generator=generator).requires_grad_()
        if double:
            assert compute is not None
            y = compute(x.double(), weight.double(), None, stride)
        else:
            y = kernels.causal_transposed_conv(x, weight, None, stride)
        slope = torch.linspace(-1, 2, y.numel(), dtype=torch.float64).view(y.shape)
        (y.double() * slope).sum().backward()
        results.append([y.detach().double(), x.grad, weight.grad])
    for expected, actual in zip(*results, strict=True):
        assert expected is not None
        assert actual is not None
        assert (actual.double() - expected.double()).norm() < tolerance * expected.double().norm()


@needs_compiler
def test_compiled_elu_and_its_gradient_equal_torch() -> None:
    x = torch.linspace(-6, 6, 400).bfloat16().view(1, 50, 8)
    ours, theirs = x.clone().requires_grad_(), x.double().requires_grad_()
    y = compiled.elu(ours, 0.75)
    expected = torch.nn.functional.elu(0.75 * theirs)
    y.sum().backward()
    expected.sum().backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    assert (y.double() - expected).abs().max() < 2e-2
    assert (ours.grad.double() - theirs.grad).abs().max() < 1e-2


@needs_compiler
def test_compiled_branch_and_its_gradients_equal_torch() -> None:
    generator = torch.Generator().manual_seed(3)
    x, branch = (torch.randn(2, 1000, 8, generator=generator).bfloat16() for _ in range(2))
    results = []
    for add, kind in ((compiled.add_branch, torch.bfloat16), (None, torch.float64)):
        leaves = [x.to(kind, copy=True), branch.to(kind, copy=True)]
        for leaf in leaves:
            leaf.requires_grad_()
        gain = torch.tensor([0.3], requires_grad=True)
        y = add(*leaves, gain) if add else leaves[0] + leaves[1] * gain.double()
        y.square().sum().backward()
        results.append([y.detach(), leaves[0].grad, leaves[1].grad, gain.grad])
    for actual, expected in zip(*results, strict=True):
        assert actual is not None
        assert expected is not None
        assert (actual.double() - expected.double()).norm() < 1e-2 * expected.double().norm()


@needs_compiler
def test_compiled_kernels_are_used_for_bfloat16_features() -> None:
    assert compiled.is_supported(torch.zeros(1, 3, 24, dtype=torch.bfloat16))
    assert not compiled.is_supported(torch.zeros(1, 3, 20, dtype=torch.bfloat16))
    assert not compiled.is_supported(torch.zeros(1, 3, 24))


def test_missing_compiler_falls_back_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiled.library.cache_clear()
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("shutil.which", lambda _: None)
    try:
        assert compiled.library() is None
    finally:
        compiled.library.cache_clear()
    assert "slower convolutions" in caplog.text


@pytest.mark.parametrize(
    ("precision", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.1)], ids=str
)
def test_whole_network_computes_the_same_with_training_kernels(
    precision: torch.dtype, tolerance: float
) -> None:
    config = HilCodecConfig(encoder_channels=8, decoder_channels=8, exact_spectrum=True)
    outputs = []
    for faster in (False, True):
        network = HilCodec(config)
        initialise(network, torch.Generator().manual_seed(0), zero_branches=False)
        if faster:
            kernels.use_training_kernels(network, precision)
        x = torch.randn(1, 1, 3200, generator=torch.Generator().manual_seed(1)) * 0.1
        outputs.append(network.decoder(network.encoder(x)).detach())
    assert (outputs[0] - outputs[1]).norm() < tolerance * outputs[0].norm()
