"""The class behind `to_stoa`, in a separate module because it needs Stoa."""

import importlib
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from .._environment import AbstractEnvironment
from ..spaces import AbstractSpace, Box, Dict, Discrete, MultiDiscrete, Tuple


stoa: Any = importlib.import_module("stoa")
base: Any = importlib.import_module("stoa.env_adapters.base")


class StoaEnvironment(stoa.Environment):
    """The environment that [`eqenvs.adapters.to_stoa`][] returns."""

    def __init__(self, env: AbstractEnvironment):
        if not isinstance(env, AbstractEnvironment):
            raise TypeError(f"env must be an environment; got {env!r}.")
        to_stoa_space(env.action_space)
        to_stoa_space(env.observation_space)
        self.env = env

    def _env(self, env_params: Any) -> AbstractEnvironment:
        return self.env if env_params is None else env_params

    def reset(self, rng_key: Any, env_params: Any = None) -> Any:
        """Starts an episode: `(state, timestep)`."""
        now, later = jr.split(rng_key)
        observation, state = self._env(env_params).reset(now)
        timestep = stoa.TimeStep(
            step_type=stoa.StepType.FIRST,
            reward=jnp.float32(0),
            discount=jnp.float32(1),
            observation=observation,
            extras=self._extras(env_params, state),
        )
        return base.AdapterStateWithKey(base_env_state=state, rng_key=later), timestep

    def step(self, state: Any, action: Any, env_params: Any = None) -> Any:
        """Takes a step: `(state, timestep)`."""
        now, later = jr.split(state.rng_key)
        step = self._env(env_params).advance(now, state.base_env_state, action)
        kind = jnp.where(
            step.terminated,
            stoa.StepType.TERMINATED,
            jnp.where(step.truncated, stoa.StepType.TRUNCATED, stoa.StepType.MID),
        )
        timestep = stoa.TimeStep(
            step_type=kind,
            reward=step.reward.astype(jnp.float32),
            discount=1 - step.terminated.astype(jnp.float32),
            observation=step.observation,
            extras=step.info,
        )
        return base.AdapterStateWithKey(
            base_env_state=step.state, rng_key=later
        ), timestep

    def _extras(self, env_params: Any, state: Any) -> Any:
        """An `info` of the structure that every step returns, with zeros."""
        env = self._env(env_params)

        def info(key: Any) -> Any:
            return env.advance(key, state, env.action_space.sample(key)).info

        struct = jax.eval_shape(info, jr.key(0))
        return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), struct)

    def observation_space(self, env_params: Any = None) -> Any:
        """The observation space."""
        return to_stoa_space(self._env(env_params).observation_space)

    def action_space(self, env_params: Any = None) -> Any:
        """The action space."""
        return to_stoa_space(self._env(env_params).action_space)

    def state_space(self, env_params: Any = None) -> Any:
        """Not available: states of eqenvs have no space."""
        raise NotImplementedError("States of eqenvs have no space.")

    def render(self, state: Any, env_params: Any = None) -> Any:
        """The picture of a state as an array of RGB pixels."""
        return self._env(env_params).render(state.base_env_state)


def to_stoa_space(space: AbstractSpace) -> Any:
    """A space as one of Stoa's."""
    match space:
        case Discrete():
            return stoa.DiscreteSpace(space.n, jnp.int32)
        case MultiDiscrete():
            return stoa.MultiDiscreteSpace(np.asarray(space.nvec), jnp.int32)
        case Box():
            return stoa.BoundedArraySpace(
                space.shape, space.dtype, space.low, space.high
            )
        case Tuple():
            return stoa.TupleSpace(tuple(map(to_stoa_space, space.spaces)))
        case Dict():
            return stoa.DictSpace(
                {name: to_stoa_space(x) for name, x in space.spaces.items()}
            )
        case _:
            raise TypeError(f"Stoa has no counterpart of the space {space!r}.")
