"""Layers, in which a batch is the last axis."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


def affine(
    layer: eqx.nn.Linear, x: Float[Array, "inputs *batch"]
) -> Float[Array, "outputs *batch"]:
    """What a layer makes of an input, or of a batch of them."""
    product = jnp.tensordot(layer.weight, x, axes=1)
    bias = jnp.asarray(layer.bias)
    return product + bias.reshape(bias.shape[0], *[1] * (x.ndim - 1))


def orthogonal(layer: Any, scale: float, key: Key[Array, ""]) -> Any:
    """A layer with orthogonal weights, as PPO likes it."""
    shape = layer.weight.shape
    matrix = jax.nn.initializers.orthogonal(scale)(
        key, (shape[0], math.prod(shape[1:]))
    )
    return eqx.tree_at(
        lambda l: (l.weight, l.bias),
        layer,
        (matrix.reshape(shape), jnp.zeros_like(layer.bias)),
    )
