"""The class behind `to_evojax`, in a separate module because it needs EvoJAX."""

import importlib
from typing import Any

import jax
import jax.random as jr

from .._environment import AbstractEnvironment
from ..spaces import flat_space, flatten
from ._actions import from_numbers, num_numbers


evojax: Any = importlib.import_module("evojax.task.base")
struct: Any = importlib.import_module("flax.struct")


@struct.dataclass
class EvoJaxState(evojax.TaskState):
    """The state of an EvoJAX task.

    - `obs`: the flattened observation.
    - `state`: the state of the environment.
    - `key`: the key that later steps draw from.
    """

    obs: Any
    state: Any
    key: Any


class EvoJaxTask(evojax.VectorizedTask):
    """The task that [`eqenvs.adapters.to_evojax`][] returns."""

    def __init__(self, env: AbstractEnvironment, max_steps: int | None, test: bool):
        if not isinstance(env, AbstractEnvironment):
            raise TypeError(f"env must be an environment; got {env!r}.")
        self.env = env
        self.max_steps = int(env.max_steps) if max_steps is None else max_steps
        self.test = test
        self.obs_shape = flat_space(env.observation_space).shape
        self.act_shape = (num_numbers(env.action_space, "to_evojax"),)
        self._reset = jax.jit(jax.vmap(self._reset_one))
        self._step = jax.jit(jax.vmap(self._step_one))

    def _reset_one(self, key: Any) -> EvoJaxState:
        now, later = jr.split(key)
        observation, state = self.env.reset(now)
        return EvoJaxState(self._flat(observation), state, later)

    def _step_one(self, state: EvoJaxState, action: Any) -> Any:
        now, later = jr.split(state.key)
        action = from_numbers(self.env.action_space, action)
        step = self.env.step(now, state.state, action)
        done = step.terminated | step.truncated
        state = EvoJaxState(self._flat(step.observation), step.state, later)
        return state, step.reward, done

    def _flat(self, observation: Any) -> Any:
        return flatten(self.env.observation_space, observation)

    def reset(self, key: Any) -> EvoJaxState:
        """Starts an episode for each key."""
        return self._reset(key)

    def step(self, state: EvoJaxState, action: Any) -> Any:
        """Steps every lane: `(state, reward, done)`. Lanes that are done are reset."""
        return self._step(state, action)
