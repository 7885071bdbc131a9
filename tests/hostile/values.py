"""Values that a field, a space, a key or a count must refuse: made from what each says
of itself."""

import math
from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from eqenvs import fields, spaces


# What nothing takes for a number.
_NO_NUMBER = (
    "nonsense", "", b"1", None, True, np.True_, 1j, np.complex64(1), [], {}, [1, [2]],
    (1, "a"), object(), int, jr.key(0), np.datetime64("2026-01-01"), slice(3),
)  # fmt: skip


# What nothing takes for a number of things, or for several of them.
_NO_COUNTS = (
    None, 1.5, math.nan, math.inf, "nonsense", True, 1j, object(), int, {}, (), [[]],
)  # fmt: skip


def _below(number: float | int) -> list[Any]:
    return [number - 1, np.float64(number - 1), np.int32(number - 1)]


def _above(number: float | int) -> list[Any]:
    return [number + 1, np.float64(number + 1), np.int32(number + 1)]


def _is_single() -> bool:
    """Whether a number this large or small is none of JAX's."""
    return jnp.result_type(float) == jnp.float32


def bad_values(parameter: fields.AbstractParameter) -> list[Any]:
    """What the field of a described class must refuse."""
    match type(parameter).__name__:
        case "_Real" | "_Integer":
            return _bad_numbers(parameter)
        case "_Count":
            return bad_counts(parameter.minimum)
        case "_Flag":
            return [0, 1, "True", None, 1.0, np.array([True]), jnp.array(True), []]
        case "_Choice":
            known = parameter.options[0]
            return ["nonsense", "", f" {known}", known.title() + "s", None, 0, True, ()]
        case "_Instance":
            return [None, 5, "CartPole-v1", int, [], np.zeros(3)]
        case "_Function":
            return [None, 5, "sin", [], np.zeros(3)]
        case "_Counts" | "_Size":
            return [*_NO_COUNTS, 0, -1, [0, 3], (3, -1), [2, 1.5], np.array([2.0, 3.0])]
    # A kind of field that one family has for itself.
    return [None, 5, 1.5, math.nan, "nonsense", True, 1j, object(), int, {}, (), [[]]]


def _bad_numbers(parameter: Any) -> list[Any]:
    is_real = type(parameter).__name__ == "_Real"
    bad = [x for x in _NO_NUMBER if not (x is None and parameter.optional)]
    one = []
    if is_real:
        one += [math.nan, np.float32("nan"), jnp.float32(jnp.nan)]
        if parameter.finite:
            one += [math.inf, -math.inf, np.float64("inf"), 10**400]
            one += [1e300] if _is_single() else []
    else:
        one += [0.5, 1.0, np.float32(1), math.nan, math.inf, jnp.bfloat16(1)]
        one += [2**31, -(2**31) - 1, 2**32, 2**32 + 500, 2**64, 10**400]
        one += [np.uint32(2**32 - 1), np.int64(2**40)]
    if parameter.minimum is not None:
        below = _below(parameter.minimum)
        one += below if is_real else [below[0], below[2]]
        one += [-1e30] if is_real else [-(2**31)]
    if parameter.maximum is not None:
        above = _above(parameter.maximum)
        one += above if is_real else [above[0], above[2]]
    if parameter.above is not None:
        one += [parameter.above, *_below(parameter.above), np.float32(parameter.above)]
        one += [1e-300] if parameter.above == 0 and _is_single() else []
    if parameter.rank == 0:
        return bad + one + [np.zeros(1), np.zeros((2, 3)), jnp.ones(3), [1, 2], [[1]]]
    sizes = [3 if size is None else size for size in parameter.shape]
    with_one = [np.full(sizes, x) for x in one if not isinstance(x, int)]
    wrong_shapes = [np.ones([*sizes, 1]), np.ones(sizes[1:]), 1.0]
    wrong_shapes += [
        np.ones([*sizes[:i], size + 1, *sizes[i + 1 :]])
        for i, size in enumerate(parameter.shape)
        if size is not None
    ]
    return bad + with_one + wrong_shapes


def bad_counts(minimum: int = 1) -> list[Any]:
    """What a number of lanes, steps, arms, ... must not be."""
    bad = [minimum - 1, -(2**40), 2**31, 10**30, np.int64(minimum - 1)]
    bad += [float(minimum + 1), math.nan, math.inf, "3", True, None, 1j, [3], (), {}]
    return [*bad, np.array([3]), np.array(3), jnp.int32(3), jr.key(0), object(), int]


def bad_keys(*, takes_seeds: bool = False) -> list[Any]:
    """What a key must not be."""
    bad = [None, "key", 1.5, True, 1j, [0, 1], (), {}, object(), jr.key]
    bad += [jnp.zeros(2), jnp.zeros(2, jnp.int32), np.zeros(2), jnp.zeros(2, bool)]
    bad += [jnp.zeros(3, jnp.uint32), jnp.zeros((), jnp.uint32)]
    if takes_seeds:
        return [*bad, 2**64, -(2**63) - 1, 10**30]
    return [*bad, 0, -1, 2**40, np.int64(3), np.uint32(3)]


def bad_elements(space: spaces.AbstractSpace, *, numbers: bool = True) -> list[Any]:
    """What is no element of a space, by its structure, shape or kind of dtype; and
    Python and NumPy numbers outside a space of integers."""
    bad = [None, "left", "", b"0", object(), int, {}, (), [], jr.key(0), 1j, slice(2)]
    match space:
        case spaces.Tuple():
            good = space.sample(jr.key(0))
            bad += [list(good), good[:-1], (*good, 0), 0, jnp.zeros(3)]
            for i, part in enumerate(space.spaces):
                wrong = bad_elements(part, numbers=numbers)
                bad += [(*good[:i], x, *good[i + 1 :]) for x in wrong]
        case spaces.Dict():
            good = space.sample(jr.key(0))
            bad += [list(good.values()), {**good, "more": 0}, 0, jnp.zeros(3)]
            for name, part in space.spaces.items():
                bad += [{k: v for k, v in good.items() if k != name}]
                wrong = bad_elements(part, numbers=numbers)
                bad += [{**good, name: x} for x in wrong]
        case _:
            shape, dtype = space.shape, space.dtype
            kind = "f" if dtype == jnp.bfloat16 else np.dtype(dtype).kind
            bad += [[0], jnp.zeros((*shape, 1), dtype), jnp.zeros((5, *shape), dtype)]
            bad += [np.zeros((2, 3, 4, 5), dtype), jnp.zeros(shape, complex)]
            if kind != "b":
                bad += [True, np.True_, jnp.zeros(shape, bool)]
            if kind in "biu":
                bad += [0.0, 0.5, math.nan, np.float64(1), jnp.zeros(shape)]
                bad += [jnp.zeros(shape, jnp.bfloat16)]
            else:
                bad += [jnp.zeros(shape, jnp.int32)]
            if kind == "b":
                bad += [0, 1, jnp.zeros(shape, jnp.int32)]
            if isinstance(space, spaces.Discrete) and numbers:
                bad += [space.n, -1, 2**31, 2**40, -(10**30), np.int64(space.n)]
    return bad
