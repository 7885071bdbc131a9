import jax.random as jr
import numpy as np
import pytest
from gymnasium.wrappers import (
    TimeAwareObservation as GymnasiumTimeAwareObservation,
    TimeLimit as GymnasiumTimeLimit,
)

from eqenvs import CartPole, Pendulum
from eqenvs.spaces import Box
from eqenvs.wrappers import PreviousActionAndReward, TimeAwareObservation, TimeLimit

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
