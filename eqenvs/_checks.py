"""Checks of what a user gave, made before anything is compiled."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Key

from .random import key as key_from_seed
from .random._threefry import write_out


def check_key(key: Any, caller: str) -> Key[Array, ""]:
    """Returns `key` as a typed key, or raises if it is not exactly one key."""
    fix = f"`{caller}` takes one JAX PRNG key as its first argument, such as "
    fix += "`jax.random.key(0)`"
    if not isinstance(key, jax.Array | np.ndarray):
        raise TypeError(f"{fix}; got {key!r}.")
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        if key.dtype != np.uint32:
            raise TypeError(f"{fix}; got an array of dtype {key.dtype}.")
        if key.ndim == 0:
            raise TypeError(f"{fix}; got a number.")
        key = _wrap_raw_key(key, fix)
    key = jnp.asarray(key)
    if key.shape != ():
        raise ValueError(
            f"{fix}; got an array of keys of shape {key.shape}. (For a batch, use "
            "`jax.vmap`, or `VectorEnvironment` with one key.)"
        )
    return write_out(key)


def _wrap_raw_key(key: Any, fix: str) -> Key[Array, "..."]:
    try:
        return jr.wrap_key_data(jnp.asarray(key))
    except (TypeError, ValueError):
        pass
    # Not a key of the default implementation: 4 words make one of `rbg`, 2 of threefry.
    impl = {4: "rbg", 2: "threefry2x32"}.get(key.shape[-1])
    if impl is None:
        raise TypeError(f"{fix}; got a uint32 array of shape {key.shape}.")
    return jr.wrap_key_data(jnp.asarray(key), impl=impl)


def as_key(key: Any, caller: str) -> Key[Array, ""]:
    """One key, a fast one made from an integer if that is what was given."""
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        return key_from_seed(int(key))
    return check_key(key, caller)


def as_keys(key: Any, caller: str) -> Key[Array, "..."]:
    """One key, or an array of keys if that is what was given."""
    if isinstance(key, jax.Array | np.ndarray):
        is_typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
        if is_typed and key.ndim == 1:
            return write_out(jnp.asarray(key))
        if not is_typed and key.dtype == np.uint32 and key.ndim == 2:
            return jax.vmap(lambda k: check_key(k, caller))(jnp.asarray(key))
    return as_key(key, caller)


def check_count(name: str, count: Any) -> None:
    """Raises unless `count` is a positive integer."""
    if isinstance(count, bool) or not isinstance(count, int | np.integer):
        raise TypeError(f"{name} must be an integer; got {count!r}.")
    if count < 1:
        raise ValueError(f"{name} must be at least 1; got {count}.")
