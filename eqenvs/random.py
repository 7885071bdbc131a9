"""Random numbers at the price of the bits that they need."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Int32, Integer, Key, UInt32

from ._fast_keys import IMPLEMENTATION, key_data_of_seed


def key(seed: int | np.integer | Integer[Array | np.ndarray, ""]) -> Key[Array, ""]:
    """A JAX PRNG key whose random numbers cost little on a CPU.

    It goes wherever a key of `jax.random.key` goes: to everything in `jax.random`, to
    the environments, under `jit`, `vmap`, `scan` and `shard_map`. The random numbers
    are others than those of `jax.random.key(seed)`, and the same on every device, with
    `jax_enable_x64` and without.

    What was tested of their randomness, also across keys that were split, folded or
    made from consecutive seeds, stands under "Performance". They are not cryptographic:
    who sees some of them can compute the key.

    **Arguments:**

    - `seed`: an integer of up to 64 bits: a Python integer from `-2**63` to
        `2**64 - 1`, or a scalar of an integer dtype, which may be traced. An integer
        below zero stands for its two's complement.

    **Returns:**

    One typed key, made of two 32-bit words.

    **Raises:**

    - `TypeError` if `seed` is not an integer, `ValueError` if it has more than 64 bits
        or is an array that is not a scalar.
    """
    if isinstance(seed, int) and not isinstance(seed, bool):
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"seed must be from -2**63 to 2**64 - 1; got {seed}.")
        # As two words, since without x64 JAX has no integers of 64 bits.
        words = np.array([seed & (2**32 - 1), (seed >> 32) & (2**32 - 1)], np.uint32)
        return jr.wrap_key_data(key_data_of_seed(*words), impl=IMPLEMENTATION)
    if not _is_integer_array(seed):
        raise TypeError(f"seed must be an integer; got {seed!r}.")
    if np.shape(seed) != ():
        raise ValueError(
            f"seed must be one integer; got an array of shape {np.shape(seed)}. (For "
            "many keys, use `jax.vmap(eqenvs.random.key)`, or `jax.random.split`.)"
        )
    if isinstance(seed, np.generic | np.ndarray):
        return key(int(seed))
    return jr.key(seed, impl=IMPLEMENTATION)


def _is_integer_array(x: Any) -> bool:
    is_array = isinstance(x, jax.Array | np.ndarray | np.generic)
    return is_array and jnp.issubdtype(x.dtype, jnp.integer)


def scale_bits(bits: UInt32[Array, "*shape"], n: int) -> Int32[Array, "*shape"]:
    """Maps uniform 32-bit words onto `0, 1, ..., n - 1`: the top half of `bits * n`.

    **Arguments:**

    - `bits`: uniformly random words.
    - `n`: a Python integer, from 1 to 65536.

    **Returns:**

    Integers below `n`, each with a probability within `2**-32` of `1 / n`.
    """
    if not 1 <= n <= 2**16:
        raise ValueError(f"n must be between 1 and 65536; got {n!r}.")
    if n & (n - 1) == 0:
        shift = 32 - (n.bit_length() - 1)
        scaled = bits >> shift if n > 1 else jnp.zeros_like(bits)
    else:
        # The product has up to 48 bits, so its halves are multiplied one by one.
        high, low = bits >> 16, bits & 0xFFFF
        scaled = (high * n + ((low * n) >> 16)) >> 16
    return scaled.astype(jnp.int32)


def below(
    key: Key[Array, ""], n: int, shape: tuple[int, ...] = ()
) -> Int32[Array, "*shape"]:
    """Uniform random integers `0, 1, ..., n - 1`.

    `jax.random.randint` derives two more keys and draws two words for each number;
    this draws one word.

    **Arguments:**

    - `key`: a JAX PRNG key.
    - `n`: a Python integer, at least 1.
    - `shape`: the shape of the result.

    **Returns:**

    An int32 array of shape `shape`.
    """
    if n > 2**16:
        return jr.randint(key, shape, 0, n, dtype=jnp.int32)
    return scale_bits(jr.bits(key, shape, dtype=jnp.uint32), n)
