"""What the two mountain cars share: the picture of the valley."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ...rendering import Disc, Polygon, polyline, Rectangle, Scene, Segment
from ...rendering.colors import BLUE, INK, ORANGE, SILVER, SLATE


NUM_POINTS = 48  # of the line that shows the ground


def picture(
    position: Float[Array, ""],
    min_position: Float[Array, ""],
    max_position: Float[Array, ""],
    goal_position: Float[Array, ""],
) -> Scene:
    """The valley with its wall, the car and the flag at the goal."""
    unit = (max_position - min_position) / 1.8  # for what has no size of its own
    left, right = min_position - 0.1 * unit, max_position + 0.1 * unit
    x = jnp.linspace(left, right, NUM_POINTS, dtype=position.dtype)
    ground = jnp.stack([x, _height(x)], axis=-1)
    bottom, top = (
        jnp.min(ground[:, 1]) - 0.15 * unit,
        jnp.max(ground[:, 1]) + 0.4 * unit,
    )
    below = bottom - unit  # also in a picture that is taller than the view
    corners = jnp.stack([jnp.stack([right, below]), jnp.stack([left, below])])
    wall, flag = _height(min_position), _height(goal_position)
    angle = jnp.arctan(1.35 * jnp.cos(3 * position))  # the slope
    cos, sin = unit * jnp.cos(angle), unit * jnp.sin(angle)

    def on_car(along, above):
        return (
            position + along * cos - above * sin,
            _height(position) + along * sin + above * cos,
        )

    def on_flag(along, above):
        return goal_position + along * unit, flag + above * unit

    return Scene(
        (
            Polygon(jnp.concatenate([ground, corners]), SILVER),
            polyline(ground, 0.015 * unit, SLATE),
            Segment(
                (min_position, wall),
                (min_position, wall + 0.2 * unit),
                0.03 * unit,
                SLATE,
            ),
            Segment(on_flag(0, 0), on_flag(0, 0.28), 0.015 * unit, INK),
            Polygon([on_flag(0, 0.28), on_flag(0, 0.18), on_flag(0.15, 0.23)], ORANGE),
            Rectangle(on_car(0, 0.08), (0.2 * unit, 0.07 * unit), BLUE, angle=angle),
            Disc([on_car(-0.06, 0.04), on_car(0.06, 0.04)], 0.035 * unit, INK),
        ),
        view=(left, bottom, right, top),
    )


def _height(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The height of the ground, whose slope is `1.35 cos(3 x)`."""
    return 0.45 * jnp.sin(3 * x) + 0.55
