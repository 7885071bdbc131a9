"""Navix's environments in eqenvs.

Written for Navix 0.7 (https://github.com/epignatelli/navix), which has the environments
of MiniGrid.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Int32, UInt32

from .._environment import NO_LIMIT
from ..fields import time_limit
from ..spaces import AbstractSpace, Box, Discrete
from ._foreign import (
    AbstractForeignEnvironment,
    library,
    limit_of,
    Original,
    original,
    Outcome,
)


_TERMINATION = 2  # `navix.environments.environment.StepType.TERMINATION`


class FromNavix(AbstractForeignEnvironment):
    """An environment of Navix, which [`eqenvs.adapters.from_navix`][] returns.

    **Observation, action, reward, start and end:** those of the original.

    **Source:** Navix.
    """

    original: Original = original()
    max_steps: Int32[Array, ""] = time_limit(NO_LIMIT)

    def _start_original(
        self, env: Any, key: UInt32[Array, " words"]
    ) -> tuple[Any, Any]:
        step = env.reset(key)
        return step, step.observation

    def _step_original(
        self, env: Any, key: UInt32[Array, " words"], inner: Any, action: Any
    ) -> Outcome:
        del key
        # `env.step` would spend a step on a reset.
        step = env._step(inner, action)
        terminated = step.step_type == _TERMINATION
        # The observation and the state before are not part of what comes next.
        return Outcome(step, step.observation, step.reward, terminated)


def from_navix(env: Any, *, max_steps: ArrayLike | None = None) -> FromNavix:
    """Turns an environment of Navix into one of eqenvs.

    ```python
    env = from_navix(navix.make("Navix-DoorKey-5x5-v0"))
    ```

    All random numbers of an episode follow from the key of its reset.

    **Arguments:**

    - `env`: an environment that `navix.make` returned.
    - `max_steps`: the time limit; by default the original's own.

    **Returns:**

    An environment.

    **Raises:**

    `TypeError` if `env` is not an environment of Navix.
    """
    navix = library("navix", "eqenvs.adapters.from_navix", "navix")
    if not isinstance(env, navix.Environment):
        raise TypeError(f"env must be an environment of Navix; got {env!r}.")
    return _from_navix(env, max_steps, None)


def _from_navix(env: Any, max_steps: ArrayLike | None, made: Any) -> FromNavix:
    return FromNavix(Original(env, _look, made), limit_of(max_steps, env.max_steps))


def _look(env: Any) -> tuple[AbstractSpace, AbstractSpace]:
    observation = jax.eval_shape(lambda: env.reset(jax.random.PRNGKey(0)).observation)
    space = env.observation_space
    low, high = (np.asarray(x) for x in (space.minimum, space.maximum))
    if jnp.issubdtype(observation.dtype, jnp.integer):
        # Some of Navix's observations are outside the bounds of their space.
        limits = np.iinfo(observation.dtype)
        low, high = np.minimum(low, 0), np.maximum(high, min(255, limits.max))
    box = Box(low, high, observation.shape, observation.dtype)
    return Discrete(int(env.action_space.n)), box


def make(
    name: str, *, max_steps: ArrayLike | None = None, **parameters: Any
) -> FromNavix:
    """Makes `"navix:NAME"` for [`eqenvs.make`][].

    **Arguments:**

    - `name`: a name that `navix.make` knows.
    - `max_steps`: the time limit; by default that of `navix.make`, 100.
    - `**parameters`: further arguments of that function.

    **Returns:**

    An environment.

    **Raises:**

    `ValueError` if Navix has no such environment.
    """
    navix = library("navix", f"navix:{name}", "navix")
    if name not in navix.registry():
        raise ValueError(
            f"Navix has no environment {name!r}; it has "
            f"{', '.join(sorted(navix.registry()))}."
        )
    env = navix.make(name, **parameters)
    return _from_navix(env, max_steps, (f"navix:{name}", parameters))
