"""Agents on disk."""

import io
import json
import pathlib
from typing import Any

import equinox as eqx
import jax

from .._environment import AbstractEnvironment
from .._files import write_safely
from .._registry import make
from .networks import ActorCritic
from .ppo import PPO


def save_agent(path: pathlib.Path, agent: Any) -> None:
    """Saves the arrays of an agent."""
    buffer = io.BytesIO()
    eqx.tree_serialise_leaves(buffer, agent)
    write_safely(path, buffer.getvalue())


def load_agent(folder: pathlib.Path) -> tuple[AbstractEnvironment, Any]:
    """The environment and the agent that `eqenvs train` saved in a folder."""
    for name in ("run.json", "agent.eqx"):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"there is no saved agent in {folder}: {folder / name} is missing. "
                "`eqenvs train` prints the folder that it saves an agent in."
            )
    record = json.loads((folder / "run.json").read_text())
    env = make(record["id"], **record.get("parameters", {}))
    ppo = PPO(**record["ppo"])
    like = eqx.filter_eval_shape(
        lambda key: ActorCritic(
            env.observation_space,
            env.action_space,
            (ppo.hidden_width, ppo.hidden_depth),
            key=key,
        ),
        jax.random.key(0),
    )
    return env, eqx.tree_deserialise_leaves(folder / "agent.eqx", like)
