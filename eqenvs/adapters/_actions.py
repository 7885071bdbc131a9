"""Actions that come from other libraries: from Python code; or as vectors of real
numbers, for libraries whose agents choose only those."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._environment import AbstractEnvironment
from ..spaces import AbstractSpace, Box, Dict, Discrete, MultiDiscrete, Tuple


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


def name_of_action(env: AbstractEnvironment) -> str:
    """What to call an action in an error message."""
    return f"the action of {type(env).__name__}"


def to_arrays(space: AbstractSpace, name: str) -> Callable[[Any], Any]:
    """A function from an action, as Python code gives it, to arrays of the dtypes of
    the space.

    It raises `TypeError` or `ValueError` for something that is no number, for a tuple
    or dictionary with other parts, for a real number in place of an integer, and for an
    integer outside a `Discrete` or `MultiDiscrete` space; not for a wrong shape. In
    actions with leading axes, integers are not checked: that takes as long as a fifth
    of a step of 1,000 lanes.

    **Arguments:**

    - `space`: the space of one action.
    - `name`: what to call an action in an error message.
    """
    match space:
        case Tuple():
            parts = [to_arrays(x, f"{name}[{i}]") for i, x in enumerate(space.spaces)]

            def to_tuple(action: Any) -> Any:
                if not isinstance(action, tuple | list) or len(action) != len(parts):
                    raise TypeError(f"{name} must be in {space}; got {action!r}.")
                return tuple(f(x) for f, x in zip(parts, action, strict=True))

            return to_tuple
        case Dict():
            named = {k: to_arrays(x, f"{name}[{k!r}]") for k, x in space.spaces.items()}

            def to_dict(action: Any) -> Any:
                if not isinstance(action, Mapping) or set(action) != set(named):
                    raise TypeError(f"{name} must be in {space}; got {action!r}.")
                return {k: f(action[k]) for k, f in named.items()}

            return to_dict
        case Discrete():
            return _to_integers(space, name, space.n - 1)
        case MultiDiscrete():
            return _to_integers(space, name, np.asarray(space.nvec) - 1)
        case _:
            dtype = np.dtype(getattr(space, "dtype"))  # noqa: B009
            kinds = "biu" if dtype.kind in "biu" else "fiuV"  # "V" is bfloat16
            return lambda action: _checked(action, space, name, kinds).astype(
                dtype, copy=False
            )


def _to_integers(space: Any, name: str, last: Any) -> Callable[[Any], np.ndarray]:
    dtype, axes = np.dtype(space.dtype), np.shape(last)

    def to_integers(action: Any) -> np.ndarray:
        # A NumPy function takes a microsecond or more; a step takes about thirty.
        is_number = isinstance(action, int | np.integer)
        if is_number and not axes and 0 <= action <= last:
            return np.asarray(action, dtype)
        action = _checked(action, space, name, "biu")
        if action.shape == axes and not np.all((action >= 0) & (action <= last)):
            raise ValueError(f"{name} must be in {space}; got {action}.")
        return action.astype(dtype, copy=False)

    return to_integers


def _checked(action: Any, space: Any, name: str, kinds: str) -> np.ndarray:
    array = np.asarray(action)
    if array.dtype.kind not in kinds:
        got = repr(action) if array.ndim == 0 else f"the dtype {array.dtype}"
        raise TypeError(f"{name} must be in {space}; got {got}.")
    return array
