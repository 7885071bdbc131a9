"""A choice among a few continuous actions, as in Gymnasium's wrapper of that name."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

from .._environment import AbstractEnvironment, Observation, State
from ..fields import count, environment, flag
from ..spaces import Box, Discrete, MultiDiscrete
from ._spaces import digits, is_bounded_box, require
from ._wrapper import AbstractActionWrapper


class DiscretizeAction(AbstractActionWrapper[State, Int32[Array, "..."], Observation]):
    """Every number of an action is chosen from `num_bins` values: the centers of as
    many equal parts of its range.

    The action space is a single `Discrete` one of all combinations, the last number
    varying fastest; with `multidiscrete` it is a `MultiDiscrete` one.
    """

    env: AbstractEnvironment[State, Float[Array, "..."], Observation] = environment(
        "The environment, with a bounded `Box` of real numbers as its action space."
    )
    num_bins: int = count(description="Number of values of each number of an action.")
    multidiscrete: bool = flag(
        False, "Whether there is one choice for each number of an action."
    )

    def __check_init__(self):
        needs = "a bounded Box of real numbers"
        require(self.env, "action_space", is_bounded_box, self, needs)
        if not self.multidiscrete:
            require(
                self.env,
                "action_space",
                lambda space: self.num_bins ** math.prod(space.shape) < 2**31,  # pyright: ignore
                self,
                f"so small that {self.num_bins} values of each number make fewer than "
                "2**31 actions (or use `multidiscrete=True`)",
            )

    def transform_action(self, action: Int32[Array, "..."]) -> Float[Array, "..."]:
        space: Box = self.env.action_space  # pyright: ignore
        if not self.multidiscrete:
            action = jnp.stack(digits(action, self._sizes))
        index = action.reshape(space.shape).astype(space.dtype)
        fraction = (index + 0.5) / self.num_bins
        return space.low * (1 - fraction) + space.high * fraction

    @property
    def action_space(self) -> Discrete | MultiDiscrete:
        if self.multidiscrete:
            return MultiDiscrete(self._sizes)
        return Discrete(int(np.prod(self._sizes)))

    @property
    def _sizes(self) -> tuple[int, ...]:
        shape = self.env.action_space.shape  # pyright: ignore
        return (self.num_bins,) * math.prod(shape)
