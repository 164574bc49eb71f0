"""HILCodec: encoder, residual vector quantizer and decoder."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from codec_zoo.models.hilcodec.config import HilCodecConfig
from codec_zoo.models.hilcodec.decoder import Decoder
from codec_zoo.models.hilcodec.encoder import Encoder
from codec_zoo.models.hilcodec.quantizer import ResidualQuantizer
from codec_zoo.weights import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping


class HilCodec(nn.Module):
    """The codec of Ahn et al., "HILCodec: High-Fidelity and Lightweight Neural Audio Codec" (2024).

    The names of its parameters are those of the published checkpoints. All parameters are unset
    until :func:`initialise` or :func:`load_weights` is called.
    """

    def __init__(self, config: HilCodecConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantizer = ResidualQuantizer(
            config.n_codebooks, config.codebook_size, config.latent_dim
        )
        self.decoder = Decoder(config)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``[B, 1, T]`` coded with all codebooks and decoded, ``[B, 1, T]``."""
        decoded: Tensor = self.decoder(self.quantizer(self.encoder(waveform)))
        return decoded[..., : waveform.shape[-1]]


def config_of_state(
    state: Mapping[str, Tensor], known: HilCodecConfig | None = None
) -> HilCodecConfig:
    """The configuration that fits the tensors of a checkpoint.

    Args:
        state: tensors by name.
        known: what the checkpoint says of itself; gives what no shape tells, such as the
            normalisation constants. The published constants by default.

    Raises:
        WeightsError: the tensors are not those of a HILCodec.
    """
    first = _shape(state, "encoder.conv_pre.1.conv.conv")
    weight_norm = "encoder.conv_pre.1.conv.conv.weight_v" in state
    n_levels = _count(state, "encoder.downsample.{}.")
    strides = tuple(
        _shape(state, f"encoder.downsample.{level}.3.conv.conv")[2] // 2
        for level in range(n_levels)
    )
    top_channels, latent_dim, _ = _shape(state, "decoder.model.0.conv.conv")
    n_codebooks = _count(state, "quantizer.layers.{}.")
    if not strides or not n_codebooks or "quantizer.layers.0.embed" not in state:
        raise _foreign(state, "it lacks quantizer or downsampling layers")
    n_blocks = sum(1 for name in state if _is_decoder_block(name))
    return dataclasses.replace(
        known or HilCodecConfig(),
        encoder_channels=first[0],
        decoder_channels=top_channels // 2**n_levels,
        strides=strides,
        encoder_blocks=_count(state, "encoder.blocks.0.{}."),
        decoder_blocks=n_blocks // n_levels,
        kernel_size=first[2],
        latent_dim=latent_dim,
        n_codebooks=n_codebooks,
        codebook_size=state["quantizer.layers.0.embed"].shape[0],
        spectrogram_blocks="encoder.spec_post.scale_param" in state,
        weight_norm=weight_norm,
    )


def load_weights(network: HilCodec, state: Mapping[str, Tensor]) -> None:
    """Copy a checkpoint into ``network``.

    STFT kernels (``spec.weight``) are ignored: the network computes spectra itself. The running
    averages of the codebooks may be absent; the codewords stand in for them.

    Raises:
        WeightsError: a tensor is missing, unknown or of another shape; the message says both.
    """
    given = {name: value for name, value in state.items() if not name.endswith(".spec.weight")}
    expected = network.state_dict()
    for name in expected:
        if name.endswith(".ema_embed"):
            given.setdefault(name, given.get(name.replace(".ema_embed", ".embed"), expected[name]))
        elif name.endswith(".ema_num"):
            given.setdefault(name, expected[name])
    missing = sorted(expected.keys() - given.keys())
    unknown = sorted(given.keys() - expected.keys())
    if missing or unknown:
        raise WeightsError(
            f"the checkpoint does not fit a HILCodec of {network.config.size_name}: "
            f"{len(missing)} tensors are missing ({', '.join(missing[:2]) or 'none'}), "
            f"{len(unknown)} are unknown ({', '.join(unknown[:2]) or 'none'})."
        )
    for name, value in given.items():
        if value.shape != expected[name].shape:
            raise WeightsError(
                f"{name} has shape {list(value.shape)}; a HILCodec of {network.config.size_name} "
                f"needs {list(expected[name].shape)}."
            )
    network.load_state_dict(given)


def _shape(state: Mapping[str, Tensor], layer: str) -> tuple[int, int, int]:
    tensor = state.get(f"{layer}.weight_v", state.get(f"{layer}.weight"))
    if tensor is None or tensor.ndim != 3:
        raise _foreign(state, f"it lacks {layer}")
    return cast("tuple[int, int, int]", tuple(tensor.shape))


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    count = 0
    while any(name.startswith(pattern.format(count)) for name in state):
        count += 1
    return count


def _is_decoder_block(name: str) -> bool:
    return name.startswith("decoder.model.") and name.endswith(".res_scale_param")


def _foreign(state: Mapping[str, Tensor], reason: str) -> WeightsError:
    names = ", ".join(sorted(state)[:3])
    return WeightsError(
        f"this is no HILCodec checkpoint: {reason}; it has {len(state)} tensors ({names}, ...)."
    )
