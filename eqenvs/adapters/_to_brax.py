"""The class behind `to_brax`, in a separate module because it needs Brax."""

import importlib
from typing import Any

import jax.numpy as jnp
import jax.random as jr

from .._environment import AbstractEnvironment
from ..spaces import flat_space, flatten
from ._actions import from_numbers, num_numbers


brax: Any = importlib.import_module("brax.envs.base")


class BraxEnvironment(brax.Env):
    """The environment that [`eqenvs.adapters.to_brax`][] returns."""

    def __init__(self, env: AbstractEnvironment):
        if not isinstance(env, AbstractEnvironment):
            raise TypeError(f"env must be an environment; got {env!r}.")
        self.env = env
        self._action_size = num_numbers(env.action_space, "to_brax")
        self._observation_size = flat_space(env.observation_space).shape[0]

    def reset(self, rng: Any) -> Any:
        """Starts an episode: `env.reset(first)` of `first, second = split(rng)`."""
        now, later = jr.split(rng)
        observation, state = self.env.reset(now)
        zero = jnp.zeros(())
        return brax.State(
            pipeline_state=state,
            obs=flatten(self.env.observation_space, observation),
            reward=zero,
            done=zero,
            metrics={},
            info={"rng": later, "truncation": zero},
        )

    def step(self, state: Any, action: Any) -> Any:
        """`env.advance(first, ...)` of `first, second = split(state.info["rng"])`."""
        now, later = jr.split(state.info["rng"])
        action = from_numbers(self.env.action_space, action)
        step = self.env.advance(now, state.pipeline_state, action)
        done = step.terminated.astype(step.reward.dtype)
        truncation = step.truncated.astype(step.reward.dtype)
        return state.replace(
            pipeline_state=step.state,
            obs=flatten(self.env.observation_space, step.observation),
            reward=step.reward,
            done=done,
            info={**state.info, "rng": later, "truncation": truncation * (1 - done)},
        )

    @property
    def observation_size(self) -> int:
        """The number of entries of a flattened observation."""
        return self._observation_size

    @property
    def action_size(self) -> int:
        """The size of an action vector."""
        return self._action_size

    @property
    def backend(self) -> str:
        """The name of the physics backend, which is not one of Brax's."""
        return "eqenvs"
