"""Checks of several parameters together."""

import jax.core
import numpy as np
from jaxtyping import Array, Bool, Float


def require(
    condition: Bool[Array, "..."], message: str, *values: Float[Array, "..."]
) -> None:
    """Raises `ValueError` if `condition` does not hold. While JAX is tracing, nothing
    is checked.

    Each `{}` in the message is replaced by one of `values`.
    """
    if not isinstance(condition, jax.core.Tracer) and not np.all(condition):
        raise ValueError(message.format(*(str(np.asarray(x)) for x in values)))
