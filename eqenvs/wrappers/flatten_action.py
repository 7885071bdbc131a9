"""Several choices combined into one."""

import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Int32

from .._environment import AbstractEnvironment, Observation, State
from ..fields import environment
from ..spaces import AbstractSpace, Dict, Discrete, MultiDiscrete, Tuple
from ._spaces import digits, parts, require
from ._wrapper import AbstractActionWrapper


class FlattenAction(AbstractActionWrapper[State, Int32[Array, ""], Observation]):
    """Turns several choices into a single integer, the index of their combination.

    The last choice varies fastest, as in `numpy.unravel_index`. Choices in a `Dict` are
    ordered by name.
    """

    env: AbstractEnvironment[State, Any, Observation] = environment(
        "The environment, whose action space consists of `Discrete` and "
        "`MultiDiscrete` spaces."
    )

    def __check_init__(self):
        needs = "made of Discrete and MultiDiscrete spaces, with fewer than 2**31 "
        needs += "combinations"
        require(self.env, "action_space", _is_countable, self, needs)

    def transform_action(self, action: Int32[Array, ""]) -> Any:
        space = self.env.action_space
        return _take(space, iter(digits(action, _sizes(space))))

    @property
    def action_space(self) -> Discrete:
        return Discrete(math.prod(_sizes(self.env.action_space)))


def _sizes(space: AbstractSpace) -> list[int]:
    sizes: list[int] = []
    for part in parts(space):
        sizes += part.nvec if isinstance(part, MultiDiscrete) else [part.n]  # pyright: ignore
    return sizes


def _is_countable(space: AbstractSpace) -> bool:
    is_choice = all(isinstance(p, Discrete | MultiDiscrete) for p in parts(space))
    return is_choice and math.prod(_sizes(space)) < 2**31


def _take(space: AbstractSpace, choices: Any) -> Any:
    match space:
        case Tuple():
            return tuple(_take(part, choices) for part in space.spaces)
        case Dict():
            names = sorted(space.spaces)
            return {name: _take(space.spaces[name], choices) for name in names}
        case MultiDiscrete():
            return jnp.stack([next(choices) for _ in space.nvec])
        case _:
            return next(choices)
