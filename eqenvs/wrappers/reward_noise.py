"""Rewards with noise, as in bsuite's `*_noise` experiments."""

import jax.random as jr
from jaxtyping import Array, Float, Key

from .._environment import (
    AbstractEnvironment,
    Action,
    Observation,
    State,
    Transition,
)
from ..fields import environment, real
from ._wrapper import AbstractStatelessWrapper


class RewardNoise(AbstractStatelessWrapper[State, Action, Observation]):
    """Adds independent normal noise to every reward."""

    env: AbstractEnvironment[State, Action, Observation] = environment()
    scale: Float[Array, ""] = real(
        description="Standard deviation of the noise.", minimum=0
    )

    def transition(
        self, key: Key[Array, ""], state: State, action: Action
    ) -> Transition[State]:
        transition = self.inner_transition(key, state, action)
        reward = transition.reward
        noise = jr.normal(self.own_key(key), dtype=reward.dtype)
        return transition._replace(reward=reward + self.scale * noise)
