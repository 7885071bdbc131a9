"""Time as a fraction."""

from jaxtyping import Array, Float, Int32


def fraction(steps: Int32[Array, ""], total: Int32[Array, ""]) -> Float[Array, ""]:
    """`steps / total`.

    If the compiler knows `total`, it multiplies by the reciprocal instead of dividing.
    This always does, so the result does not depend on what the compiler knows.
    """
    return steps.astype(float) * (1 / total.astype(float))
