"""Time as a fraction, and no time limit."""

from jaxtyping import Array, Float, Int32


NO_LIMIT = 2**31 - 1
"""The `max_steps` of a task whose original has no time limit."""


def fraction(steps: Int32[Array, ""], total: Int32[Array, ""]) -> Float[Array, ""]:
    """`steps / total`.

    If the compiler knows `total`, it multiplies by the reciprocal instead of dividing.
    This always does, so the result does not depend on what the compiler knows.
    """
    return steps.astype(float) * (1 / total.astype(float))
