"""Gymnasium's environments here: step for step what they do there, and states that can
be returned to."""

import gymnasium
import jax
import jax.random as jr
import numpy as np
import pytest

import eqenvs
from eqenvs import rollout, VectorEnvironment
from eqenvs.adapters import from_gymnasium


ORIGINALS = ["CartPole-v1", "Blackjack-v1", "FrozenLake-v1", "MountainCarContinuous-v0"]


@pytest.mark.parametrize("id", ORIGINALS)
def test_step_for_step(id):
    env = from_gymnasium(id)
    original = gymnasium.make(id)
    envs = VectorEnvironment(env, 2)
    _, states = envs.reset(jr.key(0))
    expected, _ = original.reset(seed=int(states.seed[1]))
    here = jax.tree.map(lambda x: x[1], envs.observe(states))
    assert same(here, expected)
    for t in range(30):
        actions = envs.sample_actions(jr.key(t))
        step = envs.advance(jr.key(t), states, actions)
        action = jax.tree.map(lambda x: np.asarray(x)[1][()], actions)
        expected, reward, terminated, truncated, _ = original.step(action)
        assert same(jax.tree.map(lambda x: x[1], step.observation), expected)
        np.testing.assert_allclose(step.reward[1], reward, rtol=1e-6)
        assert (step.terminated[1], step.truncated[1]) == (terminated, truncated)
        states = step.state
        if terminated or truncated:
            break


def test_a_state_can_be_returned_to():
    env = from_gymnasium("CartPole-v1")
    _, state = env.reset(jr.key(0))
    for action in (0, 1, 1):
        state = env.advance(jr.key(0), state, action).state
    left, right, again = (env.advance(jr.key(0), state, a) for a in (0, 1, 0))
    assert (left.observation != right.observation).any()
    np.testing.assert_array_equal(left.observation, again.observation)
    # From one branch, then from the other.
    for step in (left, right, left):
        later = env.advance(jr.key(0), step.state, 1)
        original = gymnasium.make("CartPole-v1")
        original.reset(seed=int(state.seed))
        first = 0 if step is left else 1
        for action in (0, 1, 1, first, 1):
            expected = original.step(action)[0]
        np.testing.assert_allclose(later.observation, expected, rtol=1e-6)


def test_a_rollout_in_one_program():
    env = from_gymnasium("CartPole-v1", max_steps=20)
    result = rollout(env, None, 0, num_envs=8, num_steps=60)
    steps = result.trajectory
    assert steps.reward.shape == (60, 8) and (steps.reward == 1).all()
    assert (steps.terminated | steps.truncated).sum() >= 24
    assert result.finished.all()


def test_no_more_objects_than_lanes_need():
    made = []

    def make():
        made.append(1)
        return gymnasium.make("CartPole-v1")

    env = from_gymnasium(make, max_steps=5)
    rollout(env, None, 0, num_envs=4, num_steps=100, store=False)
    assert 4 <= len(made) <= 24


def test_what_was_forgotten():
    env = from_gymnasium("CartPole-v1", memory=40)
    _, state = env.reset(jr.key(0))
    first = env.advance(jr.key(0), state, 0).state
    for seed in range(60):
        _, state = env.reset(jr.key(seed + 1))
        for _ in range(3):
            state = env.advance(jr.key(0), state, 1).state
    with pytest.raises(Exception, match="no longer known"):
        jax.block_until_ready(env.advance(jr.key(0), first, 0))


def test_mistakes(unchecked):
    for wrong in (3, gymnasium.make("CartPole-v1")):
        with pytest.raises(TypeError, match="env must be a Gymnasium id"):
            from_gymnasium(wrong)
    with pytest.raises(gymnasium.error.NameNotFound):
        eqenvs.make("gymnasium:Cartpool-v1")


def same(here, expected):
    xs, ys = jax.tree.leaves(here), jax.tree.leaves(expected)
    return len(xs) == len(ys) and all(
        np.allclose(x, y, rtol=1e-6) for x, y in zip(xs, ys, strict=True)
    )
