"""Spaces: the sets that actions and observations come from.

A space is a pytree like everything else here. What decides a shape is static; the
bounds of a [`eqenvs.spaces.Box`][] are arrays, so they may depend on an environment's
parameters and be batched with them.
"""

import functools as ft
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int32, Key, PyTree, Shaped

from ._bound import AbstractValue
from .random import below


class AbstractSpace(AbstractValue):
    """A set of values, all with the same structure, shapes and dtypes."""

    def sample(self, key: Key[Array, ""]) -> PyTree[Array]:
        """Draws one element at random.

        **Arguments:**

        - `key`: a JAX PRNG key.

        **Returns:**

        An element of the space; uniformly distributed where the space is bounded.
        """
        raise NotImplementedError

    def contains(self, value: PyTree[ArrayLike]) -> Bool[Array, ""]:
        """Whether `value`, which has the space's structure, lies in the space."""
        raise NotImplementedError

    def check(self, value: PyTree[Any], name: str = "value") -> PyTree[Array]:
        """Checks the structure, the shape and the kind of dtype of `value`.

        The numbers themselves are not looked at, so this works inside `jax.jit`.

        **Arguments:**

        - `value`: what was given.
        - `name`: what to call it in an error message.

        **Returns:**

        `value` as arrays of the space's dtypes.

        **Raises:**

        `TypeError` or `ValueError`, naming what was given and what is allowed.
        """
        raise NotImplementedError

    def nearest(self, value: PyTree[Array]) -> PyTree[Array]:
        """The element of the space nearest to `value`, which has its shape and dtype.

        **Arguments:**

        - `value`: arrays, as `check` returns them.

        **Returns:**

        An element of the space, entry by entry the nearest; not a number where `value`
        is none.
        """
        raise NotImplementedError


class _Scalar(NamedTuple):
    """A number that was given as a Python or NumPy scalar, held as an array."""

    value: Array | np.ndarray


def hold_scalars(value: PyTree[Any]) -> PyTree[Any]:
    """Turns Python and NumPy scalars into arrays, so that they can be traced.

    What this returns can cross the boundary of `eqx.filter_jit` without a compilation
    for every number, and can then be given to [`eqenvs.spaces.AbstractSpace.check`][],
    which is more generous towards a scalar than towards an array.
    """
    if isinstance(value, jax.Array | np.ndarray):
        return value
    if isinstance(value, _SCALAR_TYPES):
        return _Scalar(np.asarray(value))
    return jax.tree.map(
        lambda x: hold_scalars(x) if isinstance(x, _SCALAR_TYPES) else x, value
    )


_SCALAR_TYPES = (bool, int, float, np.generic)


def check_scalars(env: Any, action: Any) -> None:
    """Raises if `action` is a number outside of a space of integers.

    Only Python and NumPy numbers are looked at: those of an array on a device would
    have to be waited for.

    **Arguments:**

    - `env`: what has an `action_space`.
    - `action`: an action, or several with a leading axis.
    """
    is_number = isinstance(action, int | np.integer) and not isinstance(action, bool)
    if not is_number and not isinstance(action, np.ndarray):
        return
    if isinstance(action, np.ndarray) and action.dtype.kind not in "iu":
        return
    space = env.action_space
    if isinstance(space, Discrete):
        sizes: Any = space.n
    elif isinstance(space, MultiDiscrete) and np.shape(action)[-1:] == space.shape:
        sizes = np.asarray(space.nvec)
    else:
        return
    if not np.all((np.asarray(action) >= 0) & (np.asarray(action) < sizes)):
        raise ValueError(
            f"the action of {type(env).__name__} must be in {space}; got {action}."
        )


def _check_array(
    value: Any, name: str, space: AbstractSpace, shape: tuple[int, ...], kinds: str
) -> Array:
    if isinstance(value, _SCALAR_TYPES):
        value = _Scalar(np.asarray(value))
    is_scalar = isinstance(value, _Scalar)
    if is_scalar:
        value = value.value
        kinds = kinds.replace("f", "fiu")  # 1 is a fine way to write 1.0
    if not isinstance(value, jax.Array | np.ndarray):
        is_short = value is None or isinstance(value, str)
        got = repr(value) if is_short else f"a {type(value).__name__}"
        raise TypeError(f"{name} must be an array in {space}; got {got}.")
    if jnp.issubdtype(value.dtype, jax.dtypes.extended) or (
        np.dtype(value.dtype).kind not in kinds and value.dtype != jnp.bfloat16
    ):
        raise TypeError(f"{name} must be in {space}; got the dtype {value.dtype}.")
    value = jnp.asarray(value)
    if is_scalar and math.prod(shape) == 1:
        value = value.reshape(shape)
    if value.shape != shape:
        hint = ""
        if value.shape[max(value.ndim - len(shape), 0) :] == shape:
            hint = " (For a batch, use `jax.vmap` or `VectorEnvironment`.)"
        raise ValueError(
            f"{name} must have shape {shape}, to be in {space}; got the shape "
            f"{value.shape}.{hint}"
        )
    return value


class Discrete(AbstractSpace):
    """The integers `0, 1, ..., n - 1`."""

    n: int = eqx.field(static=True)

    def __check_init__(self):
        if isinstance(self.n, bool) or not isinstance(self.n, int) or self.n < 1:
            raise ValueError(f"Discrete.n must be a positive integer; got {self.n!r}.")

    @property
    def shape(self) -> tuple[int, ...]:
        return ()

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int32)

    def sample(self, key: Key[Array, ""]) -> Int32[Array, ""]:
        return below(key, self.n)

    def contains(self, value: ArrayLike) -> Bool[Array, ""]:
        value = jnp.asarray(value)
        is_integer = jnp.issubdtype(value.dtype, jnp.integer) and value.shape == ()
        return is_integer & (value >= 0) & (value < self.n)

    def check(self, value: Any, name: str = "value") -> Int32[Array, ""]:
        return _check_array(value, name, self, (), "iu").astype(jnp.int32)

    def nearest(self, value: Int32[Array, ""]) -> Int32[Array, ""]:
        return jax.lax.clamp(np.int32(0), value, np.int32(self.n - 1))

    def __repr__(self) -> str:
        return f"Discrete({self.n})"


class MultiDiscrete(AbstractSpace):
    """Vectors of integers whose `i`-th entry is one of `0, 1, ..., nvec[i] - 1`."""

    nvec: tuple[int, ...] = eqx.field(static=True, converter=tuple)

    def __check_init__(self):
        if len(self.nvec) == 0 or any(n < 1 for n in self.nvec):
            raise ValueError(
                f"MultiDiscrete.nvec must be positive integers; got {self.nvec!r}."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.nvec),)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int32)

    def sample(self, key: Key[Array, ""]) -> Int32[Array, " entries"]:
        if len(set(self.nvec)) == 1:
            return below(key, self.nvec[0], self.shape)
        keys = jr.split(key, len(self.nvec))
        return jnp.stack([below(k, n) for k, n in zip(keys, self.nvec, strict=True)])

    def contains(self, value: ArrayLike) -> Bool[Array, ""]:
        value = jnp.asarray(value)
        if not jnp.issubdtype(value.dtype, jnp.integer) or value.shape != self.shape:
            return jnp.array(False)
        return jnp.all((value >= 0) & (value < jnp.array(self.nvec)))

    def check(self, value: Any, name: str = "value") -> Int32[Array, " entries"]:
        return _check_array(value, name, self, self.shape, "iu").astype(jnp.int32)

    def nearest(self, value: Int32[Array, " entries"]) -> Int32[Array, " entries"]:
        sizes = np.asarray(self.nvec, np.int32)
        return jax.lax.clamp(np.zeros_like(sizes), value, sizes - 1)

    def __repr__(self) -> str:
        return f"MultiDiscrete({self.nvec})"


class Box(AbstractSpace):
    """Arrays whose entries lie between `low` and `high`, both included.

    A bound may be infinite. The dtype is boolean, integer or floating-point; a Box
    of booleans has the bounds 0 and 1.
    """

    low: Shaped[Array, "..."]
    high: Shaped[Array, "..."]

    def __init__(
        self,
        low: ArrayLike,
        high: ArrayLike,
        shape: tuple[int, ...] | None = None,
        dtype: Any = float,
    ):
        """**Arguments:**

        - `low`: the lower bounds: a number, or an array of the shape of the space.
        - `high`: the upper bounds, likewise.
        - `shape`: the shape of the space; by default that of `low` and `high`
            broadcast together.
        - `dtype`: the dtype of the space; by default JAX's default float.
        """
        if shape is None:
            shape = jnp.broadcast_shapes(jnp.shape(low), jnp.shape(high))
        self.low = jnp.broadcast_to(jnp.asarray(low, dtype), shape)
        self.high = jnp.broadcast_to(jnp.asarray(high, dtype), shape)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.low.shape

    @property
    def dtype(self) -> np.dtype:
        return self.low.dtype

    def sample(self, key: Key[Array, ""]) -> Shaped[Array, "..."]:
        """Draws one element at random.

        Entries bounded on both sides are uniform, entries bounded on one side are
        the bound plus or minus an exponential, and unbounded entries are normal (as
        in Gymnasium). Integers are uniform and must be bounded.
        """
        if self.dtype == bool:
            return jr.bernoulli(key, shape=self.shape)
        if jnp.issubdtype(self.dtype, jnp.integer):
            return jr.randint(key, self.shape, self.low, self.high + 1, self.dtype)
        return self._sample_float(key)

    def _sample_float(self, key: Key[Array, ""]) -> Float[Array, "..."]:
        # Infinity minus infinity is not a number, so each case gets bounds that are
        # finite; `jnp.where` then picks the case that applies.
        has_low, has_high = jnp.isfinite(self.low), jnp.isfinite(self.high)
        low = jnp.where(has_low, self.low, 0)
        high = jnp.where(has_high, self.high, 0)
        uniform = jr.uniform(key, self.shape, self.dtype)
        interval = low * (1 - uniform) + high * uniform
        exponential = -jnp.log1p(-uniform)
        unit = jnp.finfo(self.dtype)
        normal = jax.scipy.stats.norm.ppf(
            jnp.clip(uniform, unit.tiny, 1 - unit.epsneg), 0, 1
        )
        sample = jnp.where(
            has_low,
            jnp.where(has_high, interval, low + exponential),
            jnp.where(has_high, high - exponential, normal),
        )
        return jnp.clip(sample, self.low, self.high).astype(self.dtype)

    def contains(self, value: ArrayLike) -> Bool[Array, ""]:
        value = jnp.asarray(value)
        if value.shape != self.shape or (value.dtype == bool) != (self.dtype == bool):
            return jnp.array(False)
        return jnp.all((value >= self.low) & (value <= self.high))

    def check(self, value: Any, name: str = "value") -> Shaped[Array, "..."]:
        kind = np.dtype(self.dtype).kind
        kinds = {"b": "b", "i": "iu", "u": "iu"}.get(kind, "f")
        return _check_array(value, name, self, self.shape, kinds).astype(self.dtype)

    def nearest(self, value: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
        return value if self.dtype == bool else jnp.clip(value, self.low, self.high)

    def __repr__(self) -> str:
        def describe(bound: Any) -> str:
            if not eqx.is_array(bound) or isinstance(bound, jax.core.Tracer):
                return "..."
            numbers = np.unique(np.asarray(bound))
            if numbers.size == 1:
                return f"{numbers[0]:.6g}"
            if bound.size <= 8:
                return np.array2string(np.asarray(bound), separator=", ")
            return "..."

        return (
            f"Box(low={describe(self.low)}, high={describe(self.high)}, "
            f"shape={self.shape}, dtype={self.dtype})"
        )


def _check_children(
    value: Any, children: Any, name: str, space: AbstractSpace, structure: type
) -> None:
    same = isinstance(value, structure) and (
        set(value) == set(children)
        if isinstance(children, Mapping)
        else len(value) == len(children)
    )
    if not same:
        raise TypeError(f"{name} must be in {space}; got {value!r}.")


class Tuple(AbstractSpace):
    """Tuples with one element from each of several spaces."""

    spaces: tuple[AbstractSpace, ...]

    def __init__(self, spaces: Sequence[AbstractSpace]):
        self.spaces = tuple(spaces)

    def sample(self, key: Key[Array, ""]) -> tuple[PyTree[Array], ...]:
        keys = jr.split(key, max(len(self.spaces), 1))
        return tuple(s.sample(k) for s, k in zip(self.spaces, keys, strict=False))

    def contains(self, value: tuple[PyTree[ArrayLike], ...]) -> Bool[Array, ""]:
        if not isinstance(value, tuple) or len(value) != len(self.spaces):
            return jnp.array(False)
        inside = [s.contains(v) for s, v in zip(self.spaces, value, strict=True)]
        return jnp.all(jnp.array(inside, dtype=bool))

    def check(self, value: Any, name: str = "value") -> tuple[PyTree[Array], ...]:
        _check_children(value, self.spaces, name, self, tuple)
        return tuple(
            s.check(v, f"{name}[{i}]")
            for i, (s, v) in enumerate(zip(self.spaces, value, strict=True))
        )

    def nearest(self, value: tuple[PyTree[Array], ...]) -> tuple[PyTree[Array], ...]:
        return tuple(s.nearest(v) for s, v in zip(self.spaces, value, strict=True))

    def __repr__(self) -> str:
        return f"Tuple({', '.join(map(repr, self.spaces))})"


class Dict(AbstractSpace):
    """Dictionaries with one value from each of several named spaces."""

    spaces: dict[str, AbstractSpace]

    def __init__(self, spaces: Mapping[str, AbstractSpace]):
        self.spaces = dict(spaces)

    def sample(self, key: Key[Array, ""]) -> dict[str, PyTree[Array]]:
        keys = jr.split(key, max(len(self.spaces), 1))
        return {
            name: self.spaces[name].sample(k)
            for name, k in zip(sorted(self.spaces), keys, strict=False)
        }

    def contains(self, value: dict[str, PyTree[ArrayLike]]) -> Bool[Array, ""]:
        if not isinstance(value, dict) or set(value) != set(self.spaces):
            return jnp.array(False)
        inside = [space.contains(value[name]) for name, space in self.spaces.items()]
        return jnp.all(jnp.array(inside, dtype=bool))

    def check(self, value: Any, name: str = "value") -> dict[str, PyTree[Array]]:
        _check_children(value, self.spaces, name, self, dict)
        return {
            key: space.check(value[key], f"{name}[{key!r}]")
            for key, space in self.spaces.items()
        }

    def nearest(self, value: dict[str, PyTree[Array]]) -> dict[str, PyTree[Array]]:
        return {key: space.nearest(value[key]) for key, space in self.spaces.items()}

    def __repr__(self) -> str:
        inside = ", ".join(f"{name!r}: {space}" for name, space in self.spaces.items())
        return f"Dict({{{inside}}})"


def flatten(space: AbstractSpace, value: PyTree[Array]) -> Float[Array, " size"]:
    """An element of a space as one vector of real numbers.

    **Arguments:**

    - `space`: a space.
    - `value`: an element of it.

    **Returns:**

    The numbers of a `Box`, row by row; a one-hot vector for an integer of a `Discrete`
    or `MultiDiscrete` space; for a `Tuple` or `Dict`, those of its parts one after the
    other, the latter in the order of their names.
    """
    match space:
        case Box():
            return jnp.ravel(value).astype(float)
        case Discrete():
            return jax.nn.one_hot(value, space.n)
        case MultiDiscrete():
            parts = [jax.nn.one_hot(value[i], n) for i, n in enumerate(space.nvec)]
        case Tuple():
            parts = [flatten(s, v) for s, v in zip(space.spaces, value, strict=True)]
        case Dict():
            parts = [flatten(space.spaces[k], value[k]) for k in sorted(space.spaces)]
        case _:
            raise TypeError(f"{space!r} cannot be flattened.")
    return jnp.concatenate(parts)


def flat_space(space: AbstractSpace) -> Box:
    """The space of what [`eqenvs.spaces.flatten`][] returns.

    **Arguments:**

    - `space`: a space.

    **Returns:**

    A `Box` of vectors.
    """

    def bounds(space: AbstractSpace) -> tuple[Array, Array]:
        match space:
            case Box():
                return flatten(space, space.low), flatten(space, space.high)
            case Discrete():
                return jnp.zeros(space.n), jnp.ones(space.n)
            case MultiDiscrete():
                return jnp.zeros(sum(space.nvec)), jnp.ones(sum(space.nvec))
            case Tuple():
                parts = list(space.spaces)
            case Dict():
                parts = [space.spaces[name] for name in sorted(space.spaces)]
            case _:
                raise TypeError(f"{space!r} cannot be flattened.")
        lows, highs = zip(*map(bounds, parts), strict=True)
        return jnp.concatenate(lows), jnp.concatenate(highs)

    return Box(*bounds(space))


def batch(
    space: AbstractSpace, size: int, *, is_batched: bool = False
) -> AbstractSpace:
    """The space of `size` elements of a space, stacked, as Gymnasium's `batch_space`.

    **Arguments:**

    - `space`: a space.
    - `size`: the size of the leading axis.
    - `is_batched`: whether the leaves of `space` already have this axis, with bounds
        of their own for each entry.

    **Returns:**

    A space of values with a leading axis: a `Box` for a `Box`, a `MultiDiscrete` for a
    `Discrete`, a `Box` of integers for a `MultiDiscrete`; tuples and dictionaries of
    these.
    """
    again = ft.partial(batch, size=size, is_batched=is_batched)
    match space:
        case Box():
            shape = space.shape if is_batched else (size, *space.shape)
            return Box(space.low, space.high, shape, space.dtype)
        case Discrete():
            return MultiDiscrete((space.n,) * size)
        case MultiDiscrete():
            last = np.asarray(space.nvec) - 1
            return Box(0, last, (size, *space.shape), jnp.int32)
        case Tuple():
            return Tuple(tuple(map(again, space.spaces)))
        case Dict():
            return Dict({name: again(inner) for name, inner in space.spaces.items()})
        case _:
            raise TypeError(f"{space!r} cannot be batched.")


def hull(space: AbstractSpace) -> AbstractSpace:
    """The smallest space that has all elements of several spaces.

    **Arguments:**

    - `space`: spaces that differ in their bounds: one whose leaves have a leading axis.

    **Returns:**

    A space whose leaves have no leading axis.
    """

    def one(space: Any) -> Any:
        low, high = jnp.min(space.low, axis=0), jnp.max(space.high, axis=0)
        return Box(low, high, dtype=space.dtype)

    return jax.tree.map(one, space, is_leaf=lambda x: isinstance(x, Box))


__all__ = [
    "AbstractSpace",
    "Box",
    "Dict",
    "Discrete",
    "MultiDiscrete",
    "Tuple",
    "batch",
    "flat_space",
    "flatten",
]
