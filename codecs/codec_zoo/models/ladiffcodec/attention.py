"""Self-attention over time, full and linear, of the diffusion network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

N_HEADS = 4
HEAD_DIM = 32
NORM_FLOOR = 1e-5


class ChannelNorm(nn.Module):
    """Each time step of ``[B, C, T]`` with mean 0 and variance 1 over channels, times a gain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        variance, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
        return (x - mean) * (variance + NORM_FLOOR).rsqrt() * self.g


class FullAttention(nn.Module):
    """Scaled dot-product attention (Vaswani et al., arXiv:1706.03762, equation 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.to_qkv = nn.Conv1d(channels, 3 * N_HEADS * HEAD_DIM, 1, bias=False)
        self.to_out = nn.Conv1d(N_HEADS * HEAD_DIM, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        queries, keys, values = _heads(self.to_qkv(x))
        similarity = queries.transpose(2, 3) @ keys * HEAD_DIM**-0.5  # [B, heads, T, T]
        mixed = values @ similarity.softmax(dim=3).transpose(2, 3)
        y: Tensor = self.to_out(mixed.flatten(1, 2))
        return y


class LinearAttention(nn.Module):
    """Attention whose cost grows with T only (Shen et al., arXiv:1812.01243, section 3.2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.to_qkv = nn.Conv1d(channels, 3 * N_HEADS * HEAD_DIM, 1, bias=False)
        self.to_out = nn.Sequential(
            nn.Conv1d(N_HEADS * HEAD_DIM, channels, 1), ChannelNorm(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        queries, keys, values = _heads(self.to_qkv(x))
        queries = queries.softmax(dim=2) * HEAD_DIM**-0.5
        context = values @ keys.softmax(dim=3).transpose(2, 3)  # [B, heads, D, D]
        y: Tensor = self.to_out((context @ queries).flatten(1, 2))
        return y


class Normalised(nn.Module):
    """A module behind a normalisation."""

    def __init__(self, channels: int, inner: nn.Module) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.fn = inner

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        y: Tensor = self.fn(self.norm(x))
        return y


class ResidualAttention(nn.Module):
    """Attention on normalised features, added to the features."""

    def __init__(self, channels: int, attention: nn.Module) -> None:
        super().__init__()
        self.fn = Normalised(channels, attention)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        y: Tensor = self.fn(x)
        return x + y


def _heads(joint: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, each ``[B, heads, D, T]``, of ``[B, 3 * heads * D, T]``."""
    shape = len(joint), N_HEADS, HEAD_DIM, joint.shape[2]
    queries, keys, values = (part.reshape(shape) for part in joint.chunk(3, dim=1))
    return queries, keys, values
