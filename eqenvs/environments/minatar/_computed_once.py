"""Keeps XLA's CPU backend from computing the same thing again for each of its uses."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool


Tree = TypeVar("Tree")


def computed_once(true: Bool[Array, "..."], tree: Tree) -> Tree:
    """Returns `tree`, computed once for a batch.

    XLA's CPU backend fuses what leads to each output of a program into one loop an
    output. A chain of operations that many outputs hang on is so run many times, and
    compiled many times. A conditional is what it does not look through (unlike
    `jax.lax.optimization_barrier`, which is gone before it fuses anything).

    **Arguments:**

    - `true`: something that always holds, but that the compiler cannot know to.
    - `tree`: what to compute once.
    """
    return computed_apart(true, lambda tree: tree, tree)


def computed_apart(
    true: Bool[Array, "..."], function: Callable[..., Tree], *args: Any
) -> Tree:
    """Returns `function(*args)`, not fused with anything that comes before or after.

    **Arguments:**

    - `true`: something that always holds, but that the compiler cannot know to.
    - `function`: what to compute; of arrays, all of which are in `args`.
    """

    def conditional(true: Any, *args: Any):
        def zeros(*args):
            shapes = jax.eval_shape(function, *args)
            return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

        return jax.lax.cond(jnp.any(true), function, zeros, *args)

    @jax.custom_batching.custom_vmap
    def compute(true: Any, *args: Any):
        # Other devices wait for the condition, and need none of this.
        return jax.lax.platform_dependent(
            true, *args, cpu=conditional, default=lambda _, *args: function(*args)
        )

    @compute.def_vmap
    def _(axis_size: int, in_batched: Any, true: Any, *args: Any):
        # Not a `vmap` of the above, whose condition would be one for every lane.
        in_axes = jax.tree.map(lambda is_batched: 0 if is_batched else None, in_batched)
        mapped = jax.vmap(function, tuple(in_axes[1:]), axis_size=axis_size)
        result = computed_apart(true, mapped, *args)
        return result, jax.tree.map(lambda _: True, result)

    return compute(true, *args)
