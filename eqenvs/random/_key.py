"""Keys of eqenvs' own implementation, made from seeds."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Integer, Key

from ._pcg3d import IMPLEMENTATION, key_data_of_seed


def key(seed: int | np.integer | Integer[Array | np.ndarray, ""]) -> Key[Array, ""]:
    """A JAX PRNG key that is cheap to draw from on a CPU.

    It works wherever a key of `jax.random.key` works: in all of `jax.random`, in the
    environments, and under `jit`, `vmap`, `scan` and `shard_map`. It can be copied and
    pickled. The numbers differ from those of `jax.random.key(seed)`. They are the same
    on every device, with `jax_enable_x64` and without.

    The tests of its randomness, which include keys that were split, folded in or made
    from consecutive seeds, are described under "Performance". The keys are not
    cryptographic: anyone who sees a few numbers can recover the key.

    **Arguments:**

    - `seed`: an integer of up to 64 bits: a Python integer from `-2**63` to
        `2**64 - 1`, or a scalar of an integer dtype, which may be traced. A negative
        seed is the same as its two's complement.

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
