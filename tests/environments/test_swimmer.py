"""Swimmer beside a NumPy reference, and the law of its initial states."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import scipy.stats
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from eqenvs import Swimmer, VectorEnvironment

from ..reference import swimmer as reference
from .planar import episode


NUM_STEPS = 150
SIGNIFICANCE = 1e-3  # of every statistical test; the seeds are fixed


def compare(env, key, actions, tolerance):
    start, observation, outputs = jax.tree.map(
        np.asarray, episode(env, key, jnp.asarray(actions))
    )
    original = reference.Swimmer(
        start.urchins,
        start.position,
        start.goal,
        float(env.time_delta),
        float(env.goal_sharpness),
        float(env.urchin_sharpness),
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
    parameters = {
        "time_delta": data.draw(st.floats(0, 0.2)),
        "goal_sharpness": data.draw(st.floats(0, 3)),
        "urchin_sharpness": data.draw(st.floats(0, 50)),
        "max_steps": data.draw(st.integers(1, NUM_STEPS)),
        "num_urchins": data.draw(st.sampled_from([0, 1, 5])),
    }
    actions = data.draw(arrays(float, (NUM_STEPS, 2), elements=st.floats(-3, 3)))
    seed = data.draw(st.integers(0, 2**31))
    with jax.enable_x64(True):
        env = Swimmer(**parameters)
        compare(env, jr.key(seed), actions, {"rtol": 1e-9, "atol": 1e-9})


def test_parity_with_the_defaults():
    random = np.random.default_rng(0)
    for seed in range(10):
        actions = random.uniform(-1, 1, (NUM_STEPS, 2)).astype(np.float32)
        compare(Swimmer(), jr.key(seed), actions, {"rtol": 2e-4, "atol": 2e-5})


def test_initial_states():
    _, state = VectorEnvironment(Swimmer(), 20_000).reset(jr.key(2))
    assert (state.velocity == 0).all()
    drawn = [state.urchins.reshape(-1, 10), state.position, state.goal]
    drawn = np.concatenate(drawn, axis=1).astype(float)
    for column in drawn.T:
        p = scipy.stats.kstest(column, scipy.stats.uniform(-1, 2).cdf)
        assert p.pvalue > SIGNIFICANCE
    correlation = np.corrcoef(drawn.T) - np.eye(14)
    assert abs(correlation).max() < 4.5 / np.sqrt(len(drawn))


def test_rewards_have_gradients():
    env = Swimmer()
    _, state = env.reset(jr.key(0))

    @jax.jit
    @jax.grad
    def gradient(actions):
        def body(state, action):
            state, reward, *_ = env.transition(jr.key(0), state, action)
            return state, reward

        return jax.lax.scan(body, state, actions)[1].sum()

    assert (gradient(jnp.zeros((20, 2))) != 0).all()
