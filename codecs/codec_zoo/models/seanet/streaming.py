"""The networks of EnCodec and Mimi piece by piece, made of the library's own layers.

Convolutions start from zeros, Mimi's change of frame rate from copies of the first frame. For Mimi
that is what the library does offline. EnCodec mirrors the first samples offline instead, which no
stream can do: its decoder would need seven frames before it gives the first. What a stream of
EnCodec returns is exactly what the library returns for a model with ``pad_mode="constant"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from torch import Tensor, nn
from transformers import DynamicCache
from transformers.models.encodec.modeling_encodec import (
    EncodecConv1d,
    EncodecConvTranspose1d,
    EncodecLSTM,
)
from transformers.models.mimi.modeling_mimi import MimiConv1d, MimiConvTranspose1d

from codec_zoo.interface import CodecError
from codec_zoo.streaming_state import (
    ContinuedConv,
    ContinuedLstm,
    ContinuedTransposedConv,
    folded_copy,
    replace_layers,
)

if TYPE_CHECKING:
    from transformers.models.mimi.modeling_mimi import (
        MimiDecoderModel,
        MimiEncoderModel,
        MimiTransformerModel,
    )

    from codec_zoo.streaming_state import Start

Network = TypeVar("Network", bound=nn.Module)


def streaming_copy(network: Network) -> Network:
    """A copy of a convolutional encoder or decoder that takes its input in whole frames.

    Each call continues the one before it. Kernels are folded.
    """
    copied = folded_copy(network)
    replace_layers(copied, _continued)
    return copied


class ContinuedTransformer:
    """A transformer of Mimi that keeps the keys and values inside its window."""

    def __init__(self, transformer: MimiTransformerModel) -> None:
        """Begin with an empty cache; the transformer itself is left as it is."""
        self._transformer = transformer
        self._cache = DynamicCache(config=transformer.config)

    def __call__(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        steps = x.transpose(1, 2)
        result = self._transformer(steps, past_key_values=self._cache, use_cache=True)
        hidden: Tensor = result.last_hidden_state
        return hidden.transpose(1, 2)


class MimiStreamEncoder:
    """Audio ``[B, 1, T * 1920]`` to latents ``[B, 512, T]``."""

    def __init__(self, encoder: MimiEncoderModel) -> None:
        """Begin a stream; the encoder is left as it is."""
        self._convolutions = streaming_copy(encoder.encoder_seanet)
        self._transformer = ContinuedTransformer(encoder.encoder_transformer)
        self._downsample = _required(encoder.downsample)

    def __call__(self, audio: Tensor) -> Tensor:
        """Latents of the next audio."""
        latents: Tensor = self._downsample(self._transformer(self._convolutions(audio)))
        return latents


class MimiStreamDecoder:
    """Latents ``[B, 512, T]`` to audio ``[B, 1, T * 1920]``."""

    def __init__(self, decoder: MimiDecoderModel) -> None:
        """Begin a stream; the decoder is left as it is."""
        self._upsample = _required(decoder.upsample)
        self._transformer = ContinuedTransformer(decoder.decoder_transformer)
        self._convolutions = streaming_copy(decoder.decoder_seanet)

    def __call__(self, latents: Tensor) -> Tensor:
        """Audio of the next latents."""
        audio: Tensor = self._convolutions(self._transformer(self._upsample(latents)))
        return audio


def n_past(layer: EncodecConv1d | MimiConv1d) -> int:
    """Samples before the current ones that a causal convolution sees."""
    return int(layer.padding_total)


def start_of(layer: EncodecConv1d | MimiConv1d) -> Start:
    """What stands before the first sample of a stream."""
    return "first" if layer.pad_mode == "replicate" else "zeros"


def _required(layer: nn.Module | None) -> nn.Module:
    """The layer that changes the frame rate, which Mimi has where its two rates differ."""
    continued = None if layer is None else _continued(layer)
    if continued is None:
        raise CodecError("this Mimi has no change of frame rate; the published one streams.")
    return continued


def _continued(layer: nn.Module) -> nn.Module | None:
    match layer:
        case EncodecConv1d() | MimiConv1d():
            return ContinuedConv(layer.conv, n_past(layer), start=start_of(layer))
        case EncodecConvTranspose1d() | MimiConvTranspose1d():
            return ContinuedTransposedConv(layer.conv)
        case EncodecLSTM():
            return ContinuedLstm(layer.lstm)
    return None
