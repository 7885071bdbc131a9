"""Sines and cosines of `float32` angles in vector instructions.

XLA's CPU backend calls the C library once for each number, but computes polynomials for
many numbers at a time.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32

from ._fusion import computed_once


# π/2 in two parts. The first has so few bits that its multiples are exact.
_QUARTER = 1.5703125
_QUARTER_REST = math.pi / 2 - _QUARTER


def sin_cos(
    angle: Float[Array, "*shape"], true: Bool[Array, ""] | None = None
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """The sine and the cosine of an angle (rad).

    In `float32`, they are off by less than 1e-7 for angles within ± 1,000, and within
    ± 1 for all.

    **Arguments:**

    - `angle`: the angle.
    - `true`: for a batch to compute the polynomials once, and not for each of their
        uses, a condition that always holds but that the compiler cannot prove.
    """
    if angle.dtype == jnp.float32:
        return _sin_cos(angle, true)
    return jnp.sin(angle), jnp.cos(angle)


@jax.custom_jvp
def _sin_cos(
    angle: Float32[Array, "*shape"], true: Bool[Array, ""] | None
) -> tuple[Float32[Array, "*shape"], Float32[Array, "*shape"]]:
    # Cody and Waite's reduction to ± π/4. Rounding could take a huge angle beyond that.
    quarters = jnp.round(angle * (2 / math.pi))
    x = (angle - quarters * _QUARTER) - quarters * _QUARTER_REST
    x = jnp.clip(x, -0.8, 0.8)

    # The minimax polynomials of Moshier's Cephes library.
    square = x * x
    sine = (-1.9515295891e-4 * square + 8.3321608736e-3) * square - 1.6666654611e-1
    sine = sine * square * x + x
    cosine = 2.443315711809948e-5 * square - 1.388731625493765e-3
    cosine = (cosine * square + 4.166664568298827e-2) * square * square
    # 1 - square / 2, and what is lost by rounding it.
    half = 0.5 * square
    most = 1 - half
    cosine = most + (((1 - most) - half) + cosine)

    quadrant = quarters.astype(jnp.int32)
    swapped = (quadrant & 1) == 1
    sine, cosine = jnp.where(swapped, cosine, sine), jnp.where(swapped, sine, cosine)
    both = (
        jnp.where((quadrant & 2) == 0, sine, -sine),
        jnp.where(((quadrant + 1) & 2) == 0, cosine, -cosine),
    )
    # Here, and not around the call, because `computed_once` has no derivative in
    # reverse mode.
    return both if true is None else computed_once(true, both)


@_sin_cos.defjvp
def _(
    primals: tuple[Array, Any], tangents: tuple[Array, Any]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    sine, cosine = _sin_cos(*primals)
    tangent, _ = tangents
    return (sine, cosine), (cosine * tangent, -sine * tangent)
