"""Compiled functions for adapters whose other side is Python and NumPy.

A program takes and returns the words of a key and the leaves of a state. A call with a
few plain arrays takes half the time of a call with a typed key and modules.
"""

import functools as ft
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array

from .._environment import AbstractEnvironment
from .._vector import VectorEnvironment
from ..random import key as key_from_seed
from ..random._pcg3d import IMPLEMENTATION


class Program:
    """The compiled functions of an environment, shared by all of the same structure."""

    def __init__(self, loop: AbstractEnvironment | VectorEnvironment):
        self._leaves, self._structure = jtu.tree_flatten(loop)
        state = jax.eval_shape(loop.reset, jr.key(0))[1]
        self._state_leaves, self._state_structure = jtu.tree_flatten(state)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compiles a function.

        **Arguments:**

        - `function`: `function(loop, key, state, ...) -> (state, ...)`, defined at the
            top level of a module.

        **Returns:**

        A function `(words, state_leaves, ...) -> (words, state_leaves, ...)`.
        """
        compiled = _compile(function, self._structure, self._state_structure)
        return ft.partial(compiled, self._leaves)

    def state(self, leaves: Any) -> Any:
        """The state with these leaves; `None` if there are none yet."""
        if leaves is None:
            return None
        return jtu.tree_unflatten(self._state_structure, leaves)

    def no_state(self) -> list[Array]:
        """Placeholder leaves of the right shapes."""
        return [jnp.zeros(x.shape, x.dtype) for x in self._state_leaves]


@ft.lru_cache(maxsize=256)
def _compile(function: Any, structure: Any, state_structure: Any) -> Any:
    @jax.jit
    def compiled(leaves: Any, words: Any, state_leaves: Any, *args: Any) -> Any:
        loop = jtu.tree_unflatten(structure, leaves)
        state = jtu.tree_unflatten(state_structure, state_leaves)
        key, now = jr.split(jr.wrap_key_data(words, impl=IMPLEMENTATION))
        state, *results = function(loop, now, state, *args)
        return jr.key_data(key), jtu.tree_leaves(state), *results

    return compiled


def words_of(seed: int | np.integer) -> np.ndarray:
    """The words of the fast key of a seed."""
    return np.asarray(jr.key_data(key_from_seed(seed)))


def reset_one(env: AbstractEnvironment, key: Any, state: Any) -> Any:
    """Starts an episode of one environment: `(state, observation)`."""
    del state
    observation, state = env.reset(key)
    return state, observation


def advance_one(env: AbstractEnvironment, key: Any, state: Any, action: Any) -> Any:
    """One step of one environment: `(state, observation, numbers, info)`, where the
    numbers are the reward, `terminated` and `truncated`."""
    step = env.advance(key, state, action)
    # Fetching one array is faster than fetching three.
    flags = (x.astype(float) for x in (step.terminated, step.truncated))
    return step.state, step.observation, jnp.stack([step.reward, *flags]), step.info
