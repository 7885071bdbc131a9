"""Environments of `jax-envelope`, which include those of Craftax and others.

Written for jax-envelope 0.6 (https://pypi.org/project/jax-envelope), which needs
Python 3.12.
"""

from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, ArrayLike, Int32, UInt32

from .._environment import NO_LIMIT
from ..fields import time_limit
from ..spaces import AbstractSpace, Box, Dict, Discrete, MultiDiscrete, Tuple
from ._foreign import (
    AbstractForeignEnvironment,
    library,
    limit_of,
    Original,
    original,
    Outcome,
    parts_of,
)


class FromEnvelope(AbstractForeignEnvironment):
    """An environment of jax-envelope: see [`eqenvs.adapters.from_envelope`][].

    **Observation, action, reward, start and end:** those of the original.

    **Source:** jax-envelope.
    """

    original: Original = original()
    max_steps: Int32[Array, ""] = time_limit(NO_LIMIT)

    def _start_original(
        self, env: Any, key: UInt32[Array, " words"]
    ) -> tuple[Any, Any]:
        state, info = env.init(jr.wrap_key_data(key))
        return state, info.obs

    def _step_original(
        self, env: Any, key: UInt32[Array, " words"], inner: Any, action: Any
    ) -> Outcome:
        del key
        state, info = env.step(inner, action)
        return Outcome(state, info.obs, info.reward, info.terminated, info.truncated)


def from_envelope(env: Any, *, max_steps: ArrayLike | None = None) -> FromEnvelope:
    """Turns an environment of `jax-envelope` into one of eqenvs.

    ```python
    env = from_envelope(envelope.create("craftax::Craftax-Symbolic-v1"))
    ```

    All random numbers of an episode follow from the key of its start. Each episode
    begins with `init`, so nothing carries over.

    **Arguments:**

    - `env`: an `envelope.Environment`, not batched and without automatic reset.
    - `max_steps`: a time limit in addition to the original's own; none by default.

    **Returns:**

    An environment.

    **Raises:**

    `TypeError` or `ValueError` if `env` is not such an environment.
    """
    envelope = library("envelope", "eqenvs.adapters.from_envelope", "envelope")
    if not isinstance(env, envelope.Environment):
        raise TypeError(f"env must be an environment of jax-envelope; got {env!r}.")
    return _from_envelope(env, max_steps, None)


def _from_envelope(env: Any, max_steps: ArrayLike | None, made: Any) -> FromEnvelope:
    return FromEnvelope(Original(env, _look, made), limit_of(max_steps, None))


def _look(env: Any) -> tuple[AbstractSpace, AbstractSpace]:
    envelope = library("envelope", "from_envelope", "envelope")

    inside = env
    while isinstance(inside, envelope.Wrapper):
        if isinstance(inside, envelope.AutoResetWrapper):
            raise ValueError(
                "env resets automatically, as environments of eqenvs do anyway. Adapt "
                "it without `AutoResetWrapper`."
            )
        inside = inside.env
    if isinstance(env.action_space, envelope.BatchedSpace):
        raise ValueError("env is batched. Adapt the environment before batching it.")
    return _from_space(env.action_space), _from_space(env.observation_space)


def _from_space(space: Any) -> AbstractSpace:
    """Converts a space of jax-envelope."""
    envelope = library("envelope", "from_envelope", "envelope")

    match space:
        case envelope.Discrete():
            sizes = np.asarray(space.n)
            if sizes.ndim == 0:
                return Discrete(int(sizes))
            if sizes.ndim == 1:
                return MultiDiscrete(tuple(map(int, sizes)))
            return Box(0, sizes - 1, sizes.shape, jnp.int32)
        case envelope.Continuous():
            return Box(
                np.asarray(space.low), np.asarray(space.high), space.shape, space.dtype
            )
        case envelope.PyTreeSpace():
            return _from_space(space.tree)
        case tuple() | list():
            return Tuple(tuple(map(_from_space, space)))
        case _:
            parts = parts_of(space) or {}
            return Dict({name: _from_space(x) for name, x in parts.items()})


def make(
    name: str, *, max_steps: ArrayLike | None = None, **parameters: Any
) -> FromEnvelope:
    """Makes `"envelope:SUITE::NAME"` for [`eqenvs.make`][].

    **Arguments:**

    - `name`: a name that `envelope.create` knows, such as `"gymnax::CartPole-v1"`.
    - `max_steps`: a time limit in addition to the original's own.
    - `**parameters`: further arguments of that function.

    **Returns:**

    An environment.

    **Raises:**

    `ValueError` if there is no such environment.
    """
    envelope = library("envelope", f"envelope:{name}", "envelope")
    env = envelope.create(name, **parameters)
    return _from_envelope(env, max_steps, (f"envelope:{name}", parameters))
