"""Checks of several parameters together."""

from collections.abc import Callable
from typing import Any

import jax.core
import numpy as np
from jaxtyping import Array, Float


def require(
    condition: Callable[..., Any], message: str, *values: Float[Array, "..."]
) -> None:
    """Raises `ValueError` if `condition(*values)` does not hold. While JAX is tracing,
    nothing is checked.

    Each `{}` in the message is replaced by one of `values`. The condition gets them as
    NumPy arrays, so that nothing is compiled.
    """
    if any(isinstance(x, jax.core.Tracer) for x in values):
        return
    arrays = [np.asarray(x) for x in values]
    with np.errstate(all="ignore"):
        is_fine = np.all(condition(*arrays))
    if not is_fine:
        raise ValueError(message.format(*map(str, arrays)))
