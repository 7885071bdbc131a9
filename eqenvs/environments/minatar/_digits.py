"""Several small random numbers from one random word."""

import jax.numpy as jnp
from jaxtyping import Array, Int32, UInt32

from ...random import scale_bits


def next_digit(
    fraction: UInt32[Array, "*shape"], n: int
) -> tuple[Int32[Array, "*shape"], UInt32[Array, "*shape"]]:
    """The first digit, in base `n`, of a random number between 0 and 1.

    The digits of a uniform number are uniform and independent, whatever the base of
    each. Of a word of 32 bits, digits in the bases `n1, n2, ...` have all their
    combinations with probabilities within `2**-32` of `1 / (n1 * n2 * ...)`.

    **Arguments:**

    - `fraction`: uniform words, each standing for `fraction / 2**32`.
    - `n`: the base.

    **Returns:**

    The digit, below `n`, and the fraction that is left for the digits after it.
    """
    return scale_bits(fraction, n), fraction * jnp.uint32(n)
