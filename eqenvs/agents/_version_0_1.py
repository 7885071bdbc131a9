"""Agents that eqenvs 0.1.0 saved: `run.json` and `agent.eqx`, without a learner."""

import pathlib
from typing import Any

import equinox as eqx
import jax.random as jr

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
    """The run in a folder, of which there is neither a learner nor any metrics."""
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
        (ppo.hidden_width, ppo.hidden_depth),
        torso="mlp",
        key=jr.key(0),
    )
    # The arrays in the order of that version, which held the bounds of the spaces too.
    weights = (agent.actor.layers, agent.critic.layers, agent.log_std)
    like = (weights, env.action_space, env.observation_space)
    try:
        weights, *_ = eqx.tree_deserialise_leaves(path, like)
    except Exception as error:
        raise ValueError(
            f"{path} is damaged, or does not fit {folder / 'run.json'}: {error}"
        ) from None
    agent = eqx.tree_at(
        lambda a: (a.actor.layers, a.critic.layers, a.log_std),
        agent,
        weights,
        is_leaf=lambda x: x is None,
    )
    return Run(env, ppo, agent, {}, None, record)
