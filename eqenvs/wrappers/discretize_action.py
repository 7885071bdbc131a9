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
    """Offers `num_bins` values for every number in an action: the centers of equal
    parts of its range.

    The action space is one `Discrete` space of all combinations, in which the last
    number varies fastest; with `multidiscrete`, it is a `MultiDiscrete` space.
    """

    env: AbstractEnvironment[State, Float[Array, "..."], Observation] = environment(
        "The environment, with a bounded `Box` of real numbers as its action space."
    )
    num_bins: int = count(description="Number of values for each number in an action.")
    multidiscrete: bool = flag(
        False, "Whether each number in an action is a choice of its own."
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
                f"so small that {self.num_bins} values for each number make fewer than "
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
