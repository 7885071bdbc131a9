"""Stacks of consecutive observations."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree


def repeat(value: PyTree[Array], times: int) -> PyTree[Array]:
    """Stacks copies of a value along a new first axis."""
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (times, *x.shape)), value)


def push(frames: PyTree[Array], frame: PyTree[Array]) -> PyTree[Array]:
    """Drops the first frame and appends a new one."""
    return jax.tree.map(
        lambda old, new: jnp.concatenate([old[1:], new[None]]), frames, frame
    )
