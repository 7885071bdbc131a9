"""The order of minibatches."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Int32, Key


def random_order(key: Key[Array, ""], count: int) -> Int32[Array, " count"]:
    """The numbers `0, 1, ..., count - 1` in random order.

    The words to sort hold the numbers in their low bits and random bits above. Sorting
    one array takes a tenth of the time of `jax.random.permutation`. If the random bits
    of two words agree, the smaller number comes first, which makes no difference to a
    minibatch.
    """
    low_bits = (count - 1).bit_length()
    if low_bits > 20:
        return jr.permutation(key, count).astype(jnp.int32)
    mask = np.uint32(2**low_bits - 1)
    words = jr.bits(key, (count,), jnp.uint32) & ~mask
    words = jnp.sort(words | jnp.arange(count, dtype=jnp.uint32))
    return (words & mask).astype(jnp.int32)
