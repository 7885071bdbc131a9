"""The time as part of the observation, as in Gymnasium's wrapper of the same name.

If episodes are cut off at a time limit, an agent cannot tell how much is left unless it
knows the time: Pardo, Tavakoli, Levdik & Kormushev, "Time limits in reinforcement
learning" (ICML 2018, arXiv:1712.00378).
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, PyTree

from .._environment import AbstractEnvironment, Action, State
from ..fields import environment, flag
from ..spaces import AbstractSpace, Box, Dict, flat_space, flatten, Tuple
from ._wrapper import AbstractStatelessWrapper


class TimeAwareObservation(AbstractStatelessWrapper[State, Action, PyTree[Array]]):
    """Adds the number of steps since the start of the episode to the observation.

    A `Dict` observation gets an entry `"time"`, a `Tuple` one more entry at the end,
    and any other observation becomes `{"observation": ..., "time": ...}`. With
    `flatten`, all of it becomes one vector. The space of the time ends at `max_steps`
    of `env`, so put a `TimeLimit` inside this wrapper.
    """

    env: AbstractEnvironment[State, Action, Any] = environment()
    flatten: bool = flag(True, "Whether observations become one vector.")
    normalize_time: bool = flag(
        False, "Whether the time is divided by the time limit of `env`."
    )

    def observe(self, state: State) -> PyTree[Array]:
        time = state.time
        if self.normalize_time:
            time = time.astype(float) / self.env.max_steps.astype(float)
        observation = self._join(self.env.observe(state), time, tuple, dict)
        return flatten(self._space, observation) if self.flatten else observation

    @property
    def observation_space(self) -> AbstractSpace:
        return flat_space(self._space) if self.flatten else self._space

    @property
    def _space(self) -> AbstractSpace:
        if self.normalize_time:
            time = Box(0.0, 1.0, ())
        else:
            time = Box(0, self.env.max_steps, (), jnp.int32)
        return self._join(self.env.observation_space, time, Tuple, Dict)

    def _join(self, value: Any, time: Any, tuple: Any, dict: Any) -> Any:
        """Joins the time to an observation, or its space to a space."""
        space = self.env.observation_space
        if isinstance(space, Dict):
            parts = value.spaces if dict is Dict else value
            return dict({**parts, "time": time})
        if isinstance(space, Tuple):
            parts = value.spaces if tuple is Tuple else value
            return tuple((*parts, time))
        return dict({"observation": value, "time": time})
