"""What the two mountain cars share: the valley, the motion of the car, and the picture.

The height of the ground at position `x` is `0.45 sin(3 x) + 0.55`.
"""

from typing import Generic, TypeVar

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from equinox import AbstractVar
from jaxtyping import Array, Bool, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState
from ..._sine import sin_cos
from ...fields import real
from ...rendering import Disc, Polygon, polyline, Rectangle, Scene, Segment
from ...rendering.colors import BLUE, INK, ORANGE, SILVER, SLATE
from ...spaces import Box
from ._checks import require


Action = TypeVar("Action")

NUM_POINTS = 48  # of the line that shows the ground


class MountainCarState(AbstractState):
    """Position and velocity of the car."""

    position: Float[Array, ""]
    velocity: Float[Array, ""]
    time: Int32[Array, ""]


class AbstractMountainCar(
    AbstractEnvironment[MountainCarState, Action, Float[Array, " 2"]], Generic[Action]
):
    """A car in a valley. A subclass adds the engine and the reward."""

    gravity: Float[Array, ""] = real(
        0.0025, "Pull of the steepest slope.", unit="m/step²"
    )
    min_position: Float[Array, ""] = real(
        -1.2, "Position of the wall on the left.", unit="m"
    )
    max_position: Float[Array, ""] = real(0.6, "Right end of the track.", unit="m")
    max_speed: Float[Array, ""] = real(0.07, "Largest speed.", unit="m/step", minimum=0)
    goal_position: AbstractVar[Float[Array, ""]]
    goal_velocity: Float[Array, ""] = real(
        0.0, "Smallest velocity at which reaching the goal counts.", unit="m/step"
    )
    initial_position_min: Float[Array, ""] = real(
        -0.6, "Leftmost initial position.", unit="m"
    )
    initial_position_max: Float[Array, ""] = real(
        -0.4, "Rightmost initial position.", unit="m"
    )

    def __check_init__(self):
        require(
            np.less,
            f"{type(self).__name__}.min_position must be less than max_position; got "
            "{} and {}.",
            self.min_position,
            self.max_position,
        )

    def initial_state(self, key: Key[Array, ""]) -> MountainCarState:
        position = jr.uniform(
            key, minval=self.initial_position_min, maxval=self.initial_position_max
        )
        return MountainCarState(
            position=position, velocity=jnp.zeros_like(position), time=jnp.int32(0)
        )

    def _drive(
        self, state: MountainCarState, push: Float[Array, ""]
    ) -> tuple[MountainCarState, Bool[Array, ""]]:
        """The next state, given the engine's acceleration, and whether the goal is
        reached."""
        _, slope = sin_cos(3 * state.position)
        velocity = state.velocity + push - self.gravity * slope
        velocity = jnp.clip(velocity, -self.max_speed, self.max_speed)
        position = jnp.clip(
            state.position + velocity, self.min_position, self.max_position
        )
        hits_wall = (position == self.min_position) & (velocity < 0)
        velocity = jnp.where(hits_wall, 0.0, velocity)
        at_goal = (position >= self.goal_position) & (velocity >= self.goal_velocity)
        state = MountainCarState(
            position=position, velocity=velocity, time=state.time + 1
        )
        return state, at_goal

    def observe(self, state: MountainCarState) -> Float[Array, " 2"]:
        return jnp.stack([state.position, state.velocity])

    @property
    def observation_space(self) -> Box:
        return Box(
            jnp.stack([self.min_position, -self.max_speed]),
            jnp.stack([self.max_position, self.max_speed]),
        )

    def draw(self, state: MountainCarState) -> Scene:
        wall_x, goal_x = self.min_position, self.goal_position
        unit = (self.max_position - wall_x) / 1.8  # for what has no size of its own
        left, right = wall_x - 0.1 * unit, self.max_position + 0.1 * unit
        x = jnp.linspace(left, right, NUM_POINTS, dtype=unit.dtype)
        ground = jnp.stack([x, _height(x)], axis=-1)
        top = jnp.max(ground[:, 1]) + 0.4 * unit
        bottom = jnp.min(ground[:, 1]) - 0.15 * unit
        below = bottom - unit  # also in a picture that is taller than the view
        corners = jnp.stack([jnp.stack([right, below]), jnp.stack([left, below])])
        angle = jnp.arctan(1.35 * jnp.cos(3 * state.position))  # the slope
        cos, sin = unit * jnp.cos(angle), unit * jnp.sin(angle)

        def upright(x, along, above):
            return x + along * unit, _height(x) + above * unit

        def on_car(along, above):
            x, y = upright(state.position, 0, 0)
            return x + along * cos - above * sin, y + along * sin + above * cos

        wall = (upright(wall_x, 0, 0), upright(wall_x, 0, 0.2))
        pole = (upright(goal_x, 0, 0), upright(goal_x, 0, 0.28))
        flag = [upright(goal_x, *at) for at in ((0, 0.28), (0, 0.18), (0.15, 0.23))]
        return Scene(
            (
                Polygon(jnp.concatenate([ground, corners]), SILVER),
                polyline(ground, 0.015 * unit, SLATE),
                Segment(*wall, 0.03 * unit, SLATE),
                Segment(*pole, 0.015 * unit, INK),
                Polygon(flag, ORANGE),
                Rectangle(
                    on_car(0, 0.08), (0.2 * unit, 0.07 * unit), BLUE, angle=angle
                ),
                Disc([on_car(-0.06, 0.04), on_car(0.06, 0.04)], 0.035 * unit, INK),
            ),
            view=(left, bottom, right, top),
        )


def _height(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return 0.45 * jnp.sin(3 * x) + 0.55
