"""Several episodes of one task as one episode.

The setting of meta-reinforcement learning: Duan, Schulman, Chen, Bartlett, Sutskever &
Abbeel, "RL²: fast reinforcement learning via slow reinforcement learning" (2016,
arXiv:1611.02779), and Wang et al., "Learning to reinforcement learn" (2016,
arXiv:1611.05763).

1. A trial draws a task: a goal, or the probabilities of a bandit.
2. It plays `num_episodes` episodes of this task. Only the start of an episode is drawn
   again.
3. The trial ends with its last episode; then a new task is drawn.
"""

from typing import Generic

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, Key

from .._checks import without_weak_types
from .._environment import (
    AbstractEnvironment,
    AbstractState,
    Action,
    NO_LIMIT,
    Observation,
    select,
    State,
    Transition,
)
from ..fields import environment, integer
from ._task import same_task
from ._wrapper import AbstractWrapper


class TrialState(AbstractState, Generic[State]):
    """A state of the wrapped environment, and the progress of the trial.

    `time` counts the steps of the trial, `inner.time` those of the current episode.
    """

    inner: State
    episode: Int32[Array, ""]
    is_over: Bool[Array, ""]
    time: Int32[Array, ""]


class Trial(AbstractWrapper[TrialState[State], Action, Observation, State]):
    """Several episodes of one task as one episode.

    An environment names its task in `task_fields`: the goal of `MetaMaze` and
    `PointRobot`, the arms of the bandits. Observations are those of the environment, so
    the first one of an episode says nothing about the previous episode; an agent needs
    a memory to learn within a trial.

    `info["episode_ended"]` is true at the end of every episode of the trial.

    ```python
    env = Trial(PointRobot(), num_episodes=5)
    ```
    """

    env: AbstractEnvironment[State, Action, Observation] = environment(
        "The environment, which must name its `task_fields`."
    )
    num_episodes: Int32[Array, ""] = integer(
        10, "Number of episodes in a trial.", minimum=1
    )

    def __check_init__(self):
        if not self.env.task_fields:
            raise ValueError(
                f"Trial.env must be an environment that names its `task_fields`; "
                f"{type(self.env).__name__} has none."
            )

    @property
    def max_steps(self) -> Int32[Array, ""]:  # pyright: ignore
        limit = self.env.max_steps
        is_none = limit > NO_LIMIT // self.num_episodes
        return jnp.where(is_none, NO_LIMIT, limit * self.num_episodes)

    def wrap(self, key: Key[Array, ""], inner: State) -> TrialState[State]:
        del key
        zero = jnp.int32(0)
        return TrialState(
            inner=inner, episode=zero, is_over=jnp.array(False), time=zero
        )

    def inner_state(self, state: TrialState[State]) -> State:
        return state.inner

    def transition(
        self, key: Key[Array, ""], state: TrialState[State], action: Action
    ) -> Transition[TrialState[State]]:
        # 2. One step of an episode.
        transition = self.inner_transition(key, state.inner, action)
        inner, terminated = transition.state, jnp.asarray(transition.terminated)
        ended = terminated | self.env.truncated(inner)
        episode = state.episode + ended.astype(jnp.int32)
        is_over = episode >= self.num_episodes
        # 3. If the trial is not over, the next episode begins.
        begins = ended & ~is_over
        next_inner = without_weak_types(same_task(self.env, self.own_key(key), inner))
        inner = select(begins, next_inner, inner)
        info = {**transition.info, "episode_ended": ended}
        return Transition(
            TrialState(
                inner=inner, episode=episode, is_over=is_over, time=state.time + 1
            ),
            transition.reward,
            terminated & is_over,
            info,
        )

    def truncated(self, state: TrialState[State]) -> Bool[Array, ""]:
        return state.is_over & self.env.truncated(state.inner)
