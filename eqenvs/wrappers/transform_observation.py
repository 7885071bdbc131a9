"""Any function of the observation, as in Gymnasium's wrapper of the same name."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, PyTree

from .._environment import AbstractEnvironment, Action, State
from ..fields import environment, function
from ..spaces import AbstractSpace
from ._spaces import optional_space
from ._wrapper import AbstractObservationWrapper


class TransformObservation(AbstractObservationWrapper[State, Action, PyTree[Array]]):
    """Applies a function to the observations.

    ```python
    env = TransformObservation(CartPole(), jnp.tanh, Box(-1.0, 1.0, (4,)))
    ```
    """

    env: AbstractEnvironment[State, Action, PyTree[Array]] = environment()
    function: Callable[[Any], Any] = function(
        description="Function from an observation of `env` to an observation."
    )
    space: AbstractSpace | None = optional_space(
        "Space of the observations it returns; None if that is the space of `env`."
    )

    def transform_observation(self, observation: PyTree[Array]) -> PyTree[Array]:
        return self.function(observation)

    @property
    def observation_space(self) -> AbstractSpace:
        return self.env.observation_space if self.space is None else self.space
