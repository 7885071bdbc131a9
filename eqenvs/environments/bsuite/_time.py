"""Time as a fraction."""

from jaxtyping import Array, Float, Int32


def fraction(steps: Int32[Array, ""], total: Int32[Array, ""]) -> Float[Array, ""]:
    """`steps / total`, rounded in the same way whether `total` is known to the compiler
    or not: it divides by a constant by multiplying with the reciprocal."""
    return steps.astype(float) * (1 / total.astype(float))
