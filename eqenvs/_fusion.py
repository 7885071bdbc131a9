"""Keeps XLA's CPU backend from computing a value once for each of its uses, and from
computing values that no lane needs."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Key

from ._varying import vary, varying_axes


Tree = TypeVar("Tree")


def computed_once(true: Bool[Array, "..."], tree: Tree) -> Tree:
    """Returns `tree`, computed once for a batch.

    XLA's CPU backend fuses the operations behind each output of a program into one loop
    per output. A chain of operations that many outputs depend on is then compiled and
    run many times. The backend does not look through a conditional (unlike
    `jax.lax.optimization_barrier`, which is removed before fusion).

    **Arguments:**

    - `true`: a condition that always holds but that the compiler cannot prove.
    - `tree`: the arrays to compute once.
    """
    return computed_if_needed(true, lambda tree: tree, tree)


def key_computed_once(key: Key[Array, ""]) -> Key[Array, ""]:
    """Returns `key`, whose words are in memory when a batch of keys is derived from it.

    Otherwise, XLA's CPU backend may fuse the operations behind them into the loop over
    the batch, even the lookup in an array of keys that a `jax.lax.scan` goes through,
    and may then fail to vectorize that loop.
    """
    words = jr.key_data(key)
    words = computed_once((words.ravel()[0] | 1) != 0, words)
    return jr.wrap_key_data(words, impl=jr.key_impl(key))


def computed_apart(
    true: Bool[Array, "..."], function: Callable[..., Tree], *args: Any
) -> Tree:
    """Returns `function(*args)`, not fused with anything that comes before or after.

    **Arguments:**

    - `true`: a condition that always holds but that the compiler cannot prove.
    - `function`: the function to call; all arrays it uses must be in `args`.
    """
    return computed_if_needed(true, function, *args)


def booleans_computed_apart(
    true: Bool[Array, "..."],
    function: Callable[..., Bool[Array, "*shape"]],
    *args: Any,
) -> Bool[Array, "*shape"]:
    """Like `computed_apart`, for booleans that are likely to be converted to `float32`.

    They leave the conditional as bytes: XLA's CPU backend converts "this byte is not
    zero" in less time than a boolean.
    """

    def as_bytes(*args: Any) -> Any:
        return function(*args).astype(jnp.uint8)

    return computed_apart(true, as_bytes, *args) != 0


def computed_if_needed(
    needed: Bool[Array, "..."], function: Callable[..., Tree], *args: Any
) -> Tree:
    """Returns `function(*args)`, computed once for a batch; any value where it is not
    needed.

    On a CPU, it is zero in all lanes, and not computed, if no lane needs it.

    **Arguments:**

    - `needed`: whether this lane uses the returned value.
    - `function`: the function to call; all arrays it uses must be in `args`.
    """
    axes = varying_axes((needed, args))

    def compute(*args: Any) -> Any:
        return vary(function(*args), axes)

    def zeros(*args: Any) -> Any:
        shapes = jax.eval_shape(function, *args)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        return vary(zeros, axes)

    def conditional(pred: Any, *args: Any) -> Any:
        return jax.lax.cond(jnp.any(pred), compute, zeros, *args)

    @jax.custom_batching.custom_vmap
    def if_any(pred: Any, *args: Any) -> Any:
        # Other devices would wait for the condition, and do not need this.
        return jax.lax.platform_dependent(
            pred, *args, cpu=conditional, default=lambda _, *args: compute(*args)
        )

    @if_any.def_vmap
    def _(axis_size: int, in_batched: Any, pred: Any, *args: Any):
        # Not a `vmap` of the above, whose condition would be one for every lane.
        in_axes = jax.tree.map(lambda is_batched: 0 if is_batched else None, in_batched)
        mapped = jax.vmap(function, tuple(in_axes[1:]), axis_size=axis_size)
        result = computed_if_needed(pred, mapped, *args)
        return result, jax.tree.map(lambda _: True, result)

    return if_any(needed, *args)
