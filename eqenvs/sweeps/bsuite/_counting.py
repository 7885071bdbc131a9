"""What bsuite counts while an agent plays, and when it logs the counts.

The counts are those of `bsuite_info` in the environments of bsuite 0.3.6 and of its
`Logging` wrapper. Each is kept per episode and added to the total when the episode
ends, so small numbers are never added to large ones.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int32, Key

from ..._environment import (
    AbstractEnvironment,
    Action,
    Observation,
    State,
    Transition,
)
from ...fields import choice, environment, integer, real
from ...wrappers._wrapper import AbstractWrapper, AbstractWrapperState


class Step(NamedTuple):
    """One step of an environment, before noise and scaling of the reward."""

    env: Any
    state: Any
    action: Any
    reward: Float[Array, ""]
    ended: Any


class Count(NamedTuple):
    """Something that bsuite counts.

    - `name`: the name of the column.
    - `of`: how much a step adds to the episode's count.
    - `over`: how episodes are combined: `"sum"` adds them up, `"any"` counts the
        episodes with a nonzero count, `"best"` keeps the largest if it is positive.
    - `is_whole`: whether bsuite writes the count as an integer.
    """

    name: str
    of: Callable[[Step], Float[Array, ""]]
    over: str = "sum"
    is_whole: bool = False


def _reward(step: Step) -> Float[Array, ""]:
    return step.reward


def _regret(step: Step) -> Float[Array, ""]:
    """By how much the final reward fell short of 1."""
    return jnp.where(step.ended, 1 - step.reward, 0.0)


def _was_right(step: Step) -> Float[Array, ""]:
    return jnp.where(step.ended & (step.reward > 0), 1.0, 0.0)


def _was_upright(step: Step) -> Float[Array, ""]:
    cost = jnp.where(step.action == 1, 0.0, step.env.move_cost)
    return jnp.where(step.reward + cost > 0.5, 1.0, 0.0)


def _turned_wrong(step: Step) -> Float[Array, ""]:
    is_on_path = step.state.time == step.state.column
    return jnp.where(is_on_path & ~_moves_right(step), 1.0, 0.0)


def _found_treasure(step: Step) -> Float[Array, ""]:
    is_last = step.state.column == step.env.size - 1
    return jnp.where(is_last & _moves_right(step), 1.0, 0.0)


def _moves_right(step: Step) -> Array:
    row, column = step.state.time, step.state.column
    cell = jnp.clip(row * step.env.size + column, 0, step.env.size**2 - 1)
    return step.action == step.env.action_mapping.reshape(-1)[cell]


_TOTAL_REGRET = (Count("total_regret", _regret),)
_COUNTS: dict[str, tuple[Count, ...]] = {
    "bandit": _TOTAL_REGRET,
    "cartpole": (
        Count("raw_return", _reward),
        Count("best_episode", _reward, "best"),
    ),
    "cartpole_swingup": (
        Count("raw_return", _reward),
        Count("total_upright", _was_upright),
        Count("best_episode", _reward, "best"),
    ),
    "catch": _TOTAL_REGRET,
    "deep_sea": (
        Count("total_bad_episodes", _turned_wrong, "any", is_whole=True),
        Count("denoised_return", _found_treasure),
    ),
    "discounting_chain": (),
    "memory": (
        Count("total_perfect", _was_right, is_whole=True),
        Count("total_regret", _regret),
    ),
    "mnist": _TOTAL_REGRET,
    "mountain_car": (Count("raw_return", _reward),),
    "umbrella": _TOTAL_REGRET,
}


def family_of(experiment: str) -> str:
    """The environment of an experiment, which decides what is counted."""
    return max((name for name in _COUNTS if experiment.startswith(name)), key=len)


def counts_of(experiment: str) -> tuple[Count, ...]:
    """What bsuite counts in an experiment besides steps, episodes and returns."""
    return _COUNTS[family_of(experiment)]


def columns_of(experiment: str) -> tuple[str, ...]:
    """The columns of bsuite's files, in order."""
    return (
        "steps",
        "episode",
        "total_return",
        "episode_len",
        "episode_return",
        *(count.name for count in counts_of(experiment)),
    )


def whole_columns_of(experiment: str) -> frozenset[str]:
    """The columns that bsuite writes as integers."""
    names = [count.name for count in counts_of(experiment) if count.is_whole]
    return frozenset(["steps", "episode", "episode_len", *names])


def logged_episodes(num_episodes: int) -> np.ndarray:
    """The episodes after which bsuite writes a row, spaced logarithmically: 1, 2, ...,
    9, 10, 12, 14, 17, 20, 25, 30, 40, ...
    """
    tenths = (10, 12, 14, 17, 20, 25, 30, 40, 50, 60, 70, 80, 90)
    found = {
        tenth * 10**power // 10
        for power in range(len(str(num_episodes)))
        for tenth in tenths
        if tenth * 10**power % 10 == 0
    }
    return np.array(sorted(n for n in found if n <= num_episodes), np.int32)


class RecordedState(AbstractWrapperState[State]):
    """A state and the counts so far.

    - `totals`, `lost`: the counts of all finished episodes, and the rounding error of
        their sums.
    - `episode`: the counts of the current episode.
    - `rows`: the rows of bsuite's file; zeros for rows still to come.
    """

    inner: State
    totals: Float[Array, " counts"]
    lost: Float[Array, " counts"]
    episode: Float[Array, " counts"]
    rows: Float[Array, "rows columns"]

    @property
    def num_episodes(self) -> Float[Array, "*lanes"]:
        """The number of finished episodes."""
        return self.totals[..., 1]


class Recorder(AbstractWrapper[RecordedState[State], Action, Observation, State]):
    """Counts what bsuite counts and keeps a row whenever bsuite would log one.

    Rewards are multiplied by `reward_scale` and get normal noise with standard
    deviation `noise_scale`. The environment's own counts use the original rewards.
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()
    logged: Int32[Array, " rows"] = integer(
        description="The episodes after which a row is written.", shape=(None,)
    )
    noise_scale: Float[Array, ""] = real(0.0, "Standard deviation of the noise.")
    reward_scale: Float[Array, ""] = real(1.0, "Factor on every reward.")
    experiment: str = choice(
        "bandit", "The environment, which has its own counts.", options=tuple(_COUNTS)
    )

    @property
    def _counts(self) -> tuple[Count, ...]:
        return (
            Count("steps", lambda step: jnp.ones(())),
            Count("episode", lambda step: jnp.ones(()), "any"),
            Count("total_return", _reward),  # replaced below by the scaled reward
            *counts_of(self.experiment),
        )

    def wrap(self, key: Key[Array, ""], inner: State) -> RecordedState[State]:
        del key
        zeros = jnp.zeros(len(self._counts))
        num_rows, num_columns = self.logged.shape[0], zeros.shape[0] + 2
        return RecordedState(
            inner=inner,
            totals=zeros,
            lost=zeros,
            episode=zeros,
            rows=jnp.zeros((num_rows, num_columns)),
        )

    def wrap_next(
        self, key: Key[Array, ""], inner: State, last_state: RecordedState[State]
    ) -> RecordedState[State]:
        del key
        return RecordedState(
            inner=inner,
            totals=last_state.totals,
            lost=last_state.lost,
            episode=jnp.zeros_like(last_state.episode),
            rows=last_state.rows,
        )

    def inner_state(self, state: RecordedState[State]) -> State:
        return state.inner

    def transition(
        self, key: Key[Array, ""], state: RecordedState[State], action: Action
    ) -> Transition[RecordedState[State]]:
        transition = self.inner_transition(key, state.inner, action)
        raw_reward = transition.reward
        noise = jr.normal(self.own_key(key), dtype=raw_reward.dtype)
        reward = raw_reward * self.reward_scale + self.noise_scale * noise
        ended = transition.terminated | self.env.truncated(transition.state)
        step = Step(self.env, state.inner, action, raw_reward, ended)
        added = [count.of(step) for count in self._counts]
        added[2] = reward
        episode = state.episode + jnp.stack(added)
        totals, lost = self._add_up(state, episode)
        row = jnp.concatenate(
            [totals[:3], jnp.stack([episode[0], episode[2]]), totals[3:]]
        )
        is_logged = (self.logged == totals[1].astype(jnp.int32)) & ended
        state = RecordedState(
            inner=transition.state,
            totals=jnp.where(ended, totals, state.totals),
            lost=jnp.where(ended, lost, state.lost),
            episode=episode,
            rows=jnp.where(is_logged[:, None], row[None], state.rows),
        )
        return transition._replace(state=state, reward=reward)

    def _add_up(
        self, state: RecordedState[State], episode: Float[Array, " counts"]
    ) -> tuple[Float[Array, " counts"], Float[Array, " counts"]]:
        """The totals after an episode, by Kahan summation."""
        over = np.array([count.over for count in self._counts])
        addend = jnp.where(over == "any", jnp.minimum(episode, 1.0), episode)
        corrected = addend - state.lost
        totals = state.totals + corrected
        lost = (totals - state.totals) - corrected
        is_best = over == "best"
        best = jnp.maximum(state.totals, episode)
        return jnp.where(is_best, best, totals), jnp.where(is_best, 0.0, lost)
