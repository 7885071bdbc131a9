"""Under the strict settings of JAX that Equinox users work with: no promotion of dtypes
or ranks that is not written down. Programs are traced, and not compiled."""

import contextlib

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import eqenvs
from eqenvs import evaluate, rollout, VectorEnvironment
from eqenvs.spaces import Box, flat_space, flatten

from .examples import example


@pytest.fixture(autouse=True)
def strict(either_precision):
    with contextlib.ExitStack() as stack:
        stack.enter_context(jax.numpy_dtype_promotion("strict"))
        stack.enter_context(jax.numpy_rank_promotion("raise"))
        yield


@pytest.mark.parametrize("id", eqenvs.registered())
def test_every_environment(id):
    def play(key):
        env = example(id)  # the parameters are converted under the same settings
        _, state = env.reset(key)
        action = env.action_space.sample(key)
        step = env.step(key, state, action)
        inside = env.observation_space.contains(step.observation)
        flat = flatten(env.observation_space, step.observation)
        flat_space(env.observation_space)
        return env.advance(key, state, action), step, inside, flat

    jax.eval_shape(play, jr.key(0))


@pytest.mark.parametrize("id", eqenvs.registered())
def test_many_environments(id):
    def play(key):
        envs = VectorEnvironment(example(id), 130)
        _, states = envs.reset(key)
        return envs.step(key, states, envs.sample_actions(key))

    jax.eval_shape(play, jr.key(0))


def test_whole_runs():
    def policy(key, observation, carry):
        return jnp.int32(0), carry + 1

    def play(key):
        env = eqenvs.CartPole()
        start = jnp.int32(0)
        return (
            rollout(env, None, key, num_steps=3, num_envs=2, states=True),
            rollout(env, policy, key, num_steps=3, initial_carry=start),
            evaluate(env, None, key, 130),
        )

    jax.eval_shape(play, jr.key(0))
    jax.eval_shape(play, eqenvs.random.key(0))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_elements_of_other_dtypes(dtype):
    space = Box(-jnp.inf, 1.0, (2,), dtype)
    assert space.contains(space.sample(jr.key(0)))
    for value in ([0, 1], np.ones(2, np.float16), np.ones(2), jnp.ones(2, "float32")):
        assert space.contains(value)
        assert not space.contains(np.asarray(value) + np.float16(1))
