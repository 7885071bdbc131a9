import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from gymnasium.wrappers import (
    TimeAwareObservation as GymnasiumTimeAwareObservation,
    TimeLimit as GymnasiumTimeLimit,
)
from jaxtyping import Array, Int32

from eqenvs import (
    AbstractEnvironment,
    AbstractState,
    BernoulliBandit,
    CartPole,
    Pendulum,
    rollout,
    Transition,
)
from eqenvs.fields import time_limit
from eqenvs.spaces import Box, Discrete
from eqenvs.wrappers import (
    DrawnEnvironment,
    PreviousActionAndReward,
    StickyAction,
    StopGradient,
    TimeAwareObservation,
    TimeLimit,
    Trial,
)

from .gymnasium_replay import play_both, Replay


KEY = jr.key(1)


@pytest.mark.parametrize("limit", [1, 5, 40])
def test_as_in_gymnasium(limit):
    # The pole falls before the 40th step.
    env = TimeLimit(CartPole(), limit)
    reference = GymnasiumTimeLimit(Replay(CartPole(), KEY), limit)
    actions = np.ones(50, np.int32)
    steps = [step for step, _ in play_both(env, reference, KEY, actions)]
    assert bool(steps[-1].truncated) == (limit < 40)
    assert len(steps) == min(limit, len(steps)) and len(steps) > limit / 5


def test_instead_of_the_own_limit():
    env = TimeLimit(Pendulum(max_steps=3), 5)
    _observation, state = env.reset(KEY)
    truncated = []
    for t in range(5):
        step = env.step(jr.fold_in(KEY, t), state, np.zeros(1, np.float32))
        state = step.state
        truncated.append(bool(step.truncated))
    assert truncated == [False] * 4 + [True]
    assert state.time == 0


class Leaving(AbstractState):
    time: Int32[Array, ""]


class Leaves(AbstractEnvironment[Leaving, Array, Array]):
    """An author's own reason to truncate, beside the time limit: step 3."""

    max_steps: Int32[Array, ""] = time_limit(100)

    def initial_state(self, key):
        return Leaving(jnp.int32(0))

    def transition(self, key, state, action):
        return Transition(Leaving(state.time + 1), jnp.ones(()))

    def observe(self, state):
        return jnp.zeros(())

    def truncated(self, state):
        return (state.time >= self.max_steps) | (state.time == 3)

    @property
    def action_space(self):
        return Discrete(2)

    @property
    def observation_space(self):
        return Box(0.0, 1.0, ())


def draw_leaves(key):
    return StopGradient(Leaves())


def draw_pendulum(key):
    return Pendulum(max_steps=3)


@pytest.mark.parametrize(
    "env, expected",
    [
        (Leaves(), 3),
        (StopGradient(Leaves()), 3),
        (TimeLimit(Leaves(), 30), 3),
        (DrawnEnvironment(draw_leaves, num_examples=1), 3),
        (Trial(BernoulliBandit(max_steps=2), 4), 8),
        # As with any other environment, this is only its time limit.
        (DrawnEnvironment(draw_pendulum, num_examples=1), 20),
        (StickyAction(TimeLimit(Pendulum(max_steps=2), 3)), 20),
    ],
)
def test_other_reasons_to_truncate_remain(env, expected):
    """A trial that is over would be played on, without an end."""
    result = rollout(TimeLimit(env, 20), None, 0, num_steps=25)
    ended = result.trajectory.truncated | result.trajectory.terminated
    assert np.flatnonzero(ended)[0] + 1 == expected
    result = rollout(TimeLimit(env, 2), None, 0, num_steps=2)
    assert result.trajectory.truncated.tolist() == [False, True]


@pytest.mark.parametrize("normalize_time", [False, True])
def test_the_time_as_in_gymnasium(normalize_time):
    env = TimeAwareObservation(TimeLimit(CartPole(), 6), normalize_time=normalize_time)
    reference = GymnasiumTimeAwareObservation(
        GymnasiumTimeLimit(Replay(CartPole(), KEY), 6), normalize_time=normalize_time
    )
    steps = list(play_both(env, reference, KEY, np.ones(8, np.int32)))
    assert len(steps) == 6
    space = reference.observation_space
    np.testing.assert_allclose(env.observation_space.high, space.high, rtol=1e-6)
    np.testing.assert_allclose(env.observation_space.low, space.low, rtol=1e-6)


def test_the_time_beside_the_observation():
    env = TimeAwareObservation(CartPole(max_steps=50), flatten=False)
    observation, state = env.reset(KEY)
    step = env.advance(KEY, state, 1)
    assert set(observation) == {"observation", "time"}
    assert observation["time"] == 0 and step.observation["time"] == 1
    assert isinstance(env.observation_space.spaces["time"], Box)
    assert env.observation_space.spaces["time"].high == 50
    # A dictionary gets one more entry.
    env = TimeAwareObservation(PreviousActionAndReward(CartPole()), flatten=False)
    assert set(env.reset(KEY)[0]) == {
        "observation",
        "previous_action",
        "previous_reward",
        "start",
        "time",
    }
