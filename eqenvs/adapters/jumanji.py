"""Jumanji's environments in eqenvs.

Written for Jumanji 1.1 (https://github.com/instadeepai/jumanji). An episode that ends
with a discount of 0 has terminated; with any other discount, it is truncated.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Int32, UInt32

from .._environment import NO_LIMIT
from ..fields import time_limit
from ..spaces import AbstractSpace, Box, Dict, Discrete, MultiDiscrete
from ._foreign import (
    AbstractForeignEnvironment,
    check_single,
    library,
    limit_of,
    Original,
    original,
    Outcome,
    seedless_key,
    unbounded_box,
)


class FromJumanji(AbstractForeignEnvironment):
    """An environment of Jumanji, which [`eqenvs.adapters.from_jumanji`][] returns.

    **Observation, action, reward, start and end:** those of the original. An
    observation that is a named tuple becomes a dictionary.

    **Source:** Jumanji.
    """

    original: Original = original()
    max_steps: Int32[Array, ""] = time_limit(NO_LIMIT)

    def _start_original(
        self, env: Any, key: UInt32[Array, " words"]
    ) -> tuple[Any, Any]:
        state, step = env.reset(key)
        return state, step.observation

    def _step_original(
        self, env: Any, key: UInt32[Array, " words"], inner: Any, action: Any
    ) -> Outcome:
        del key
        state, step = env.step(inner, action)
        terminated = step.last() & (step.discount == 0)
        truncated = step.last() & (step.discount != 0)
        return Outcome(
            state, step.observation, step.reward, terminated, truncated, step.extras
        )


def from_jumanji(env: Any, *, max_steps: ArrayLike | None = None) -> FromJumanji:
    """Turns an environment of Jumanji into one of eqenvs.

    ```python
    env = from_jumanji(jumanji.make("Snake-v1"))  # or eqenvs.make("jumanji:Snake-v1")
    ```

    All random numbers of an episode follow from the key of its reset.

    **Arguments:**

    - `env`: a `jumanji.Environment`, not batched, without automatic reset, and with one
        reward.
    - `max_steps`: a time limit in addition to the original's own; none by default.

    **Returns:**

    An environment.

    **Raises:**

    `TypeError` or `ValueError` if `env` is not such an environment.
    """
    jumanji = library("jumanji", "eqenvs.adapters.from_jumanji", "jumanji")
    if not isinstance(env, jumanji.Environment):
        raise TypeError(f"env must be an environment of Jumanji; got {env!r}.")
    return _from_jumanji(env, max_steps, None)


def _from_jumanji(env: Any, max_steps: ArrayLike | None, made: Any) -> FromJumanji:
    return FromJumanji(Original(env, _look, made), limit_of(max_steps, None))


def _look(env: Any) -> tuple[AbstractSpace, AbstractSpace]:
    wrappers = library("jumanji.wrappers", "from_jumanji", "jumanji")

    inside = env
    while isinstance(inside, wrappers.Wrapper):
        if isinstance(inside, wrappers.AutoResetWrapper):
            raise ValueError(
                "env resets automatically, as environments of eqenvs do anyway. Adapt "
                "it without Jumanji's `AutoResetWrapper`."
            )
        inside = inside._env
    step = jax.eval_shape(env.reset, seedless_key())[1]
    check_single(
        step.reward,
        "Adapt the environment before batching it. If each of its agents has a reward, "
        "turn them into one: `jumanji.wrappers.MultiToSingleWrapper(env)`.",
    )
    return _from_spec(env.action_spec), _from_spec(env.observation_spec)


def _from_spec(spec: Any) -> AbstractSpace:
    """Converts a specification of Jumanji to a space."""
    specs = library("jumanji.specs", "from_jumanji", "jumanji")

    match spec:
        case specs.DiscreteArray():
            return Discrete(int(spec.num_values))
        case specs.MultiDiscreteArray():
            sizes = np.asarray(spec.num_values)
            if sizes.ndim == 1:
                return MultiDiscrete(tuple(map(int, sizes)))
            return Box(0, sizes - 1, sizes.shape, spec.dtype)
        case specs.BoundedArray():
            return Box(spec.minimum, spec.maximum, tuple(spec.shape), spec.dtype)
        case specs.Array():
            return unbounded_box(tuple(spec.shape), spec.dtype)
        case _:
            return Dict({name: _from_spec(x) for name, x in spec._specs.items()})


def make(
    name: str, *, max_steps: ArrayLike | None = None, **parameters: Any
) -> FromJumanji:
    """Makes `"jumanji:NAME"` for [`eqenvs.make`][].

    **Arguments:**

    - `name`: a name that `jumanji.make` knows.
    - `max_steps`: a time limit in addition to the original's own.
    - `**parameters`: further arguments of that function.

    **Returns:**

    An environment.

    **Raises:**

    `ValueError` if Jumanji has no such environment.
    """
    jumanji = library("jumanji", f"jumanji:{name}", "jumanji")
    env = jumanji.make(name, **parameters)
    return _from_jumanji(env, max_steps, (f"jumanji:{name}", parameters))
