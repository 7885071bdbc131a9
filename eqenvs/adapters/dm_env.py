"""dm_env: an environment as a `dm_env.Environment`.

Written for dm_env 1.6 (https://github.com/google-deepmind/dm_env). Truncated episodes
end with a discount of 1, terminated ones with a discount of 0.
"""

from typing import Any

import dm_env
import numpy as np
from dm_env import specs

from .._environment import AbstractEnvironment
from ..spaces import AbstractSpace, Box, Dict, Discrete, MultiDiscrete, Tuple
from ._actions import name_of_action, to_arrays
from ._program import program_of_one, words_of


def to_dm_env(env: AbstractEnvironment, seed: int = 0) -> "DmEnvironment":
    """Turns an environment into a `dm_env.Environment`.

    ```python
    env = to_dm_env(CartPole())
    time_step = env.reset()
    time_step = env.step(1)
    ```

    **Arguments:**

    - `env`: an environment.
    - `seed`: an integer; the same seed gives the same episodes.

    **Returns:**

    A `dm_env.Environment`.

    **Raises:**

    `TypeError` if `env` is not an environment, or dm_env has no specification for one
    of its spaces.
    """
    if not isinstance(env, AbstractEnvironment):
        raise TypeError(f"env must be an environment; got {env!r}.")
    return DmEnvironment(env, seed)


class DmEnvironment(dm_env.Environment):
    """The environment that [`eqenvs.adapters.to_dm_env`][] returns."""

    def __init__(self, env: AbstractEnvironment, seed: int = 0):
        self.env = env
        self._action_spec = _to_spec(env.action_space, "action")
        self._observation_spec = _to_spec(env.observation_space, "observation")
        self._to_arrays = to_arrays(env.action_space, name_of_action(env))
        self._program = program_of_one(env)
        # Those of the first reset; after that, the key goes on.
        self._words: Any = words_of(seed)
        self._is_over = True

    @property
    def state(self) -> Any:
        """The current state; `None` before the first reset."""
        return self._program.carry

    def reset(self) -> dm_env.TimeStep:
        observation = self._program.start(self._words)
        self._words = None
        self._is_over = False
        return dm_env.restart(observation)

    def step(self, action: Any) -> dm_env.TimeStep:
        if self._is_over:
            return self.reset()
        observation, numbers, _ = self._program.step(self._to_arrays(action))
        reward, terminated, truncated = numbers.tolist()
        self._is_over = terminated != 0 or truncated != 0
        if terminated:
            return dm_env.termination(reward, observation)
        if truncated:
            return dm_env.truncation(reward, observation)
        return dm_env.transition(reward, observation)

    def action_spec(self) -> Any:
        return self._action_spec

    def observation_spec(self) -> Any:
        return self._observation_spec


def _to_spec(space: AbstractSpace, name: str) -> Any:
    match space:
        case Discrete():
            return specs.DiscreteArray(space.n, np.int32, name)
        case MultiDiscrete():
            last = np.asarray(space.nvec) - 1
            return specs.BoundedArray(space.shape, space.dtype, 0, last, name)
        case Box():
            low, high = np.asarray(space.low), np.asarray(space.high)
            return specs.BoundedArray(space.shape, space.dtype, low, high, name)
        case Tuple():
            return tuple(
                _to_spec(x, f"{name}[{i}]") for i, x in enumerate(space.spaces)
            )
        case Dict():
            return {k: _to_spec(x, f"{name}.{k}") for k, x in space.spaces.items()}
        case _:
            raise TypeError(f"dm_env has no specification for the space {space!r}.")
