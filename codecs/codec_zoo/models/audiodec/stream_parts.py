"""The parts of AudioDec as functions of one chunk, for timing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from codec_zoo.models.audiodec.streaming import streaming_copy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from codec_zoo.models.audiodec.network import AudioDec
    from codec_zoo.streaming import PartName, StreamFunction


def torch_parts(network: AudioDec, threads: int) -> Mapping[PartName, StreamFunction]:
    """The networks themselves; see :class:`codec_zoo.streaming.PartwiseStreams`."""
    torch.set_num_threads(threads)
    quantizer = network.quantizer
    alone, encoder = (streaming_copy(network.encoder) for _ in range(2))
    decoder = streaming_copy(network.decoder)

    def encode(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(alone(torch.from_numpy(audio)), np.float32)

    def code(audio: NDArray[np.float32]) -> NDArray[np.int64]:
        with torch.inference_mode():
            return np.asarray(quantizer.encode(encoder(torch.from_numpy(audio))), np.int64)

    def decode(codes: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(decoder(quantizer.decode(torch.from_numpy(codes))), np.float32)

    return {"encoder": encode, "encoder+quantizer": code, "decoder": decode}
