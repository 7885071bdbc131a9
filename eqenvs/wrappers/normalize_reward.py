"""Rewards on a scale that suits a learner, as in Gymnasium's wrapper of the same name.

Each reward is divided by the standard deviation of the discounted sum of the rewards
so far in the episode, as in OpenAI's baselines. The mean is not subtracted, which would
reward or punish an agent for staying alive.

There is one difference from Gymnasium, where the sum restarts with the reward of the
step that terminates an episode and then survives the reset. Here, as in baselines, that
reward is the last one in the sum, and each episode starts at zero.
"""

from typing import Any, Generic

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._environment import (
    AbstractEnvironment,
    Action,
    Observation,
    State,
    Transition,
)
from ..fields import environment, real
from ._statistics import merge
from ._wrapper import AbstractWrapper, AbstractWrapperState


class NormalizeRewardState(AbstractWrapperState[State], Generic[State]):
    """A state of the wrapped environment, and the discounted sum of its rewards."""

    inner: State
    discounted_return: Float[Array, ""]


class NormalizeReward(
    AbstractWrapper[NormalizeRewardState[State], Action, Observation, State]
):
    """Divides rewards by the standard deviation of their discounted sums.

    The statistics are parameters, like those of
    [`eqenvs.wrappers.NormalizeObservation`][]. The discounted sums they are computed
    from are in `info["discounted_return"]` and in the state:

    ```python
    result = rollout(env, policy, key, states=True)
    env = env.update(result.trajectory.next_state.discounted_return)
    ```
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()
    mean: Float[Array, ""] = real(0.0, "Mean of the discounted sums.")
    variance: Float[Array, ""] = real(
        1.0, "Variance of the discounted sums.", minimum=0
    )
    count: Float[Array, ""] = real(
        1e-4, "Number of discounted sums behind the mean and variance.", minimum=0
    )
    discount: Float[Array, ""] = real(0.99, "Discount factor.", minimum=0, maximum=1)
    epsilon: Float[Array, ""] = real(
        1e-8, "Added to the variance, to avoid dividing by zero.", minimum=0
    )

    def wrap(self, key: Key[Array, ""], inner: State) -> NormalizeRewardState[State]:
        del key
        return NormalizeRewardState(inner=inner, discounted_return=jnp.zeros(()))

    def inner_state(self, state: NormalizeRewardState[State]) -> State:
        return state.inner

    def transition(
        self, key: Key[Array, ""], state: NormalizeRewardState[State], action: Action
    ) -> Transition[NormalizeRewardState[State]]:
        transition = self.inner_transition(key, state.inner, action)
        reward = transition.reward
        total = state.discounted_return * self.discount + reward
        return Transition(
            NormalizeRewardState(inner=transition.state, discounted_return=total),
            reward / jnp.sqrt(self.variance + self.epsilon),
            transition.terminated,
            {**transition.info, "discounted_return": total},
        )

    def update(
        self, discounted_returns: Float[Array, "..."], *, axis_name: Any = None
    ) -> "NormalizeReward":
        """Adds discounted sums to the statistics.

        **Arguments:**

        - `discounted_returns`: values of `info["discounted_return"]`, an array of any
            shape.
        - `axis_name`: the mapped axes that they are spread over, as in `jax.lax.psum`;
            none by default.

        **Returns:**

        A new wrapper, with the new statistics.

        **Raises:**

        `ValueError` if there are none.
        """
        if self.mean.ndim != 0:
            raise ValueError(
                "this NormalizeReward is a batch of environments. Map over it with "
                "`eqx.filter_vmap`."
            )
        values = jnp.ravel(discounted_returns).astype(self.mean.dtype)
        mean, variance, count = merge(
            self.mean, self.variance, self.count, values, axis_name
        )
        return eqx.tree_at(
            lambda wrapper: (wrapper.mean, wrapper.variance, wrapper.count),
            self,
            (mean, variance, count),
        )

    def _update_from_states(self, states: Any, axis_name: Any) -> "NormalizeReward":
        return self.update(states.discounted_return, axis_name=axis_name)
