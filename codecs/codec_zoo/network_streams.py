"""Streams of networks with codes in their middle: run by torch, or by ONNX Runtime as graphs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from codec_zoo.inference import exact_inference, to_samples, to_tensor
from codec_zoo.streaming import CodeDecoder, CodeEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx
    from numpy.typing import NDArray
    from torch import Tensor

    from codec_zoo.interface import CodecInfo
    from codec_zoo.samples import Samples
    from codec_zoo.streaming import PartName, StreamFunction


@dataclass(frozen=True, slots=True)
class StreamingNetwork:
    """A network at one bitrate.

    Attributes:
        encoder: begins a stream: a function of the next audio ``[1, C, T * frame_size]`` that gives
            latents ``[1, D, T]``.
        quantize: latents to codes ``[1, K, T]``.
        dequantize: codes to latents.
        decoder: begins a stream: a function of the next latents that gives audio.
    """

    encoder: Callable[[], Callable[[Tensor], Tensor]]
    quantize: Callable[[Tensor], Tensor]
    dequantize: Callable[[Tensor], Tensor]
    decoder: Callable[[], Callable[[Tensor], Tensor]]


@dataclass(frozen=True, slots=True)
class StreamingGraphs:
    """The same as streaming ONNX graphs for chunks of one size."""

    encoder: onnx.ModelProto
    quantizer: onnx.ModelProto
    dequantizer: onnx.ModelProto
    decoder: onnx.ModelProto


def code_encoder(info: CodecInfo, network: StreamingNetwork, device: str) -> CodeEncoder:
    """A new stream of audio, run by torch."""
    encoder = network.encoder()

    def encode(samples: Samples) -> NDArray[np.int64]:
        with exact_inference():
            codes = network.quantize(encoder(to_tensor(samples, device)))
        found: NDArray[np.int64] = codes[0].cpu().numpy()
        return found

    return CodeEncoder(info, encode)


def code_decoder(
    info: CodecInfo, n_codebooks: int, network: StreamingNetwork, device: str
) -> CodeDecoder:
    """A new stream of packets, run by torch; a lost one repeats the codes before it."""
    decoder = network.decoder()

    def decode(codes: NDArray[np.int64]) -> Samples:
        with exact_inference():
            indices = torch.from_numpy(codes).to(device)[None]  # [1, K, T]
            waveform = decoder(network.dequantize(indices))
            return to_samples(waveform, waveform.shape[2])

    return CodeDecoder(info, n_codebooks, decode)


def torch_parts(network: StreamingNetwork, threads: int) -> Mapping[PartName, StreamFunction]:
    """The parts on the processor; see :class:`codec_zoo.streaming.PartwiseStreams`."""
    torch.set_num_threads(threads)
    alone, encoder, decoder = network.encoder(), network.encoder(), network.decoder()

    def encode(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(alone(torch.from_numpy(audio)), np.float32)

    def code(audio: NDArray[np.float32]) -> NDArray[np.int64]:
        with torch.inference_mode():
            return np.asarray(network.quantize(encoder(torch.from_numpy(audio))), np.int64)

    def decode(codes: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(decoder(network.dequantize(torch.from_numpy(codes))), np.float32)

    return {"encoder": encode, "encoder+quantizer": code, "decoder": decode}


def onnx_parts(graphs: StreamingGraphs, threads: int) -> Mapping[PartName, StreamFunction]:
    """The parts in ONNX Runtime.

    See :class:`codec_zoo.streaming.PartwiseStreams`.
    """
    from codec_zoo.streaming_session import StreamSession

    alone, encoder, quantizer, dequantizer, decoder = (
        StreamSession(model, threads=threads)
        for model in (
            graphs.encoder,
            graphs.encoder,
            graphs.quantizer,
            graphs.dequantizer,
            graphs.decoder,
        )
    )
    return {
        "encoder": alone.push,
        "encoder+quantizer": lambda audio: quantizer.push(encoder.push(audio)),
        "decoder": lambda codes: decoder.push(dequantizer.push(codes)),
    }
