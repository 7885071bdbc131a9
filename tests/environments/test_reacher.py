"""Reacher beside a NumPy reference, and the law of its initial states."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from eqenvs import Reacher, VectorEnvironment

from ..reference import reacher as reference
from .planar import episode


NUM_STEPS = 100
SIGNIFICANCE = 1e-3  # of every statistical test; the seeds are fixed


def compare(env, key, actions, tolerance):
    start, observation, outputs = jax.tree.map(
        np.asarray, episode(env, key, jnp.asarray(actions))
    )
    original = reference.Reacher(
        start.angles,
        start.angular_velocities,
        start.goal,
        float(env.torque_scale),
        float(env.time_delta),
        float(env.goal_sharpness),
    )
    np.testing.assert_allclose(observation, original.look(), **tolerance)
    for t, action in enumerate(actions):
        expected_observation, expected_reward = original.step(action)
        observation, reward, terminated, truncated = (x[t] for x in outputs)
        np.testing.assert_allclose(observation, expected_observation, **tolerance)
        np.testing.assert_allclose(reward, expected_reward, **tolerance)
        assert not terminated
        assert truncated == (t + 1 >= env.max_steps)


@given(st.data())
@settings(max_examples=150)
def test_parity(data):
    n = data.draw(st.sampled_from([1, 2, 5]), "joints")
    env_parameters = {
        "torque_scale": data.draw(st.floats(-5, 5)),
        "time_delta": data.draw(st.floats(0, 0.2)),
        "goal_sharpness": data.draw(st.floats(0, 3)),
        "max_steps": data.draw(st.integers(1, NUM_STEPS)),
        "num_joints": n,
    }
    actions = data.draw(arrays(float, (NUM_STEPS, n), elements=st.floats(-3, 3)))
    seed = data.draw(st.integers(0, 2**31))
    with jax.enable_x64(True):
        env = Reacher(**env_parameters)
        compare(env, jr.key(seed), actions, {"rtol": 1e-9, "atol": 1e-9})


def test_parity_with_the_defaults():
    random = np.random.default_rng(0)
    for seed in range(10):
        actions = random.uniform(-1, 1, (NUM_STEPS, 2)).astype(np.float32)
        compare(Reacher(), jr.key(seed), actions, {"rtol": 2e-4, "atol": 2e-5})


@pytest.mark.parametrize("n", [1, 2, 3])
def test_initial_states(n):
    _, state = VectorEnvironment(Reacher(num_joints=n), 20_000).reset(jr.key(2))
    columns = [
        (state.angles, np.pi),
        (state.angular_velocities, 1),
        (state.goal, n),
    ]
    for numbers, bound in columns:
        for column in np.asarray(numbers, float).T:
            p = scipy.stats.kstest(column, scipy.stats.uniform(-bound, 2 * bound).cdf)
            assert p.pvalue > SIGNIFICANCE
    everything = np.concatenate([np.asarray(x) for x, _ in columns], axis=1)
    correlation = np.corrcoef(everything.T) - np.eye(2 * n + 2)
    assert abs(correlation).max() < 4.5 / np.sqrt(len(everything))


def test_rewards_have_gradients():
    env = Reacher()
    _, state = env.reset(jr.key(0))
    actions = jnp.zeros((20, 2))

    @jax.jit
    @jax.grad
    def gradient(actions):
        def body(state, action):
            state, reward, *_ = env.transition(jr.key(0), state, action)
            return state, reward

        return jax.lax.scan(body, state, actions)[1].sum()

    assert (gradient(actions) != 0).all()
