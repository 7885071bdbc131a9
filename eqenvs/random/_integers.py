"""Random integers that use only the bits they need."""

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Int32, Key, UInt32


def scale_bits(
    bits: UInt32[Array, "*shape"], n: int | Int32[Array, ""]
) -> Int32[Array, "*shape"]:
    """Maps uniform 32-bit words to `0, 1, ..., n - 1`: the top half of `bits * n`.

    **Arguments:**

    - `bits`: uniformly random words.
    - `n`: from 1 to 65536: a Python integer, or an int32 scalar, which may be traced
        and is not checked.

    **Returns:**

    Integers below `n`, each with a probability within `2**-32` of `1 / n`.

    **Raises:**

    - `ValueError` if `n` is a Python integer out of range.
    """
    if isinstance(n, jax.Array):
        return _top_half(bits, n.astype(jnp.uint32)).astype(jnp.int32)
    if not 1 <= n <= 2**16:
        raise ValueError(f"n must be between 1 and 65536; got {n!r}.")
    if n & (n - 1) == 0:
        shift = 32 - (n.bit_length() - 1)
        scaled = bits >> shift if n > 1 else jnp.zeros_like(bits)
    else:
        scaled = _top_half(bits, n)
    return scaled.astype(jnp.int32)


def _top_half(
    bits: UInt32[Array, "*shape"], n: int | UInt32[Array, ""]
) -> UInt32[Array, "*shape"]:
    # The product has up to 48 bits, so its halves are multiplied one by one.
    high, low = bits >> 16, bits & 0xFFFF
    return (high * n + ((low * n) >> 16)) >> 16


def next_digit(
    fraction: UInt32[Array, "*shape"], n: int
) -> tuple[Int32[Array, "*shape"], UInt32[Array, "*shape"]]:
    """The first digit, in base `n`, of a random number between 0 and 1.

    This makes several small integers from one word: the digits of a uniform number are
    uniform and independent, whatever the base of each. All combinations of digits in
    the bases `n1, n2, ...` have probabilities within `2**-32` of `1 / (n1 * n2 * ...)`.

    **Arguments:**

    - `fraction`: uniformly random words, each the number `fraction / 2**32`.
    - `n`: the base, a Python integer from 1 to 65536.

    **Returns:**

    The digit, below `n`, and the fraction that is left for the digits after it.

    **Raises:**

    - `ValueError` if `n` is out of range.
    """
    return scale_bits(fraction, n), fraction * jnp.uint32(n)


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
