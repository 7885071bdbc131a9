"""Any real number as an action, as in Gymnasium's wrapper of the same name."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._environment import AbstractEnvironment, Observation, State
from ..fields import environment
from ..spaces import Box
from ._spaces import is_box_of_reals, require, unbounded
from ._wrapper import AbstractActionWrapper


class ClipAction(AbstractActionWrapper[State, Float[Array, "..."], Observation]):
    """Makes actions unbounded and passes the nearest allowed one to `env`.

    Use it for agents that draw actions from a normal distribution: the action space
    tells them that no action is out of bounds.
    """

    env: AbstractEnvironment[State, Float[Array, "..."], Observation] = environment(
        "The environment, with a `Box` of real numbers as its action space."
    )

    def __check_init__(self):
        needs = "a Box of real numbers"
        require(self.env, "action_space", is_box_of_reals, self, needs)

    def transform_action(self, action: Float[Array, "..."]) -> Float[Array, "..."]:
        space: Box = self.env.action_space  # pyright: ignore
        return jnp.clip(action, space.low, space.high)

    @property
    def action_space(self) -> Box:
        return unbounded(self.env.action_space)  # pyright: ignore
