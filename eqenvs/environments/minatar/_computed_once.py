"""Keeps XLA's CPU backend from computing the same thing again for each of its uses."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool


Tree = TypeVar("Tree")


@jax.custom_batching.custom_vmap
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

    def conditional():
        def zeros(x):
            return jax.tree.map(jnp.zeros_like, x)

        return jax.lax.cond(jnp.any(true), lambda x: x, zeros, tree)

    # Other devices wait for the condition, and need none of this.
    return jax.lax.platform_dependent(cpu=conditional, default=lambda: tree)


@computed_once.def_vmap
def _(axis_size: int, in_batched: Any, true: Any, tree: Any):
    del axis_size
    # Not a `vmap` of the above, whose condition would be one for every lane.
    return computed_once(true, tree), in_batched[1]
