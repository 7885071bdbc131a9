"""Compiled functions for adapters whose other side is Python and NumPy.

What a call of a compiled function costs depends on the number of arrays that go in and
come out. So everything that there is between two calls, which is the words of a key, a
state and whatever the last step returned, is kept in one array for each dtype.
"""

import dataclasses
import functools as ft
import math
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, PyTree

from .._environment import AbstractEnvironment
from .._fusion import computed_apart
from .._stop import with_short_errors
from .._vector import VectorEnvironment
from ..random import key as key_from_seed
from ..random._pcg3d import IMPLEMENTATION


# Leaves of fewer bytes share an array. To copy more takes longer than to pass an array.
_SMALL = 2**16


@dataclasses.dataclass(frozen=True)
class Packing:
    """How the leaves of a pytree are put into a few arrays, and found there again.

    - `structure`: that of the pytree.
    - `leaves`: the shape and the dtype of each leaf.
    """

    structure: Any
    leaves: tuple[tuple[tuple[int, ...], Any], ...]

    @classmethod
    def of(cls, tree: PyTree) -> "Packing":
        """For pytrees like this one."""
        leaves, structure = jtu.tree_flatten(tree)
        return cls(structure, tuple((x.shape, x.dtype) for x in leaves))

    @ft.cached_property
    def groups(self) -> list[list[int]]:
        """The leaves in each array: the small ones of a dtype together, the large ones
        alone."""
        groups: dict[Any, list[int]] = {}
        for i, (shape, dtype) in enumerate(self.leaves):
            is_small = math.prod(shape) * dtype.itemsize < _SMALL
            # Arrays of keys have another dtype.
            is_shared = is_small and isinstance(dtype, np.dtype)
            groups.setdefault(dtype if is_shared else i, []).append(i)
        return list(groups.values())

    @ft.cached_property
    def places(self) -> list[tuple[int, slice | None, tuple[int, ...]]]:
        """Where each leaf is: in which array, in which part of it (`None` if it has the
        array for itself), and in what shape."""
        places: dict[int, tuple[int, slice | None, tuple[int, ...]]] = {}
        for number, group in enumerate(self.groups):
            start = 0
            for i in group:
                shape, _ = self.leaves[i]
                stop = start + math.prod(shape)
                part = None if len(group) == 1 else slice(start, stop)
                places[i] = (number, part, shape)
                start = stop
        return [places[i] for i in range(len(self.leaves))]

    def pack(self, tree: PyTree, numpy: Any = jnp) -> list[Any]:
        """The arrays that hold a pytree, concatenated by `jax.numpy` or `numpy`."""
        leaves = jtu.tree_leaves(tree)
        return [
            leaves[group[0]]
            if len(group) == 1
            else numpy.concatenate([numpy.ravel(leaves[i]) for i in group])
            for group in self.groups
        ]

    def unpack(self, arrays: list[Any]) -> PyTree:
        """The pytree that arrays hold."""
        leaves = [_part(arrays, *place) for place in self.places]
        return jtu.tree_unflatten(self.structure, leaves)

    @property
    def struct(self) -> PyTree:
        """The shapes and dtypes of the pytree."""
        leaves = [jax.ShapeDtypeStruct(*leaf) for leaf in self.leaves]
        return jtu.tree_unflatten(self.structure, leaves)

    def zeros(self) -> list[Array]:
        """Arrays of the right shapes that mean nothing."""
        arrays = jax.eval_shape(self.pack, self.struct)
        return [jnp.zeros(x.shape, x.dtype) for x in arrays]


def _part(
    arrays: list[Any], number: int, part: slice | None, shape: tuple[int, ...]
) -> Any:
    array = arrays[number]
    return array if part is None else array[part].reshape(shape)


class Program:
    """An environment, or many, played from Python."""

    def __init__(
        self,
        loop: AbstractEnvironment | VectorEnvironment,
        start: Callable[..., Any],
        step: Callable[..., Any],
        carry: PyTree,
        action: PyTree,
    ):
        """**Arguments:**

        - `loop`: an environment, or many.
        - `start`: `start(loop, key, carry, ...) -> (carry, observation)`; like `step`,
            it stands at the top level of a module.
        - `step`: `step(loop, key, carry, action) -> (carry, (observation, ...))`.
        - `carry`: shapes and dtypes of what goes from one call to the next.
        - `action`: shapes and dtypes of an action.
        """
        packing = Packing.of(loop)
        self._loop = jax.device_put(packing.pack(jax.tree.map(_on_host, loop), np))
        self._compiled = _compiled(
            start, step, packing, Packing.of(carry), Packing.of(action)
        )
        self._arrays: Any = None

    @property
    def carry(self) -> Any:
        """What goes into the next call; `None` before the first one."""
        return None if self._arrays is None else self._compiled.carry(self._arrays)

    @with_short_errors
    def start(self, words: Any, *args: Any) -> Any:
        """Calls `start`.

        **Arguments:**

        - `words`: those of a key; `None` for the key that the last call left.
        - `args`: further arguments.

        **Returns:**

        The observation, as NumPy arrays.
        """
        compiled, arrays = self._compiled, self._arrays
        if arrays is None:
            arrays = compiled.record.zeros()
        elif words is None:
            words = _part(arrays, *compiled.record.places[0])
        self._arrays = compiled.start(self._loop, arrays, words, *args)
        return compiled.read(self._arrays)[0]

    @with_short_errors
    def step(self, action: Any) -> Any:
        """Calls `step`.

        **Arguments:**

        - `action`: an action.

        **Returns:**

        What `step` returns besides the carry, as NumPy arrays.
        """
        compiled = self._compiled
        self._arrays = arrays = compiled.step(self._loop, self._arrays, action)
        return compiled.read(arrays)


class _Compiled:
    """The functions of a program, compiled when they are first used."""

    def __init__(
        self, start: Any, step: Any, loop: Packing, carry: Packing, action: Packing
    ):
        self._start, self._step = jax.jit(start), jax.jit(step)
        self._loop, self._carry, self._action = loop, carry, action

    @ft.cached_property
    def record(self) -> Packing:
        """What is between two calls: the words of a key, the carry, the results."""
        key = key_from_seed(0)
        args = (self._loop.struct, key, self._carry.struct, self._action.struct)
        record = jax.eval_shape(
            lambda *args: (jr.key_data(key), *self._step(*args)), *args
        )
        return Packing.of(record)

    @ft.cached_property
    def start(self) -> Callable[..., Any]:
        @jax.jit
        def start(loop: Any, arrays: Any, words: Any, *args: Any) -> Any:
            _, carry, results = self.record.unpack(arrays)
            loop, words, now = _first(self._loop, loop, words)
            carry, observation = self._start(loop, now, carry, *args)
            others = jax.tree.map(jnp.zeros_like, results[1:])
            return self.record.pack((words, carry, (observation, *others)))

        return start

    @ft.cached_property
    def step(self) -> Callable[..., Any]:
        @jax.jit
        def step(loop: Any, arrays: Any, action: Any) -> Any:
            words, carry, _ = self.record.unpack(arrays)
            loop, words, now = _first(self._loop, loop, words)
            carry, results = self._step(loop, now, carry, action)
            return self.record.pack((words, carry, results))

        return step

    @ft.cached_property
    def carry(self) -> Callable[..., Any]:
        return jax.jit(lambda arrays: self.record.unpack(arrays)[1])

    @ft.cached_property
    def read(self) -> Callable[..., Any]:
        """A function from the arrays to the results, as views of as few of them as
        possible."""
        structure = self.record.structure.children()[2]
        places = self.record.places[-structure.num_leaves :]
        numbers = sorted({number for number, *_ in places})

        def read(arrays: list[Any]) -> Any:
            _wait(arrays[0])
            arrays = list(arrays)
            for number in numbers:
                arrays[number] = _on_host(arrays[number])
            leaves = [_part(arrays, *place) for place in places]
            return jtu.tree_unflatten(structure, leaves)

        return read


_compiled = ft.lru_cache(maxsize=256)(_Compiled)


def _first(packing: Packing, loop: Any, words: Array) -> tuple[Any, Array, Any]:
    """The unpacked loop, the words of the next call's key, and the key of this one.

    XLA's CPU backend wakes up another thread when more than a few loops of a program
    could run at once, which takes longer than the loops of most environments. Computed
    apart, these count as a single loop, and what needs them has to wait.
    """

    def first(loop: Any, words: Array) -> tuple[Any, Array, Array]:
        key, now = jr.split(jr.wrap_key_data(words, impl=IMPLEMENTATION))
        return packing.unpack(loop), jr.key_data(key), jr.key_data(now)

    loop, words, now = computed_apart((words[0] & 1) < 2, first, loop, words)
    return loop, words, jr.wrap_key_data(now, impl=IMPLEMENTATION)


def _on_host(x: Any) -> Any:
    """An array of NumPy's, unless it has no such arrays."""
    return np.asarray(x) if isinstance(x.dtype, np.dtype) else x


# To be woken up takes tens of microseconds, and most steps do not take longer.
_CAN_SPIN = (
    len(os.sched_getaffinity(0)) > 1 if hasattr(os, "sched_getaffinity") else True
)
_NUM_SPINS = 1000


def _wait(array: Any) -> None:
    """Waits for a program, without sleeping at first."""
    if _CAN_SPIN:
        for _ in range(_NUM_SPINS):
            if array.is_ready():
                return


def words_of(seed: int | np.integer) -> np.ndarray:
    """The words of the fast key of a seed."""
    return np.asarray(jr.key_data(key_from_seed(seed)))


# What the adapters of one environment compile.


def program_of_one(env: AbstractEnvironment) -> Program:
    """A program of one environment without automatic reset."""
    _, state = jax.eval_shape(env.reset, jr.key(0))
    action = jax.eval_shape(env.action_space.sample, jr.key(0))
    return Program(env, _reset_one, _advance_one, state, action)


def _reset_one(env: AbstractEnvironment, key: Any, state: Any) -> Any:
    del state
    observation, state = env.reset(key)
    return state, observation


def _advance_one(env: AbstractEnvironment, key: Any, state: Any, action: Any) -> Any:
    step = env.advance(key, state, action)
    # Booleans would be one more array.
    flags = [x.astype(float) for x in (step.terminated, step.truncated)]
    numbers = jnp.stack([step.reward, *flags])
    return step.state, (step.observation, numbers, step.info)
