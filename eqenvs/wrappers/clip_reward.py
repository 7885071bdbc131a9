"""Clipped rewards, as in Gymnasium's wrapper of the same name."""

import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._environment import AbstractEnvironment, Action, Observation, State
from ..fields import environment, real
from ._wrapper import AbstractRewardWrapper


class ClipReward(AbstractRewardWrapper[State, Action, Observation]):
    """Clips rewards to the range from `minimum` to `maximum`.

    ```python
    env = ClipReward(Pong(), -1.0, 1.0)
    ```
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()
    minimum: Float[Array, ""] = real(
        -jnp.inf, "Lowest reward; -inf for no bound.", finite=False
    )
    maximum: Float[Array, ""] = real(
        jnp.inf, "Highest reward; inf for no bound.", finite=False
    )

    def __check_init__(self):
        if any(isinstance(x, jax.core.Tracer) for x in (self.minimum, self.maximum)):
            return
        minimum, maximum = np.asarray(self.minimum), np.asarray(self.maximum)
        if np.all(np.isneginf(minimum)) and np.all(np.isposinf(maximum)):
            raise ValueError(
                "ClipReward must have a minimum or a maximum; it has neither."
            )
        if not np.all(minimum <= maximum):
            raise ValueError(
                "ClipReward.minimum must be at most its maximum; got minimum="
                f"{minimum} and maximum={maximum}."
            )

    def transform_reward(self, reward: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.clip(reward, self.minimum, self.maximum)
