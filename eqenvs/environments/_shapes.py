"""Shapes that the pictures of several environments have in common."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from ..rendering import AbstractShape, Disc, Polygon, Rectangle, Segment
from ..rendering.colors import INK, SILVER, SLATE


def cell_center(
    row: Int32[Array, "..."], column: Int32[Array, "..."], num_rows: int
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Where the center of a cell is in a grid of unit squares; row 0 is the top row."""
    return column.astype(float) + 0.5, num_rows - 0.5 - row.astype(float)


def person(
    x: Any, y: Any, color: Any, opacity: Any = 1.0, *, scale: Any = 1.0
) -> tuple[AbstractShape, ...]:
    """A standing person, 0.8 high and centered at `(x, y)`."""
    body = [
        (x - 0.24 * scale, y - 0.4 * scale),
        (x + 0.24 * scale, y - 0.4 * scale),
        (x + 0.1 * scale, y + 0.12 * scale),
        (x - 0.1 * scale, y + 0.12 * scale),
    ]
    head = (x, y + 0.22 * scale)
    return (
        Polygon(body, color, opacity),
        Disc(head, 0.19 * scale, color, opacity),
        Disc(head, 0.11 * scale, (1.0, 1.0, 1.0), opacity),
    )


def pennant(
    x: Any, y: Any, color: Any, opacity: Any = 1.0
) -> tuple[AbstractShape, ...]:
    """A flag on its pole, 0.8 high and centered at `(x, y)`."""
    corners = [(x - 0.14, y + 0.38), (x + 0.34, y + 0.19), (x - 0.14, y)]
    return (
        Segment((x - 0.17, y - 0.36), (x - 0.17, y + 0.36), 0.07, INK, opacity),
        Polygon(corners, color, opacity),
    )


def arrow(
    start: Float[Array, "2"],
    end: Float[Array, "2"],
    thickness: Any,
    color: Any,
    opacity: Any = 1.0,
) -> tuple[AbstractShape, ...]:
    """An arrow; there is none if it has no length."""
    along, length = direction(end - start)
    across = jnp.stack([-along[1], along[0]])
    # A short arrow has a small head.
    head = jnp.minimum(3.2 * thickness, length)
    neck = end - head * along
    opacity = jnp.where(length > 0, opacity, 0.0)
    corners = jnp.stack([end, neck + 0.6 * head * across, neck - 0.6 * head * across])
    return (
        Segment(start, neck, thickness, color, opacity),
        Polygon(corners, color, opacity),
    )


def direction(
    vector: Float[Array, "2"],
) -> tuple[Float[Array, "2"], Float[Array, ""]]:
    """A vector of length 1, or 0 if the other one is, and the length of the other.

    No square overflows.
    """
    largest = jnp.max(jnp.abs(vector))
    scaled = vector / jnp.where(largest > 0, largest, 1.0)
    norm = jnp.sqrt(jnp.sum(scaled**2))
    return scaled / jnp.where(largest > 0, norm, 1.0), largest * norm


def time_bar(
    share: Float[Array, ""],
    left: float,
    right: float,
    y: float,
    height: float,
    color: Any = SLATE,
) -> tuple[AbstractShape, ...]:
    """A bar that is empty for a `share` of 0 and full for 1."""
    width = jnp.clip(share, 0.0, 1.0) * (right - left)
    return (
        Rectangle(((left + right) / 2, y), (right - left, height), SILVER),
        Rectangle((left + width / 2, y), (width, height), color),
    )


def lively_view(
    points: Float[Array, "points 2"], still: Float[Array, ""] | float
) -> Float[Array, "4"]:
    """A square around the origin that shows ± `still`, or more if a point is further
    away."""
    furthest = jnp.max(jnp.abs(points)) * 1.1
    half = jnp.clip(jnp.where(furthest > still, furthest, still), 1e-6, 1e9)
    return jnp.stack([-half, -half, half, half])
