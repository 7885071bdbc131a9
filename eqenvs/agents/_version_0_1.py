"""Agents that eqenvs 0.1.0 saved: `run.json` and `agent.eqx`, without a learner."""

import pathlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PyTree

from .._registry import make
from .checkpoint import Run
from .networks import ActorCritic
from .ppo import PPO


_NEW_NAMES: dict[str, str] = {
    "clip": "clip_epsilon",
    "entropy_cost": "entropy_coefficient",
    "value_cost": "value_coefficient",
    "anneal": "anneal_learning_rate",
}


def load(folder: pathlib.Path, record: dict[str, Any]) -> Run:
    """The run in a folder, without a learner or metrics."""
    path = folder / "agent.eqx"
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no saved agent in {folder}: {path} is missing."
        )
    try:
        env = make(record["id"], **record.get("parameters", {}))
        settings = {
            _NEW_NAMES.get(name, name): value
            for name, value in record["ppo"].items()
            if name != "target_return"
        }
        ppo = PPO(torso="mlp", **settings)  # pyright: ignore[reportCallIssue]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{folder / 'run.json'} is damaged: {error}") from None
    agent = ActorCritic(
        env.observation_space,
        env.action_space,
        hidden_width=ppo.hidden_width,
        hidden_depth=ppo.hidden_depth,
        torso="mlp",
        key=jr.key(0),
    )
    weights = (agent.actor.layers, agent.critic.layers, agent.log_std)
    try:
        weights = _read(path, weights, (env.action_space, env.observation_space))
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(
            f"{path} is damaged, or does not match {folder / 'run.json'}: {error}"
        ) from None
    agent = eqx.tree_at(
        lambda a: (a.actor.layers, a.critic.layers, a.log_std),
        agent,
        weights,
        is_leaf=lambda x: x is None,
    )
    return Run(env, ppo, agent, {}, None, record)


def _read(path: pathlib.Path, weights: PyTree, bounds: PyTree) -> PyTree:
    """The weights in a file, in the current precision, followed by the bounds."""

    def read(like):
        array = np.load(file, allow_pickle=False)
        if array.shape != like.shape:
            raise ValueError(
                f"an array has the shape {array.shape} instead of {like.shape}."
            )
        return jnp.asarray(array, like.dtype)

    with path.open("rb") as file:
        weights = jax.tree.map(read, weights)
        jax.tree.map(read, bounds)
        if file.read(1):
            raise ValueError("there is data after the last array.")
    return weights
