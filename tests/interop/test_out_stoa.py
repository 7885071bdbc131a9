"""Stoa's wrappers on environments of eqenvs."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import CartPole, FrozenLake, UmbrellaChain
from eqenvs.adapters import to_stoa


stoa = pytest.importorskip("stoa")


@pytest.mark.parametrize("env", [CartPole(max_steps=5), FrozenLake()], ids=str)
def test_an_episode(env):
    adapted = to_stoa(env)
    state, timestep = adapted.reset(jr.key(0))
    now, later = jr.split(jr.key(0))
    expected, own = env.reset(now)
    assert timestep.first() and timestep.reward == 0 and timestep.discount == 1
    np.testing.assert_array_equal(timestep.observation, expected)
    structure = jax.tree.structure(timestep)
    for t in range(5):
        now, later = jr.split(later)
        action = env.action_space.sample(jr.key(t))
        state, timestep = adapted.step(state, action)
        step = env.advance(now, own, action)
        own = step.state
        np.testing.assert_array_equal(timestep.observation, step.observation)
        assert timestep.reward == step.reward
        assert timestep.discount == 1 - step.terminated
        assert timestep.terminated() == step.terminated
        assert timestep.truncated() == step.truncated & ~step.terminated
        assert jax.tree.structure(timestep) == structure
        if timestep.last():
            break
    assert t == 4 or timestep.terminated()


def test_its_wrappers():
    env = stoa.AutoResetWrapper(to_stoa(CartPole()), next_obs_in_extras=True)
    env = stoa.RecordEpisodeMetrics(env)
    state, _ = env.reset(jr.key(0))

    def body(carry, key):
        state, _ = carry
        state, timestep = env.step(state, jr.randint(key, (), 0, 2))
        return (state, timestep.last()), (
            timestep.last(),
            timestep.extras["episode_metrics"]["episode_length"],
        )

    init = (state, jnp.asarray(False))
    _, (last, length) = jax.lax.scan(body, init, jr.split(jr.key(1), 100))
    ends = np.flatnonzero(last)
    assert len(ends) > 2
    np.testing.assert_array_equal(length[ends][1:], np.diff(ends))


def test_spaces():
    env = to_stoa(CartPole())
    assert env.action_space().num_values == 2
    space = env.observation_space()
    assert space.shape == (4,) and space.dtype == jnp.float32
    assert space.contains(env.reset(jr.key(0))[1].observation)
    # Another environment takes the place of the parameters.
    other = CartPole(gravity=1.0)
    state, _ = env.reset(jr.key(0), other)
    first = env.step(state, 1, other)[1].observation
    assert (first != env.step(state, 1)[1].observation).any()
    assert to_stoa(UmbrellaChain()).observation_space().shape == (3,)


def test_mistakes(unchecked):
    with pytest.raises(TypeError, match="env must be an environment; got"):
        to_stoa(CartPole)
