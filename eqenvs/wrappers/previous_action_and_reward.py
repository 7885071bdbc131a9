"""The previous action and reward as part of the observation.

Agents that learn within an episode need both: Duan et al., "RL²: fast reinforcement
learning via slow reinforcement learning" (2016, arXiv:1611.02779); Wang et al.,
"Learning to reinforcement learn" (2016, arXiv:1611.05763).
"""

from typing import Any, Generic

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, PyTree

from .._environment import AbstractEnvironment, Action, State, Transition
from ..fields import environment
from ..spaces import Box, Dict
from ._spaces import nearest_to_zero
from ._wrapper import AbstractWrapper, AbstractWrapperState


class PreviousActionAndRewardState(AbstractWrapperState[State], Generic[State, Action]):
    """A state of the wrapped environment, and the step that led to it."""

    inner: State
    previous_action: Action
    previous_reward: Float[Array, ""]
    start: Bool[Array, ""]


class PreviousActionAndReward(
    AbstractWrapper[
        PreviousActionAndRewardState[State, Action],
        Action,
        dict[str, PyTree[Array]],
        State,
    ]
):
    """Adds the previous action and reward to the observation.

    | entry | meaning |
    | --- | --- |
    | `"observation"` | the observation of `env` |
    | `"previous_action"` | the previous action; at the start of an episode, the one nearest to zero |
    | `"previous_reward"` | the previous reward; 0 at the start of an episode |
    | `"start"` | whether an episode starts here |

    Around an [`eqenvs.wrappers.Trial`][], `"start"` is also true at the start of each of
    its episodes; action and reward are then those that ended the previous episode.
    `FlattenObservation` turns everything into one vector.
    """  # noqa: E501

    env: AbstractEnvironment[State, Action, PyTree[Array]] = environment()

    def wrap(
        self, key: Key[Array, ""], inner: State
    ) -> PreviousActionAndRewardState[State, Action]:
        del key
        action: Any = nearest_to_zero(self.env.action_space)
        return PreviousActionAndRewardState(
            inner=inner,
            previous_action=action,
            previous_reward=jnp.zeros(()),
            start=jnp.array(True),
        )

    def inner_state(self, state: PreviousActionAndRewardState[State, Action]) -> State:
        return state.inner

    def transition(
        self,
        key: Key[Array, ""],
        state: PreviousActionAndRewardState[State, Action],
        action: Action,
    ) -> Transition[PreviousActionAndRewardState[State, Action]]:
        transition = self.inner_transition(key, state.inner, action)
        next_state = PreviousActionAndRewardState(
            inner=transition.state,
            previous_action=action,
            previous_reward=transition.reward,
            start=jnp.asarray(transition.info.get("episode_ended", False)),
        )
        return transition._replace(state=next_state)

    def observe(
        self, state: PreviousActionAndRewardState[State, Action]
    ) -> dict[str, PyTree[Array]]:
        return {
            "observation": self.env.observe(state.inner),
            "previous_action": state.previous_action,
            "previous_reward": state.previous_reward,
            "start": state.start,
        }

    @property
    def observation_space(self) -> Dict:
        return Dict(
            {
                "observation": self.env.observation_space,
                "previous_action": self.env.action_space,
                "previous_reward": Box(-jnp.inf, jnp.inf, ()),
                "start": Box(False, True, (), bool),
            }
        )
