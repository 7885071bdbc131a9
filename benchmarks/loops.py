"""Whole rollouts in the way that users of other libraries write them."""

import importlib
import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import eqenvs
from eqenvs.cli._measure import KEPT, Loop, Use, vmap_loop


def make_gymnax(id: str) -> tuple[Any, Any]:
    """gymnax's environment and its parameters."""
    return importlib.import_module("gymnax").make(id)


def gymnax_loop(id: str, num_envs: int, use: Use = KEPT) -> Loop:
    """gymnax's `jax.vmap(env.step)`."""
    env, params = make_gymnax(id)
    return vmap_loop(
        lambda key: env.reset(key, params),
        lambda key, state, action: env.step(key, state, action, params),
        num_envs,
        use,
    )


# The games of pgx-minatar: its modules and classes.
PGX_GAMES = {
    "Asterix-MinAtar": ("asterix", "MinAtarAsterix"),
    "Breakout-MinAtar": ("breakout", "MinAtarBreakout"),
    "Freeway-MinAtar": ("freeway", "MinAtarFreeway"),
    "Seaquest-MinAtar": ("seaquest", "MinAtarSeaquest"),
    "SpaceInvaders-MinAtar": ("space_invaders", "MinAtarSpaceInvaders"),
}


def pgx_loop(id: str, num_envs: int, use: Use = KEPT) -> Loop:
    """pgx-minatar with pgx's automatic reset and, as elsewhere, no sticky actions."""
    module, name = PGX_GAMES[id]
    cls = getattr(importlib.import_module(f"pgx_minatar.{module}"), name)
    env = cls(sticky_action_prob=0.0)
    auto_reset = importlib.import_module("pgx.experimental").auto_reset(
        env.step, env.init
    )

    def reset(key):
        state = env.init(key)
        return state.observation, state

    def step(key, state, action):
        state = auto_reset(state, action, key)
        return state.observation, state, state.rewards

    return vmap_loop(reset, step, num_envs, use)


# --- A policy -------------------------------------------------------------------------

HIDDEN_UNITS = (256, 256)


def flatten(observations: Any) -> jax.Array:
    """Observations with a leading axis of lanes, as rows of floats."""
    leaves = [
        x.reshape(x.shape[0], math.prod(x.shape[1:])).astype(jnp.float32)
        for x in jax.tree.leaves(observations)
    ]
    return jnp.concatenate(leaves, axis=1)


def network(action_space: Any) -> Callable[[Any], Any]:
    """A policy that asks a network with fixed random weights for its best actions."""
    is_discrete = isinstance(action_space, eqenvs.spaces.Discrete)
    outputs = action_space.n if is_discrete else math.prod(action_space.shape)

    def policy(observations: Any) -> jax.Array:
        x = flatten(observations)
        sizes = (x.shape[1], *HIDDEN_UNITS, outputs)
        draws = np.random.default_rng(0)
        for i, (inputs, units) in enumerate(itertools.pairwise(sizes)):
            if i > 0:
                x = jax.nn.relu(x)
            weights = draws.normal(size=(inputs, units)) / math.sqrt(inputs)
            x = x @ jnp.asarray(weights, jnp.float32)
        if is_discrete:
            return jnp.argmax(x, axis=1).astype(jnp.int32)
        actions = jnp.tanh(x).reshape(-1, *action_space.shape)
        return jnp.clip(actions, action_space.low, action_space.high)

    return policy


def by_network(action_space: Any) -> Use:
    """Plays the actions of [`network`][], which reads every observation."""
    return Use(lambda _, actions: actions, network(action_space))
