"""Codes as they travel: ``[1, K, T]`` tensors of a model and the packed bits of a bitstream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from codec_zoo.adapters.boundary import check_bitstream
from codec_zoo.bitstream import Bitstream, BitstreamError, pack_codes

if TYPE_CHECKING:
    from torch import Tensor

    from codec_zoo.interface import Codebooks, CodecInfo
    from codec_zoo.samples import Samples


def frames_of(n_samples: int, frame_size: int) -> int:
    """Frames that cover the samples; the last one may reach past them.

    >>> frames_of(24_001, 320)
    76
    """
    return -(-n_samples // frame_size)


def coded(info: CodecInfo, samples: Samples, codes: Tensor, *, side: bytes = b"") -> Bitstream:
    """The bitstream of ``samples`` from its codes ``[1, K, T]`` and what is sent beside them."""
    payload, layout = pack_codes(codes[0].cpu().numpy(), _codebooks(info).size)
    return Bitstream(
        payload=payload + side,
        n_samples=samples.shape[1],
        sample_rate=info.sample_rate,
        channels=samples.shape[0],
        layout=layout,
    )


def received(
    info: CodecInfo, bitstream: Bitstream, n_frames: int, device: str, *, n_side_bytes: int = 0
) -> tuple[Tensor, bytes]:
    """Codes ``[1, K, T]`` of a bitstream and the bytes beside them.

    Args:
        info: the codec that is to decode it.
        bitstream: what was received.
        n_frames: frames T that audio of this length has.
        device: where the codes are wanted.
        n_side_bytes: bytes that follow the codes.

    Raises:
        BitstreamError: the bitstream is damaged or another codec's.
    """
    check_bitstream(info, bitstream)
    codebooks, layout = _codebooks(info), bitstream.layout
    if layout is None:
        raise BitstreamError(f"the bitstream carries no codes; {info.name} needs them.")
    if (
        not 1 <= layout.n_codebooks <= codebooks.count
        or layout.n_frames != n_frames
        or layout.codebook_size != codebooks.size
    ):
        raise BitstreamError(
            f"the bitstream holds {layout.n_codebooks} x {layout.n_frames} codes out of "
            f"{layout.codebook_size}; 1 to {codebooks.count} x {n_frames} out of "
            f"{codebooks.size} expected."
        )
    codes = torch.from_numpy(bitstream.codes()).to(device)[None]  # [1, K, T]
    side = bitstream.payload[layout.n_bytes :]
    if len(side) != n_side_bytes:
        raise BitstreamError(
            f"{len(side)} bytes follow the codes; {info.name} expects {n_side_bytes}."
        )
    return codes, side


def _codebooks(info: CodecInfo) -> Codebooks:
    if info.codebooks is None:
        raise TypeError(f"{info.name} does not describe its codebooks.")
    return info.codebooks
