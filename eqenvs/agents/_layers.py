"""Layers whose last axis is the batch."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


def affine(
    layer: eqx.nn.Linear, x: Float[Array, "inputs *batch"]
) -> Float[Array, "outputs *batch"]:
    """The output of a layer for an input, or for a batch of them."""
    product = jnp.tensordot(layer.weight, x, axes=1)
    bias = jnp.asarray(layer.bias)
    return product + bias.reshape(bias.shape[0], *[1] * (x.ndim - 1))


def convolve(
    layer: eqx.nn.Conv2d, images: Float[Array, "channels rows columns *batch"]
) -> Float[Array, "kernels rows_inside columns_inside *batch"]:
    """The convolution of an image, or of a batch of them, as one matrix product.

    On a CPU, XLA takes a hundred times as long for the gradient of its own convolution.
    """
    kernels, _, height, width = layer.weight.shape
    rows, columns = images.shape[1] - height + 1, images.shape[2] - width + 1
    shifted = [
        images[:, i : i + rows, j : j + columns]
        for i in range(height)
        for j in range(width)
    ]
    patches = jnp.stack(shifted, axis=1).reshape(-1, *shifted[0].shape[1:])
    product = jnp.tensordot(layer.weight.reshape(kernels, -1), patches, axes=1)
    bias = jnp.asarray(layer.bias)
    return product + bias.reshape(kernels, *[1] * (product.ndim - 1))


def orthogonal_matrix(
    key: Key[Array, ""], shape: tuple[int, int], scale: float = 1.0
) -> Float[Array, "rows columns"]:
    """A random matrix with orthogonal rows or columns."""

    # Under `vmap`, one after the other: with JAX 0.10 and earlier, batched
    # decompositions that run at the same time wait for each other's threads, forever on
    # a machine of few cores.
    @jax.custom_batching.sequential_vmap
    def draw(key):
        return jax.nn.initializers.orthogonal(scale)(key, shape)

    return draw(key)


def orthogonal(layer: Any, scale: float, key: Key[Array, ""]) -> Any:
    """A layer with orthogonal weights, which suit PPO."""
    shape = layer.weight.shape
    matrix = orthogonal_matrix(key, (shape[0], math.prod(shape[1:])), scale)
    return eqx.tree_at(
        lambda l: (l.weight, l.bias),
        layer,
        (matrix.reshape(shape), jnp.zeros_like(layer.bias)),
    )


class LayerNorm(eqx.Module):
    """Layer normalization: the features get mean 0 and variance 1, then a learned scale
    and shift.

    The features are the first axis. Entries along other axes, those of a batch or an
    image, are normalized separately.
    """

    scale: Float[Array, " features"]
    shift: Float[Array, " features"]

    def __init__(self, size: int):
        """**Arguments:**

        - `size`: the number of features.
        """
        self.scale, self.shift = jnp.ones(size), jnp.zeros(size)

    def __call__(
        self, x: Float[Array, "features *batch"]
    ) -> Float[Array, "features *batch"]:
        """The features, normalized."""
        scale, shift = (
            y.reshape(-1, *[1] * (x.ndim - 1)) for y in (self.scale, self.shift)
        )
        error = x - x.mean(axis=0, keepdims=True)
        variance = (error**2).mean(axis=0, keepdims=True)
        return error * jax.lax.rsqrt(variance + 1e-5) * scale + shift
