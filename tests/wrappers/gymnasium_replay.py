"""An episode of an environment as a Gymnasium environment, so that Gymnasium's own
wrappers can be put around it."""

import gymnasium
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from eqenvs.spaces import Box, Dict, Discrete, MultiDiscrete


def to_gymnasium_space(space):
    match space:
        case Box():
            low, high = np.asarray(space.low), np.asarray(space.high)
            return gymnasium.spaces.Box(low, high, dtype=space.dtype)
        case Discrete():
            return gymnasium.spaces.Discrete(space.n)
        case MultiDiscrete():
            return gymnasium.spaces.MultiDiscrete(space.nvec)
        case Dict():
            parts = space.spaces
            return gymnasium.spaces.Dict(
                {name: to_gymnasium_space(parts[name]) for name in parts}
            )
    raise TypeError(space)


class Replay(gymnasium.Env):
    """One episode of `env`, stepped with `advance` and the keys `fold_in(key, t)`."""

    def __init__(self, env, key):
        self.env, self.key = env, key
        self.action_space = to_gymnasium_space(env.action_space)
        self.observation_space = to_gymnasium_space(env.observation_space)
        self.taken = []

    def reset(self, *, seed=None, options=None):
        observation, self.state = self.env.reset(self.key)
        self.time = 0
        return jax.tree.map(np.asarray, observation), {}

    def step(self, action):
        self.taken.append(action)
        key = jr.fold_in(self.key, self.time)
        step = self.env.advance(key, self.state, jnp.asarray(action))
        self.state = step.state
        self.time += 1
        observation = jax.tree.map(np.asarray, step.observation)
        ended = bool(step.terminated), bool(step.truncated)
        return observation, float(step.reward), *ended, {}


def play_both(env, gymnasium_env, key, actions, *, ends=True):
    """Plays one episode of a wrapped environment and of Gymnasium's, and compares."""
    observation, state = env.reset(key)
    expected, _ = gymnasium_env.reset()
    assert_same(observation, expected)
    for t, action in enumerate(actions):
        step = env.advance(jr.fold_in(key, t), state, jnp.asarray(action))
        expected, reward, terminated, truncated, info = gymnasium_env.step(action)
        assert_same(step.observation, expected)
        np.testing.assert_allclose(step.reward, reward, rtol=1e-5)
        assert bool(step.terminated) == terminated
        assert bool(step.truncated) == truncated
        yield step, info
        state = step.state
        if ends and (terminated or truncated):
            return


def assert_same(observation, expected):
    if isinstance(observation, dict):
        assert set(observation) == set(expected)
        for name in observation:
            assert_same(observation[name], expected[name])
        return
    assert observation.shape == np.shape(expected)
    np.testing.assert_allclose(observation, expected, rtol=1e-5, atol=1e-6)
