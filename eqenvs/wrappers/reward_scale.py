"""Rewards times a constant."""

from jaxtyping import Array, Float

from .._environment import AbstractEnvironment, Action, Observation, State
from ..fields import environment, real
from ._wrapper import AbstractRewardWrapper


class RewardScale(AbstractRewardWrapper[State, Action, Observation]):
    """Multiplies rewards by `scale`.

    A scale is a number like any other parameter: it can be batched, to find a good one,
    and bsuite's `*_scale` experiments are of this kind.
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()
    scale: Float[Array, ""] = real(description="The factor.")

    def transform_reward(self, reward: Float[Array, ""]) -> Float[Array, ""]:
        return reward * self.scale
