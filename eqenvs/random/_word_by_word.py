"""What the key implementations have in common."""

import functools as ft
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, UInt32, UInt64


Word = UInt32[Array, "..."]
Words = TypeVar("Words")

# Fewer words than this are better made in a loop than written out.
FEW_WORDS = 64


def compiled(*static_argnames: str) -> Callable[[Callable], Callable]:
    """Compiles a function that JAX also calls outside `jit`, with values.

    Inside `jit` it is inlined. The result is a plain function, because a key is pickled
    with the functions of its implementation, which are pickled by name.
    """

    def decorate(function: Callable) -> Callable:
        jitted = jax.jit(function, static_argnames=static_argnames, inline=True)
        return ft.wraps(function)(lambda *args, **kwargs: jitted(*args, **kwargs))

    return decorate


def word_by_word(function: Callable[..., Words]) -> Callable[..., Words]:
    """Decorates a function that computes words from the words at each position.

    It takes arrays of one shape. Under `vmap`, a batch is only a larger shape, so the
    function always knows the total number of words.
    """
    mapped = jax.custom_batching.custom_vmap(function)

    @mapped.def_vmap
    def _(axis_size: int, in_batched: Any, *words: Any):  # constants are no arrays
        words = tuple(
            word if is_batched else jnp.broadcast_to(word, (axis_size, *word.shape))
            for word, is_batched in zip(words, in_batched, strict=True)
        )
        result = mapped(*words)
        return result, jax.tree.map(lambda _: True, result)

    return mapped


@word_by_word
def as_one_word(high: Word, low: Word) -> UInt64[Array, "..."]:
    """64-bit words from their halves.

    `jax.vmap` of the shift alone fails in `jax.shard_map`: its distance does not vary
    over the axes of the mesh.
    """
    return (high.astype(jnp.uint64) << 32) | low.astype(jnp.uint64)
