"""Rewards times a constant."""

from jaxtyping import Array, Float

from .._environment import AbstractEnvironment, Action, Observation, State
from ..fields import environment, real
from ._wrapper import AbstractRewardWrapper


class RewardScale(AbstractRewardWrapper[State, Action, Observation]):
    """Multiplies rewards by `scale`.

    The scale is a parameter like any other, so it can be batched to search for a good
    one. bsuite's `*_scale` experiments are of this kind.
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()
    scale: Float[Array, ""] = real(description="Factor on every reward.")

    def transform_reward(self, reward: Float[Array, ""]) -> Float[Array, ""]:
        return reward * self.scale
