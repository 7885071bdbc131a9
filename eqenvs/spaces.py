"""Spaces: the sets that actions and observations come from.

A space is a pytree like everything else here. What decides a shape is static; the
bounds of an [`eqenvs.spaces.Box`][] are arrays, so they may depend on an environment's
parameters and be batched with them.
"""

import functools as ft
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Key, PyTree, Shaped

from ._bound import AbstractValue
from ._checks import check_key, show
from ._fusion import computed_if_needed
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

    def contains(self, value: Any) -> Bool[Array, ""]:
        """Whether `value` is an element of the space.

        **Arguments:**

        - `value`: anything; a value of another structure, shape or kind of dtype is no
            element.

        **Returns:**

        A boolean scalar.
        """
        raise NotImplementedError

    def check(self, value: PyTree[Any], name: str = "value") -> PyTree[Array]:
        """Checks the structure, the shape and the kind of dtype of `value`.

        The values are not checked, so this works inside `jax.jit`.

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

        The nearest element, entry by entry; NaN where `value` is NaN.
        """
        raise NotImplementedError


class _Scalar(NamedTuple):
    """A number that was given as a Python or NumPy scalar, held as an array."""

    value: Array | np.ndarray


def is_held(value: Any) -> bool:
    """Whether `value` is a scalar that `hold_scalars` holds."""
    return isinstance(value, _Scalar)


def hold_scalars(value: PyTree[Any]) -> PyTree[Any]:
    """Turns Python and NumPy scalars into arrays, so that they can be traced.

    The result can cross the boundary of `eqx.filter_jit` without a compilation for
    every number, and can then be passed to [`eqenvs.spaces.AbstractSpace.check`][],
    which accepts more scalars than arrays.

    **Arguments:**

    - `value`: arrays and scalars, in tuples and dictionaries if need be.

    **Returns:**

    The same structure, with marked arrays for the scalars.
    """
    if isinstance(value, jax.Array | np.ndarray):
        return value
    if isinstance(value, _SCALAR_TYPES):
        return _Scalar(_as_numpy(value))

    def hold(x: Any) -> Any:
        if isinstance(x, _SCALAR_TYPES):
            return hold_scalars(x)
        if not isinstance(x, jax.Array | np.ndarray | Hashable):
            raise TypeError(f"an action must be an array, or arrays; got {x!r}.")
        return x

    return jax.tree.map(hold, value)


_SCALAR_TYPES = (bool, int, float, np.generic)


def _as_numpy(value: Any) -> np.ndarray:
    """A Python or NumPy scalar as an array; an integer that JAX may not have as a real
    number."""
    is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if is_integer and not -(2**31) <= value < 2**31:
        try:
            return np.asarray(float(value))
        except OverflowError:
            return np.asarray(math.inf if value > 0 else -math.inf)
    return np.asarray(value)


def check_scalars(loop: Any, action: Any) -> None:
    """Raises if `action` is a number outside a space of integers, or a single number or
    a list for many environments.

    Only Python and NumPy numbers are checked. Checking an array on a device would mean
    waiting for it.

    **Arguments:**

    - `loop`: an environment, or many.
    - `action`: an action, or several with a leading axis.
    """
    if isinstance(action, jax.Array):
        return
    if isinstance(action, (*_SCALAR_TYPES, str, list)) and loop._lane is not loop:
        raise TypeError(
            f"the actions of {type(loop._lane).__name__} must be arrays with a leading "
            f"axis of size num_envs={loop.num_envs}; got {show(action)}."
        )
    # Making the space takes time, so it is made only where there are such numbers.
    if any(map(_is_known_integer, jax.tree.leaves(action))):
        env = loop._lane
        _check_integers(env.action_space, action, f"the action of {type(env).__name__}")


def _is_known_integer(value: Any) -> bool:
    """Whether `value` is an integer, or several, that no device has to be asked for."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "iu"
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _check_integers(space: AbstractSpace, action: Any, name: str) -> None:
    match space:
        case Tuple() if isinstance(action, tuple):
            for i, (part, x) in enumerate(zip(space.spaces, action, strict=False)):
                _check_integers(part, x, f"{name}[{i}]")
        case Dict() if isinstance(action, dict):
            for key in space.spaces.keys() & action.keys():
                _check_integers(space.spaces[key], action[key], f"{name}[{key!r}]")
        case _ if _is_known_integer(action):
            _check_range(space, action, name)


def _check_range(space: AbstractSpace, action: Any, name: str) -> None:
    lowest: Any = 0
    if isinstance(space, Discrete):
        highest: Any = space.n - 1
    elif isinstance(space, MultiDiscrete) and np.shape(action)[-1:] == space.shape:
        highest = np.asarray(space.nvec) - 1
    elif isinstance(space, Box) and jnp.issubdtype(space.dtype, jnp.integer):
        lowest, highest = _limits(space.dtype)
    else:
        return
    if not np.all((action >= lowest) & (action <= highest)):
        raise ValueError(f"{name} must be in {space}; got {action}.")


def _check_array(value: Any, name: str, space: Any, *kinds: Any) -> Array:
    """Returns `value` as an array of the shape and dtype of `space`, or raises.

    **Arguments:**

    - `value`: what was given.
    - `name`: what to call it in an error message.
    - `space`: a space with a `shape` and a `dtype`.
    - `kinds`: the kinds of dtype that it may have, such as `jnp.integer`; an array only
        the first.
    """
    if isinstance(value, _SCALAR_TYPES):
        value = _Scalar(_as_numpy(value))
    is_scalar = is_held(value)
    value = value.value if is_scalar else value
    if not isinstance(value, jax.Array | np.ndarray):
        is_short = value is None or isinstance(value, str | complex)
        got = repr(value) if is_short else f"a {type(value).__name__}"
        raise TypeError(f"{name} must be an array in {space}; got {got}.")
    kinds = kinds if is_scalar else kinds[:1]
    if not any(jnp.issubdtype(value.dtype, kind) for kind in kinds):
        raise TypeError(f"{name} must be in {space}; got the dtype {value.dtype}.")
    value = _cast(value, space.dtype)
    shape = space.shape
    if is_scalar and math.prod(shape) == 1:
        value = value.reshape(shape)
    if value.shape != shape:
        hint = ""
        if value.shape[max(value.ndim - len(shape), 0) :] == shape:
            hint = (
                " (For a batch, use `jax.vmap` or `VectorEnvironment`, with one axis "
                "for the batch.)"
            )
        raise ValueError(
            f"{name} must have shape {shape}, to be in {space}; got the shape "
            f"{value.shape}.{hint}"
        )
    return value


def _cast(value: Any, dtype: Any) -> Array:
    """Converts to another dtype; an integer that does not fit becomes the nearest one
    that does."""
    if jnp.issubdtype(value.dtype, jnp.integer) and jnp.issubdtype(dtype, jnp.integer):
        lowest, highest = _common_limits(value.dtype, dtype)
        if (lowest, highest) != _limits(value.dtype):
            xp = np if isinstance(value, np.ndarray) else jnp
            value = xp.clip(
                value, np.array(lowest, value.dtype), np.array(highest, value.dtype)
            )
    return jnp.asarray(value).astype(dtype)


def _fits(value: Array, dtype: Any) -> Bool[Array, "..."]:
    """Which integers a dtype of integers has."""
    lowest, highest = _common_limits(value.dtype, dtype)
    return (value >= np.array(lowest, value.dtype)) & (
        value <= np.array(highest, value.dtype)
    )


def _limits(dtype: Any) -> tuple[int, int]:
    return int(jnp.iinfo(dtype).min), int(jnp.iinfo(dtype).max)


def _common_limits(first: Any, second: Any) -> tuple[int, int]:
    (low, high), (other_low, other_high) = _limits(first), _limits(second)
    return max(low, other_low), min(high, other_high)


_LARGEST_SIZE = 2**31 - 1


def _check_size(size: Any, name: str) -> int:
    """A number of integers that an int32 can count, as a Python integer, or raises."""
    allowed = f"{name} must be a positive integer, at most {_LARGEST_SIZE}"
    if isinstance(size, bool) or not isinstance(size, int | np.integer):
        raise TypeError(f"{allowed}; got {size!r}.")
    if not 1 <= size <= _LARGEST_SIZE:
        raise ValueError(f"{allowed}; got {size!r}.")
    return int(size)


class Discrete(AbstractSpace):
    """The integers `0, 1, ..., n - 1`."""

    n: int = eqx.field(static=True)

    def __init__(self, n: Any):
        """**Arguments:**

        - `n`: how many integers, from 1 to `2**31 - 1`.

        **Raises:**

        `TypeError` or `ValueError` if `n` is not such an integer.
        """
        self.n = _check_size(n, "Discrete.n")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an element."""
        return ()

    @property
    def dtype(self) -> np.dtype:
        """The dtype of an element."""
        return np.dtype(np.int32)

    def sample(self, key: Key[Array, ""]) -> Int32[Array, ""]:
        return below(check_key(key, "Discrete.sample"), self.n)

    def contains(self, value: Any) -> Bool[Array, ""]:
        return _are_below(value, np.asarray(self.n, np.int32))

    def check(self, value: Any, name: str = "value") -> Int32[Array, ""]:
        return _check_array(value, name, self, jnp.integer)

    def nearest(self, value: Int32[Array, ""]) -> Int32[Array, ""]:
        return jax.lax.clamp(np.int32(0), value, np.int32(self.n - 1))

    def __repr__(self) -> str:
        return f"Discrete({self.n})"


def _as_array(value: Any) -> Array:
    """`value` as an array; NaN, which is in no space, if JAX has no such arrays."""
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError):
        return jnp.array(jnp.nan)


def _are_below(value: Any, sizes: np.ndarray) -> Bool[Array, ""]:
    """Whether `value` is integers of the shape of `sizes`, each from 0 to below it."""
    value = _as_array(value)
    if not jnp.issubdtype(value.dtype, jnp.integer) or value.shape != sizes.shape:
        return jnp.array(False)
    number = _cast(value, jnp.int32)
    return jnp.all(_fits(value, jnp.int32) & (number >= 0) & (number < sizes))


class MultiDiscrete(AbstractSpace):
    """Vectors of integers whose `i`-th entry is one of `0, 1, ..., nvec[i] - 1`."""

    nvec: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, nvec: Any):
        """**Arguments:**

        - `nvec`: how many integers each entry has to choose from: a sequence or a NumPy
            array of at least one integer from 1 to `2**31 - 1`.

        **Raises:**

        `TypeError` or `ValueError` if `nvec` is anything else.
        """
        allowed = "MultiDiscrete.nvec must be a sequence of positive integers"
        is_vector = isinstance(nvec, np.ndarray) and nvec.ndim == 1
        if not is_vector and not isinstance(nvec, tuple | list):
            raise TypeError(f"{allowed}; got {nvec!r}.")
        if len(nvec) == 0:
            raise ValueError(f"{allowed}; got none.")
        self.nvec = tuple(
            _check_size(n, f"MultiDiscrete.nvec[{i}]") for i, n in enumerate(nvec)
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an element."""
        return (len(self.nvec),)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of an element."""
        return np.dtype(np.int32)

    def sample(self, key: Key[Array, ""]) -> Int32[Array, " entries"]:
        key = check_key(key, "MultiDiscrete.sample")
        if len(set(self.nvec)) == 1:
            return below(key, self.nvec[0], self.shape)
        keys = jr.split(key, len(self.nvec))
        return jnp.stack([below(k, n) for k, n in zip(keys, self.nvec, strict=True)])

    def contains(self, value: Any) -> Bool[Array, ""]:
        return _are_below(value, np.asarray(self.nvec, np.int32))

    def check(self, value: Any, name: str = "value") -> Int32[Array, " entries"]:
        return _check_array(value, name, self, jnp.integer)

    def nearest(self, value: Int32[Array, " entries"]) -> Int32[Array, " entries"]:
        sizes = np.asarray(self.nvec, np.int32)
        return jax.lax.clamp(np.zeros_like(sizes), value, sizes - 1)

    def __repr__(self) -> str:
        if len(self.nvec) > 8 and len(set(self.nvec)) == 1:
            return f"MultiDiscrete({self.nvec[:1]} * {len(self.nvec)})"
        return f"MultiDiscrete({self.nvec})"


class Box(AbstractSpace):
    """Arrays whose entries lie between `low` and `high`, both included.

    A bound may be infinite. The dtype is boolean, integer or floating-point; a Box
    of booleans has the bounds 0 and 1.
    """

    low: Shaped[Array, "..."]
    high: Shaped[Array, "..."]
    # How many axes the bounds have, but for those that `jax.vmap` has added.
    _rank: int = eqx.field(static=True)

    def __init__(
        self,
        low: Any,
        high: Any,
        shape: tuple[int, ...] | None = None,
        dtype: Any = float,
    ):
        """**Arguments:**

        - `low`: the lower bounds: a number, or an array that can be broadcast to the
            shape of the space.
        - `high`: the upper bounds, in the same form; none below its lower bound.
        - `shape`: the shape of the space; by default that of `low` and `high`
            broadcast together.
        - `dtype`: the dtype of the space: boolean, integer or floating-point; by
            default JAX's default float. One of 64 bits is that of 32 bits unless
            `jax_enable_x64` is set.

        **Raises:**

        `TypeError` or `ValueError` if an argument is not as described above, or a bound
        is NaN, or is no integer that the dtype has where it has integers. The bounds of
        a Box that is made while a program is traced are not known, and not looked at.
        """
        dtype = _box_dtype(dtype)
        low, high = _as_bound(low, "Box.low", dtype), _as_bound(high, "Box.high", dtype)
        shape = _box_shape(shape, low, high)
        known = [x for x in (low, high) if not isinstance(x, jax.core.Tracer)]
        if len(known) == 2 and not np.all(np.asarray(low) <= np.asarray(high)):
            raise ValueError(f"Box.low must be at most Box.high, {high}; got {low}.")
        self.low = jnp.broadcast_to(jnp.asarray(low, dtype), shape)
        self.high = jnp.broadcast_to(jnp.asarray(high, dtype), shape)
        self._rank = len(shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an element."""
        return self.low.shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of an element."""
        return self.low.dtype

    def sample(self, key: Key[Array, ""]) -> Shaped[Array, "..."]:
        """Draws one element at random.

        Entries bounded on both sides are uniform, entries bounded on one side are
        the bound plus or minus an exponential, and unbounded entries are normal (as
        in Gymnasium). Integers are uniform and must be bounded.

        **Arguments:**

        - `key`: a JAX PRNG key.

        **Returns:**

        An element of the space.
        """
        key = check_key(key, "Box.sample")
        if self.dtype == bool:
            allowed = jr.bernoulli(key, shape=self.shape)
            return (allowed | self.low) & self.high
        if jnp.issubdtype(self.dtype, jnp.integer):
            return self._sample_integer(key)
        return self._sample_float(key)

    def _sample_integer(self, key: Key[Array, ""]) -> Shaped[Array, "..."]:
        # `high + 1` may be more than the dtype has. Then `low - 1` is tried; where that
        # is less than the dtype has, all integers are allowed.
        lowest, highest = (np.array(x, self.dtype) for x in _limits(self.dtype))
        one = np.array(1, self.dtype)
        at_top, at_bottom = self.high == highest, self.low == lowest
        shift = (at_top & ~at_bottom).astype(self.dtype)
        stop = jnp.where(at_top, self.high, self.high + one)
        some = jr.randint(key, self.shape, self.low - shift, stop, self.dtype) + shift
        bits = jr.bits(key, self.shape, _unsigned(self.dtype))
        every = jax.lax.bitcast_convert_type(bits, self.dtype)
        return jnp.where(at_top & at_bottom, every, some)

    def _sample_float(self, key: Key[Array, ""]) -> Float[Array, "..."]:
        # Infinity minus infinity is not a number, so each case gets bounds that are
        # finite; `jnp.where` then picks the case that applies.
        has_low, has_high = jnp.isfinite(self.low), jnp.isfinite(self.high)
        low = jnp.where(has_low, self.low, 0)
        high = jnp.where(has_high, self.high, 0)
        uniform = jr.uniform(key, self.shape, self.dtype)
        interval = low * (1 - uniform) + high * uniform
        is_bounded = has_low & has_high
        # Logarithms take far longer than the rest, and are rarely needed.
        exponential, normal = _unbounded_samples(uniform, ~is_bounded)
        sample = jnp.where(
            has_low,
            jnp.where(has_high, interval, low + exponential),
            jnp.where(has_high, high - exponential, normal),
        )
        return jnp.clip(sample, self.low, self.high).astype(self.dtype)

    def contains(self, value: Any) -> Bool[Array, ""]:
        value = _as_array(value)
        if value.shape != self.shape or (value.dtype == bool) != (self.dtype == bool):
            return jnp.array(False)
        if jnp.issubdtype(self.dtype, jnp.integer):
            if not jnp.issubdtype(value.dtype, jnp.integer):
                return jnp.array(False)
            number, fits = _cast(value, self.dtype), _fits(value, self.dtype)
            return jnp.all(fits & (number >= self.low) & (number <= self.high))
        is_real = any(
            jnp.issubdtype(value.dtype, kind)
            for kind in (jnp.bool_, jnp.integer, jnp.floating)
        )
        if not is_real:
            return jnp.array(False)
        with jax.numpy_dtype_promotion("standard"):
            dtype = jnp.promote_types(value.dtype, self.dtype)
        value, low, high = (x.astype(dtype) for x in (value, self.low, self.high))
        return jnp.all((value >= low) & (value <= high))

    def check(self, value: Any, name: str = "value") -> Shaped[Array, "..."]:
        if self.dtype == bool:
            return _check_array(value, name, self, jnp.bool_)
        if jnp.issubdtype(self.dtype, jnp.integer):
            return _check_array(value, name, self, jnp.integer)
        # 1 is a fine way to write 1.0.
        return _check_array(value, name, self, jnp.floating, jnp.integer)

    def nearest(self, value: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
        if self.dtype == bool:
            return (value | self.low) & self.high
        return jnp.clip(value, self.low, self.high)

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


def _box_dtype(dtype: Any) -> np.dtype:
    allowed = "Box.dtype must be a boolean, integer or floating-point dtype"
    try:
        canonical = jax.dtypes.canonicalize_dtype(np.dtype(dtype))
    except (TypeError, ValueError):
        raise TypeError(f"{allowed}; got {dtype!r}.") from None
    if np.dtype(canonical).kind not in "biuf" and canonical != jnp.bfloat16:
        raise TypeError(f"{allowed}; got {canonical}.")
    return canonical


def _as_bound(bound: Any, name: str, dtype: np.dtype) -> Any:
    """A bound as an array, checked if it is known."""
    given = bound
    if not isinstance(bound, jax.Array):
        try:
            bound = np.asarray(bound)
        except ValueError:  # a ragged sequence
            bound = np.asarray(None)
        if bound.dtype == object and isinstance(given, int):
            bound = _as_numpy(given)
    kinds = (jnp.bool_, jnp.integer, jnp.floating)
    if not any(jnp.issubdtype(bound.dtype, kind) for kind in kinds):
        raise TypeError(f"{name} must be a number, or an array of them; got {given!r}.")
    if isinstance(bound, jax.core.Tracer):
        return bound
    numbers = np.asarray(bound)
    if numbers.dtype == bool:
        numbers = numbers.astype(np.int32)
    if not jnp.issubdtype(dtype, jnp.floating):
        lowest, highest = (0, 1) if dtype.kind == "b" else _limits(dtype)
        is_inside = (
            (numbers >= lowest) & (numbers <= highest) & (np.trunc(numbers) == numbers)
        )
        if not np.all(is_inside):
            raise ValueError(
                f"{name} of a Box of dtype {dtype} must be an integer from {lowest} to "
                f"{highest}; got {given}."
            )
    elif jnp.issubdtype(numbers.dtype, jnp.floating):
        never = np.inf if name == "Box.low" else -np.inf
        numbers = numbers.astype(np.float64)
        if np.any(np.isnan(numbers) | (numbers == never)):
            raise ValueError(
                f"{name} must be a number, not NaN or {never}; got {given}."
            )
    return bound


def _box_shape(shape: Any, low: Any, high: Any) -> tuple[int, ...]:
    if shape is None:
        try:
            return np.broadcast_shapes(low.shape, high.shape)
        except ValueError:
            raise ValueError(
                "Box.low and Box.high must have shapes that can be broadcast together; "
                f"got {low.shape} and {high.shape}."
            ) from None
    is_shape = isinstance(shape, tuple | list) and all(
        isinstance(size, int | np.integer) and not isinstance(size, bool) and size >= 0
        for size in shape
    )
    if not is_shape:
        raise TypeError(f"Box.shape must be a tuple of sizes; got {shape!r}.")
    shape = tuple(map(int, shape))
    for name, bound in (("low", low), ("high", high)):
        try:
            fits = np.broadcast_shapes(bound.shape, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"Box.{name} must be a number, or an array that can be broadcast to "
                f"the shape {shape}; got the shape {bound.shape}."
            )
    return shape


# Compiled, since eager conditionals are compiled anew in every call.
@ft.partial(jax.jit, inline=True)
def _unbounded_samples(
    uniform: Float[Array, "..."], needed: Bool[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Exponential and normal numbers from uniform ones, where they are needed."""

    def transform(uniform):
        unit = jnp.finfo(uniform.dtype)
        inside = jnp.clip(uniform, unit.tiny, 1 - unit.epsneg)
        # JAX has no quantiles in 16 bits.
        has_quantiles = uniform.dtype in (jnp.float32, jnp.float64)
        inside = inside.astype(uniform.dtype if has_quantiles else jnp.float32)
        normal = jax.scipy.stats.norm.ppf(inside, 0, 1)
        return -jnp.log1p(-uniform), normal.astype(uniform.dtype)

    return computed_if_needed(needed, transform, uniform)


def _unsigned(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"uint{8 * dtype.itemsize}")


def _check_children(
    value: Any, children: Any, name: str, space: AbstractSpace, structure: type
) -> None:
    same = isinstance(value, structure) and not is_held(value)
    same = same and (
        set(value) == set(children)
        if isinstance(children, Mapping)
        else len(value) == len(children)
    )
    if not same:
        raise TypeError(f"{name} must be in {space}; got {_structure_of(value)}.")


def _structure_of(value: Any) -> str:
    """What was given, with the shapes and dtypes of arrays."""
    value = jax.tree.map(lambda x: x.value if is_held(x) else x, value, is_leaf=is_held)
    return eqx.tree_pformat(value)


class Tuple(AbstractSpace):
    """Tuples with one element from each of several spaces."""

    spaces: tuple[AbstractSpace, ...]

    def __init__(self, spaces: Any):
        """**Arguments:**

        - `spaces`: a sequence of spaces.

        **Raises:**

        `TypeError` if `spaces` is anything else.
        """
        if not isinstance(spaces, Sequence) or isinstance(spaces, str):
            raise TypeError(
                f"Tuple.spaces must be a sequence of spaces; got {spaces!r}."
            )
        for i, space in enumerate(spaces):
            if not isinstance(space, AbstractSpace):
                raise TypeError(f"Tuple.spaces[{i}] must be a space; got {space!r}.")
        self.spaces = tuple(spaces)

    def sample(self, key: Key[Array, ""]) -> tuple[PyTree[Array], ...]:
        key = check_key(key, "Tuple.sample")
        keys = jr.split(key, max(len(self.spaces), 1))
        return tuple(s.sample(k) for s, k in zip(self.spaces, keys, strict=False))

    def contains(self, value: Any) -> Bool[Array, ""]:
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

    def __init__(self, spaces: Any):
        """**Arguments:**

        - `spaces`: a dictionary of spaces by name.

        **Raises:**

        `TypeError` if `spaces` is anything else.
        """
        if not isinstance(spaces, Mapping):
            raise TypeError(
                f"Dict.spaces must be a dictionary of spaces by name; got {spaces!r}."
            )
        for name, space in spaces.items():
            if not isinstance(name, str):
                raise TypeError(f"names in Dict.spaces must be strings; got {name!r}.")
            if not isinstance(space, AbstractSpace):
                raise TypeError(
                    f"Dict.spaces[{name!r}] must be a space; got {space!r}."
                )
        self.spaces = dict(spaces)

    def sample(self, key: Key[Array, ""]) -> dict[str, PyTree[Array]]:
        key = check_key(key, "Dict.sample")
        keys = jr.split(key, max(len(self.spaces), 1))
        return {
            name: self.spaces[name].sample(k)
            for name, k in zip(sorted(self.spaces), keys, strict=False)
        }

    def contains(self, value: Any) -> Bool[Array, ""]:
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
    return jnp.concatenate([jnp.zeros(0), *parts])


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
        pairs = [(jnp.zeros(0), jnp.zeros(0)), *map(bounds, parts)]
        lows, highs = zip(*pairs, strict=True)
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
    """The smallest space that contains all elements of several spaces.

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
