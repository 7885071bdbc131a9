"""Observations as one vector, as in Gymnasium's wrapper of the same name."""

from jaxtyping import Array, Float, PyTree

from .._environment import AbstractEnvironment, Action, State
from ..fields import environment
from ..spaces import Box, flat_space, flatten
from ._wrapper import AbstractObservationWrapper


class FlattenObservation(AbstractObservationWrapper[State, Action, Float[Array, " n"]]):
    """Turns observations into one vector of real numbers.

    Elements of a `Box` are raveled, elements of a `Discrete` or `MultiDiscrete` space
    become one-hot, and the parts of a `Tuple` or `Dict` are concatenated, those of a
    `Dict` in the order of their names.
    """

    env: AbstractEnvironment[State, Action, PyTree[Array]] = environment()

    def transform_observation(self, observation: PyTree[Array]) -> Float[Array, " n"]:
        return flatten(self.env.observation_space, observation)

    @property
    def observation_space(self) -> Box:
        return flat_space(self.env.observation_space)
