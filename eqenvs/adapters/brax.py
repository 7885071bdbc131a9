"""Brax: an environment as a `brax.envs.Env`, and Brax's environments in eqenvs.

Written for Brax 0.14 (https://github.com/google/brax). Environments of Brax have no
time limit. Instead, `brax.envs.training.wrap` and Brax's agents take an
`episode_length`.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Int32, UInt32

from .._environment import AbstractEnvironment
from ..fields import time_limit
from ._foreign import (
    AbstractForeignEnvironment,
    library,
    limit_of,
    look_at_brax,
    needs,
    Original,
    original,
    Outcome,
)


def to_brax(env: AbstractEnvironment) -> Any:
    """Turns an environment into a `brax.envs.Env`.

    ```python
    train, inference, metrics = ppo.train(to_brax(Pendulum()), 100_000, 200)
    ```

    Brax's agents choose numbers from -1 to 1. For a bounded `Box`, these are mapped to
    its range, as in Brax's own environments. For a `Discrete` space, the index of the
    largest number is the action. Observations are flattened into a vector.

    `state.done` says whether the episode has terminated. The time limit is Brax's
    `episode_length`. Whether `env` was truncated is in `state.info["truncation"]`,
    which Brax's own wrapper overwrites.

    **Arguments:**

    - `env`: an environment with a bounded `Box` or a `Discrete` action space.

    **Returns:**

    A `brax.envs.Env`.

    **Raises:**

    `TypeError` if `env` is not such an environment.
    """
    with needs("eqenvs.adapters.to_brax", "brax"):
        from ._to_brax import BraxEnvironment
    return BraxEnvironment(env)


class FromBrax(AbstractForeignEnvironment):
    """An environment of Brax, which [`eqenvs.adapters.from_brax`][] returns.

    **Observation, action, reward, start and end:** those of the original.

    **Source:** Brax, or MuJoCo Playground.
    """

    original: Original = original()
    max_steps: Int32[Array, ""] = time_limit(1000)

    def _start_original(
        self, env: Any, key: UInt32[Array, " words"]
    ) -> tuple[Any, Any]:
        state = env.reset(key)
        return state, state.obs

    def _step_original(
        self, env: Any, key: UInt32[Array, " words"], inner: Any, action: Any
    ) -> Outcome:
        del key
        state = env.step(inner, action)
        truncated = state.info.get("truncation", jnp.asarray(False)).astype(bool)
        is_done = state.done.astype(bool)
        # With Brax's `EpisodeWrapper`, `done` stands for both ends of an episode.
        terminated = is_done & ~truncated
        return Outcome(
            state, state.obs, state.reward, terminated, truncated, dict(state.metrics)
        )


def from_brax(env: Any, *, max_steps: ArrayLike | None = None) -> FromBrax:
    """Turns an environment of Brax into one of eqenvs.

    ```python
    env = from_brax(brax.envs.get_environment("ant"))  # or eqenvs.make("brax:ant")
    ```

    All random numbers of an episode follow from the key of its reset.

    **Arguments:**

    - `env`: a `brax.envs.Env`, not batched and without automatic reset.
    - `max_steps`: the time limit; by default 1000, as in Brax.

    **Returns:**

    An environment.

    **Raises:**

    `TypeError` or `ValueError` if `env` is not such an environment.
    """
    envs = library("brax.envs", "eqenvs.adapters.from_brax", "brax")
    if not isinstance(env, envs.Env):
        raise TypeError(f"env must be an environment of Brax; got {env!r}.")
    return _from_brax(env, max_steps, None)


def _from_brax(env: Any, max_steps: ArrayLike | None, made: Any) -> FromBrax:
    held = Original(env, lambda env: look_at_brax(env, env.action_size), made)
    return FromBrax(held, limit_of(max_steps, 1000))


def make(
    name: str, *, max_steps: ArrayLike | None = None, **parameters: Any
) -> FromBrax:
    """Makes `"brax:NAME"` for [`eqenvs.make`][].

    **Arguments:**

    - `name`: a name that `brax.envs.get_environment` knows.
    - `max_steps`: the time limit.
    - `**parameters`: further arguments of that function.

    **Returns:**

    An environment.

    **Raises:**

    `ValueError` if Brax has no such environment.
    """
    envs = library("brax.envs", f"brax:{name}", "brax")
    if name not in envs._envs:
        raise ValueError(
            f"Brax has no environment {name!r}; it has {', '.join(sorted(envs._envs))}."
        )
    env = envs.get_environment(name, **parameters)
    return _from_brax(env, max_steps, (f"brax:{name}", parameters))
