"""What bsuite's two cart-poles share: the equations of motion and the picture.

They are those of `bsuite/environments/cartpole.py` in bsuite 0.3.6. The accelerations
are those of Gymnasium's cart-pole, in which the pole is uniform and has no friction.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...rendering import Disc, Rectangle, Scene, Segment
from ...rendering.colors import BLUE, GREEN, INK, ORANGE, RED, SILVER, SLATE


class Motion(NamedTuple):
    """Where the cart and the pole are, and how fast they move. The pole is upright for
    a `theta` of 0."""

    x: Float[Array, ""]
    x_dot: Float[Array, ""]
    theta: Float[Array, ""]
    theta_dot: Float[Array, ""]


def move(
    motion: Motion,
    force: Float[Array, ""],
    *,
    gravity: Float[Array, ""],
    cart_mass: Float[Array, ""],
    pole_mass: Float[Array, ""],
    pole_half_length: Float[Array, ""],
    time_delta: Float[Array, ""],
) -> Motion:
    """One step of Euler's method; the angle stays from 0 to 2π."""
    x, x_dot, theta, theta_dot = motion
    mass, moment = cart_mass + pole_mass, pole_mass * pole_half_length
    sin, cos = jnp.sin(theta), jnp.cos(theta)
    push = (force + moment * theta_dot**2 * sin) / mass
    theta_acceleration = (gravity * sin - cos * push) / (
        pole_half_length * (4 / 3 - pole_mass * cos**2 / mass)
    )
    x_acceleration = push - moment * theta_acceleration * cos / mass
    return Motion(
        x=x + time_delta * x_dot,
        x_dot=x_dot + time_delta * x_acceleration,
        theta=jnp.remainder(theta + time_delta * theta_dot, 2 * math.pi),
        theta_dot=theta_dot + time_delta * theta_acceleration,
    )


def picture(
    x: Float[Array, ""],
    theta: Float[Array, ""],
    *,
    x_threshold: Float[Array, ""],
    x_reward_threshold: Float[Array, ""],
    height_threshold: Float[Array, ""],
    pole_half_length: Float[Array, ""],
) -> Scene:
    """The track, where on it the rewards are, and the sector of an upright pole."""
    length = 2 * pole_half_length
    reach = jnp.maximum(x_threshold, length)
    unit = reach / 3
    widest = jnp.arccos(jnp.clip(height_threshold, -1.0, 1.0))
    sides = jnp.stack([-widest, widest])
    track, limits = -0.25 * unit, jnp.stack([-x_threshold, x_threshold])
    rewarded = jnp.minimum(x_reward_threshold, x_threshold)
    tip = (x + length * jnp.sin(theta), length * jnp.cos(theta))
    ends = (x + length * jnp.sin(sides), length * jnp.cos(sides))
    is_up = jnp.cos(theta) > height_threshold
    color = jnp.where(is_up, ORANGE, SLATE)
    return Scene(
        (
            Segment((-x_threshold, track), (x_threshold, track), 0.06 * unit, SLATE),
            Segment((-rewarded, track), (rewarded, track), 0.12 * unit, GREEN),
            Segment((limits, track), (limits, track + 0.35 * unit), 0.06 * unit, RED),
            Segment((x, np.zeros(2)), ends, 0.03 * unit, SILVER),
            Rectangle((x, 0), (0.6 * unit, 0.32 * unit), BLUE),
            Segment((x, 0), tip, 0.13 * unit, color),
            Disc((x, 0), 0.06 * unit, INK),
        ),
        view=(-1.1 * reach, -1.1 * reach, 1.1 * reach, 1.1 * reach),
    )
