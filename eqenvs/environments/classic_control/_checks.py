"""Checks of several parameters together."""

import jax.core
import numpy as np
from jaxtyping import Array, Bool, Float


def require(
    condition: Bool[Array, "..."], message: str, *values: Float[Array, "..."]
) -> None:
    """Raises `ValueError` if `condition` does not hold; not while JAX traces, when
    nobody knows.

    `{}` in the message stands for each of `values`.
    """
    if not isinstance(condition, jax.core.Tracer) and not np.all(condition):
        raise ValueError(message.format(*(str(np.asarray(x)) for x in values)))
