"""Mimi's transformers as streaming operators, their keys and values in a window of fixed size.

Defossez et al., arXiv:2410.00037, section 3.3.1: pre-norm layers with layer scale, rotary positions
(Su et al., arXiv:2104.09864) and causal attention over the last frames only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from torch import nn

from codec_zoo.streaming_graph import ExportError, Feature
from codec_zoo.streaming_layers import array

if TYPE_CHECKING:
    from transformers.models.mimi.modeling_mimi import (
        MimiAttention,
        MimiTransformerLayer,
        MimiTransformerModel,
    )

    from codec_zoo.streaming_graph import StreamGraph
    from codec_zoo.streaming_layers import StreamLayers

MASKED = -1e9  # added to the logits of positions that are not to be seen


@dataclass(frozen=True, slots=True)
class _Positions:
    """What all layers share: names of the rotation ``[T, head_dim]`` and the mask ``[T, keys]``."""

    cosine: str
    sine: str
    mask: str


def write_transformer(
    layers: StreamLayers, x: Feature, transformer: MimiTransformerModel
) -> Feature:
    """All layers of a transformer.

    Raises:
        ExportError: heads share keys, or the activation is not GELU.
    """
    config = transformer.config
    if config.num_key_value_heads != config.num_attention_heads or config.hidden_act != "gelu":
        raise ExportError(
            f"a transformer with {config.num_key_value_heads} key heads for "
            f"{config.num_attention_heads} heads and the activation {config.hidden_act} has no "
            "streaming operator; as many key heads as heads, and gelu, expected."
        )
    positions = _positions(layers.graph, x.length, transformer)
    for layer in transformer.layers:
        x = _layer(layers, x, cast("MimiTransformerLayer", layer), positions)
    return x


def _positions(graph: StreamGraph, length: int, transformer: MimiTransformerModel) -> _Positions:
    """Rotations and mask of this push, from the number of frames before it."""
    window = transformer.config.sliding_window
    n_past = window - 1
    before = graph.state((1,))
    graph.keep(before, graph.apply("Add", before, graph.scalar(float(length))))
    frequencies = array(transformer.rotary_emb.inv_freq)
    steps = graph.constant(np.arange(length, dtype=np.float32)[:, None])
    angles = graph.apply(
        "Mul", graph.apply("Add", before, steps), graph.constant(np.tile(frequencies, 2))
    )
    query, key = np.arange(length)[:, None], np.arange(-n_past, length)
    seen = (key <= query) & (key > query - window)
    static = graph.constant(np.where(seen, 0, MASKED).astype(np.float32))
    # Before the stream began there is nothing to see: these places of the state are zeros.
    place = graph.apply("Add", before, graph.constant(key.astype(np.float32)))
    missing = graph.apply(
        "Mul", graph.apply("Min", place, graph.scalar(0.0)), graph.scalar(-MASKED)
    )
    return _Positions(
        cosine=graph.apply("Cos", angles),
        sine=graph.apply("Sin", angles),
        mask=graph.apply("Add", static, missing),
    )


def _layer(
    layers: StreamLayers, x: Feature, layer: MimiTransformerLayer, positions: _Positions
) -> Feature:
    attended = _attention(
        layers, _normalised(layers, x, layer.input_layernorm), layer.self_attn, positions
    )
    x = layers.add(x, _scaled(layers, attended, layer.self_attn_layer_scale.scale))
    inner = _normalised(layers, x, layer.post_attention_layernorm)
    inner = _gelu(layers, layers.product(inner, array(layer.mlp.fc1.weight).T))
    inner = layers.product(inner, array(layer.mlp.fc2.weight).T)
    return layers.add(x, _scaled(layers, inner, layer.mlp_layer_scale.scale))


def _attention(
    layers: StreamLayers, x: Feature, attention: MimiAttention, positions: _Positions
) -> Feature:
    graph, heads = layers.graph, attention.num_heads
    size = attention.q_proj.out_features // heads
    n_past = attention.sliding_window - 1

    def projected(linear: nn.Linear) -> str:
        rows = layers.product(x, array(linear.weight).T).name
        split = graph.apply("Reshape", rows, graph.integers(x.length, heads, size))
        return graph.apply("Transpose", split, perm=[1, 0, 2])  # [heads, T, size]

    shape = (heads, x.length, size)
    query = _rotated(graph, projected(attention.q_proj), positions, size)
    key = _rotated(graph, projected(attention.k_proj), positions, size)
    keys = graph.continued(key, n_past, shape, 1)
    values = graph.continued(projected(attention.v_proj), n_past, shape, 1)
    scaled = graph.apply("Mul", query, graph.scalar(1 / math.sqrt(size)))
    logits = graph.apply("MatMul", scaled, graph.apply("Transpose", keys, perm=[0, 2, 1]))
    weights = graph.apply("Softmax", graph.apply("Add", logits, positions.mask), axis=-1)
    mixed = graph.apply("Transpose", graph.apply("MatMul", weights, values), perm=[1, 0, 2])
    rows = graph.apply("Reshape", mixed, graph.integers(x.length, heads * size))
    output = array(attention.o_proj.weight).T
    return layers.product(Feature(rows, heads * size, x.length), output)


def _rotated(graph: StreamGraph, x: str, positions: _Positions, size: int) -> str:
    """Pairs of channels, half the size apart, turned by an angle that grows with the position."""
    first, second = graph.slice(x, 0, size // 2, 2), graph.slice(x, size // 2, size, 2)
    turned = graph.apply("Concat", graph.apply("Neg", second), first, axis=2)
    return graph.apply(
        "Add",
        graph.apply("Mul", x, positions.cosine),
        graph.apply("Mul", turned, positions.sine),
    )


def _normalised(layers: StreamLayers, x: Feature, norm: nn.LayerNorm) -> Feature:
    graph = layers.graph
    constants = [graph.constant(array(norm.weight)), graph.constant(array(norm.bias))]
    name = graph.apply("LayerNormalization", x.name, *constants, axis=-1, epsilon=norm.eps)
    return Feature(name, *x.size)


def _scaled(layers: StreamLayers, x: Feature, scale: nn.Parameter) -> Feature:
    name = layers.graph.apply("Mul", x.name, layers.graph.constant(array(scale)))
    return Feature(name, *x.size)


def _gelu(layers: StreamLayers, x: Feature) -> Feature:
    """The input times the cumulative probability of the normal distribution there."""
    graph = layers.graph
    error = graph.apply("Erf", graph.apply("Mul", x.name, graph.scalar(math.sqrt(0.5))))
    doubled = graph.apply("Mul", x.name, graph.apply("Add", error, graph.scalar(1.0)))
    return Feature(graph.apply("Mul", doubled, graph.scalar(0.5)), *x.size)
