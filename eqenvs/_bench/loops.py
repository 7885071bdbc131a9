"""Whole rollouts in the way that each library's users write them."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import eqenvs


@dataclass(frozen=True)
class Loop:
    """One way of playing many environments at once.

    The carry is the tuple `(key, lanes, total)`. Every leaf of `lanes` has a leading
    axis of environments; `total` is the sum of every observation and every reward, so
    that a compiler can leave nothing out.

    - `start(key) -> carry`: begins an episode in every lane.
    - `advance(carry, actions) -> carry`: takes one step in every lane.
    """

    start: Callable[[Any], Any]
    advance: Callable[[Any, Any], Any]

    def play(self, carry: Any, actions: Any) -> Any:
        """Takes the steps along the leading axis of `actions`; returns the carry."""

        def body(carry, actions):
            return self.advance(carry, actions), None

        return jax.lax.scan(body, carry, actions)[0]

    def rollout(self, key: Any, actions: Any) -> jax.Array:
        """Plays from the start; returns the total."""
        return self.play(self.start(key), actions)[-1]


def digest(observation: Any, reward: Any) -> jax.Array:
    """The sum of all numbers of an observation and a reward.

    Booleans are added up as bytes. As they are, XLA would write a `float32` for each of
    them to memory first.
    """

    def total(x):
        x = x.astype(jnp.uint8) if x.dtype == bool else x
        return jnp.sum(x, dtype=jnp.float32)

    return sum(map(total, [*jax.tree.leaves(observation), reward]), jnp.float32(0))


def draw_actions(env: eqenvs.AbstractEnvironment, count: int) -> Any:
    """Uniformly random actions, as NumPy arrays with a leading axis of size `count`."""
    keys = jr.split(jr.key(0), count)
    actions = jax.jit(jax.vmap(lambda key: env.action_space.sample(key)))(keys)
    return jax.tree.map(np.asarray, actions)


def arrange(actions: Any, num_steps: int, num_envs: int) -> Any:
    """Drawn actions, with leading axes of steps and environments.

    They begin again from the first where there are not enough.
    """

    def leaf(x):
        return jnp.asarray(np.resize(x, (num_steps, num_envs, *x.shape[1:])))

    return jax.tree.map(leaf, actions)


def eqenvs_vector(env: eqenvs.AbstractEnvironment, num_envs: int) -> Loop:
    """Our `VectorEnvironment`, as `eqenvs.rollout` uses it."""
    envs = eqenvs.VectorEnvironment(env, num_envs)

    def start(key):
        reset_key, key = jr.split(key)
        _, states = envs.reset(reset_key)
        return key, states, jnp.float32(0)

    def advance(carry, actions):
        key, states, total = carry
        observation = envs.observe(states)
        key, step_key = jr.split(key)
        step = envs.step(step_key, states, actions)
        return key, step.state, total + digest(observation, step.reward)

    return Loop(start, advance)


def eqenvs_vmap(env: eqenvs.AbstractEnvironment, num_envs: int) -> Loop:
    """Our `jax.vmap(env.step)`, written as a user of gymnax writes it."""

    def start(key):
        reset_key, key = jr.split(key)
        return key, jax.vmap(env.reset)(jr.split(reset_key, num_envs)), jnp.float32(0)

    def advance(carry, actions):
        key, (_, states), total = carry
        key, step_key = jr.split(key)
        step = jax.vmap(env.step)(jr.split(step_key, num_envs), states, actions)
        total = total + digest(step.observation, step.reward)
        return key, (step.observation, step.state), total

    return Loop(start, advance)


def make_gymnax(id: str) -> tuple[Any, Any]:
    """gymnax's environment and its parameters."""
    return importlib.import_module("gymnax").make(id)


def gymnax_vmap(id: str, num_envs: int) -> Loop:
    """gymnax's `jax.vmap(env.step)`."""
    env, params = make_gymnax(id)

    def start(key):
        reset_key, key = jr.split(key)
        reset_keys = jr.split(reset_key, num_envs)
        lanes = jax.vmap(env.reset, (0, None))(reset_keys, params)
        return key, lanes, jnp.float32(0)

    def advance(carry, actions):
        key, (_, states), total = carry
        key, step_key = jr.split(key)
        keys = jr.split(step_key, num_envs)
        observations, states, reward, *_ = jax.vmap(env.step, (0, 0, 0, None))(
            keys, states, actions, params
        )
        return key, (observations, states), total + digest(observations, reward)

    return Loop(start, advance)


# The games of pgx-minatar: its modules and classes.
PGX_GAMES = {
    "Asterix-MinAtar": ("asterix", "MinAtarAsterix"),
    "Breakout-MinAtar": ("breakout", "MinAtarBreakout"),
    "Freeway-MinAtar": ("freeway", "MinAtarFreeway"),
    "Seaquest-MinAtar": ("seaquest", "MinAtarSeaquest"),
    "SpaceInvaders-MinAtar": ("space_invaders", "MinAtarSpaceInvaders"),
}


def pgx_vmap(id: str, num_envs: int) -> Loop:
    """pgx-minatar with pgx's automatic reset and, as elsewhere, no sticky actions."""
    module, name = PGX_GAMES[id]
    cls = getattr(importlib.import_module(f"pgx_minatar.{module}"), name)
    env = cls(sticky_action_prob=0.0)
    auto_reset = importlib.import_module("pgx.experimental").auto_reset
    step = jax.vmap(auto_reset(env.step, env.init))

    def start(key):
        reset_key, key = jr.split(key)
        return key, jax.vmap(env.init)(jr.split(reset_key, num_envs)), jnp.float32(0)

    def advance(carry, actions):
        key, states, total = carry
        key, step_key = jr.split(key)
        states = step(states, actions, jr.split(step_key, num_envs))
        return key, states, total + digest(states.observation, states.rewards)

    return Loop(start, advance)
