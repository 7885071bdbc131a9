"""Actions as vectors of real numbers, for libraries whose agents choose only those."""

import math
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..spaces import AbstractSpace, Box, Discrete


def num_numbers(space: AbstractSpace, who: str) -> int:
    """The length of the vector that encodes an action.

    **Raises:**

    `TypeError` if the actions are neither a bounded `Box` nor `Discrete`.
    """
    match space:
        case Discrete():
            return space.n
        case Box() if space.dtype.kind == "f" and _is_bounded(space):
            return math.prod(space.shape)
        case _:
            raise TypeError(
                f"{who} takes environments with a `Discrete` action space or a bounded "
                f"`Box` of real numbers; got {space!r}. A wrapper such as "
                "`eqenvs.wrappers.FlattenAction` may help."
            )


def _is_bounded(space: Box) -> bool:
    bounds = (space.low, space.high)
    if any(isinstance(x, jax.core.Tracer) for x in bounds):
        return True
    return all(np.isfinite(np.asarray(x)).all() for x in bounds)


def from_numbers(space: Any, numbers: Float[Array, " size"]) -> Array:
    """Turns numbers from -1 to 1 into an action: the index of the largest, or a point
    between the bounds, by a linear map that is exact at both ends."""
    if isinstance(space, Discrete):
        return jnp.argmax(numbers).astype(space.dtype)
    numbers = numbers.reshape(space.shape).astype(space.dtype)
    is_unit = (space.low == -1) & (space.high == 1)
    fraction = (numbers + 1) / 2
    scaled = space.low * (1 - fraction) + space.high * fraction
    return jnp.where(is_unit, numbers, scaled)
