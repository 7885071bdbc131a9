"""Any function of the reward, as in Gymnasium's wrapper of the same name."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, Float

from .._environment import AbstractEnvironment, Action, Observation, State
from ..fields import environment, function
from ._wrapper import AbstractRewardWrapper


class TransformReward(AbstractRewardWrapper[State, Action, Observation]):
    """Applies a function to the rewards.

    ```python
    env = TransformReward(MountainCar(), lambda reward: reward / 100)
    ```
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()
    function: Callable[[Float[Array, ""]], Any] = function(
        description="Function from a reward to a reward, both scalars."
    )

    def transform_reward(self, reward: Float[Array, ""]) -> Float[Array, ""]:
        return self.function(reward)
