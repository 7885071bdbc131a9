"""Helpers for the spaces of wrappers."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Int32

from .._environment import AbstractEnvironment
from .._parametric import batch_axes, is_batched
from ..fields import AbstractParameter
from ..spaces import AbstractSpace, Box, Dict, Tuple


def nearest_to_zero(space: AbstractSpace) -> Any:
    """The element of a space nearest to zero."""
    match space:
        case Tuple():
            return tuple(map(nearest_to_zero, space.spaces))
        case Dict():
            named = space.spaces
            return {name: nearest_to_zero(named[name]) for name in named}
    sample = jax.eval_shape(space.sample, jr.key(0))
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), sample)
    # The spaces of `Strict` refuse what is outside instead.
    return Box.nearest(space, zeros) if isinstance(space, Box) else space.nearest(zeros)


def unbounded(space: Box) -> Box:
    """All real arrays of the same shape."""
    return Box(-jnp.inf, jnp.inf, space.shape)


def map_parts(
    function: Callable[[Any], AbstractSpace], space: AbstractSpace
) -> AbstractSpace:
    """Applies a function to every part of a space of tuples and dictionaries."""
    match space:
        case Tuple():
            return Tuple([map_parts(function, part) for part in space.spaces])
        case Dict():
            parts = space.spaces
            return Dict({name: map_parts(function, parts[name]) for name in parts})
        case _:
            return function(space)


def parts(space: AbstractSpace) -> list[AbstractSpace]:
    """The parts of a space, in the order of the leaves of its elements."""
    match space:
        case Tuple():
            return [leaf for part in space.spaces for leaf in parts(part)]
        case Dict():
            named = space.spaces
            return [leaf for name in sorted(named) for leaf in parts(named[name])]
        case _:
            return [space]


def require(
    env: AbstractEnvironment,
    what: str,
    is_fine: Callable[[AbstractSpace], bool],
    wrapper: Any,
    needs: str,
) -> None:
    """Raises an error unless a space of the environment is what a wrapper needs.

    **Arguments:**

    - `env`: the environment. Nothing is checked for a batch of environments, whose
        spaces exist only inside `jax.vmap`.
    - `what`: `"action_space"` or `"observation_space"`.
    - `is_fine`: whether a space is what the wrapper needs.
    - `wrapper`: the wrapper, for the error message.
    - `needs`: what it needs, such as `"a Box"`.
    """
    if is_batched(batch_axes(env)):
        return
    space = getattr(env, what)
    if not is_fine(space):
        raise TypeError(
            f"{type(wrapper).__name__}.env must be an environment whose {what} is "
            f"{needs}; that of {type(env).__name__} is {space}."
        )


def is_box_of_reals(space: AbstractSpace) -> bool:
    """Whether a space is a `Box` of floating-point numbers."""
    return isinstance(space, Box) and bool(jnp.issubdtype(space.dtype, jnp.floating))


def is_bounded_box(space: AbstractSpace) -> bool:
    """Whether a space is a `Box` of real numbers with finite bounds. Traced bounds
    count as finite."""
    if not is_box_of_reals(space):
        return False
    bounds = (space.low, space.high)  # pyright: ignore
    return all(
        isinstance(bound, jax.core.Tracer) or bool(np.all(np.isfinite(bound)))
        for bound in bounds
    )


def consists_of_boxes(space: AbstractSpace) -> bool:
    """Whether every part of a space is a `Box`."""
    return all(isinstance(part, Box) for part in parts(space))


class _OptionalSpace(AbstractParameter):
    @property
    def allowed(self) -> str:
        return "None or a space"

    def __call__(self, value: Any) -> Any:
        if value is not None and not isinstance(value, AbstractSpace):
            raise TypeError(f"{self.name} must be {self.allowed}; got {value!r}.")
        return value


def optional_space(description: str) -> Any:
    """A field for a space or `None`, which is the default."""
    return _OptionalSpace(description).field(None)


def digits(number: Int32[Array, ""], sizes: Sequence[int]) -> list[Int32[Array, ""]]:
    """The digits of a number in a mixed-radix system, the most significant first. Digit
    `i` has `sizes[i]` values."""
    reversed_digits = []
    for size in reversed(sizes):
        reversed_digits.append(number % size)
        number = number // size
    return reversed_digits[::-1]
