"""What bsuite's two cart-poles share: parameters, equations of motion and picture.

They are those of `bsuite/environments/cartpole.py` in bsuite 0.3.6. The accelerations
are those of Gymnasium's cart-pole, in which the pole is uniform and has no friction.
"""

import math
from typing import Generic, TypeVar

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from equinox import AbstractVar
from jaxtyping import Array, Bool, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, NO_LIMIT
from ..._sine import sin_cos
from ...fields import real, time_limit
from ...rendering import Disc, Rectangle, Scene, Segment
from ...rendering.colors import BLUE, GREEN, INK, ORANGE, RED, SILVER, SLATE
from ...spaces import Discrete


class BsuiteCartPoleState(AbstractState):
    """Where the cart and the pole are, and how fast they move. The pole is upright for
    a `theta` of 0."""

    x: Float[Array, ""]
    x_dot: Float[Array, ""]
    theta: Float[Array, ""]
    theta_dot: Float[Array, ""]
    time: Int32[Array, ""]


Observation = TypeVar("Observation")


class AbstractBsuiteCartPole(
    AbstractEnvironment[BsuiteCartPoleState, Int32[Array, ""], Observation],
    Generic[Observation],
):
    """A cart with a pole, and three actions. A subclass has the reward, the end of an
    episode and what else is observed."""

    height_threshold: AbstractVar[Float[Array, ""]]
    x_threshold: Float[Array, ""] = real(
        3.0, "Half the length of the track.", unit="m", above=0
    )
    max_time: Float[Array, ""] = real(
        10.0, "Longest duration of an episode.", unit="s", above=0
    )
    gravity: Float[Array, ""] = real(9.8, "Acceleration due to gravity.", unit="m/s²")
    cart_mass: Float[Array, ""] = real(1.0, "Mass of the cart.", unit="kg", above=0)
    pole_mass: Float[Array, ""] = real(0.1, "Mass of the pole.", unit="kg", minimum=0)
    pole_half_length: Float[Array, ""] = real(
        0.5, "Half the pole's length.", unit="m", above=0
    )
    force: Float[Array, ""] = real(10.0, "Force of a push.", unit="N")
    time_delta: Float[Array, ""] = real(
        0.01, "Time that one step takes.", unit="s", above=0
    )
    initial_bound: Float[Array, ""] = real(
        0.05, "Largest deviation of an initial coordinate.", minimum=0
    )
    max_steps: Int32[Array, ""] = time_limit(NO_LIMIT)

    def _start_near(self, key: Key[Array, ""], theta: float) -> BsuiteCartPoleState:
        """Draws a state near a cart that rests in the middle, its pole at `theta`."""
        x, x_dot, deviation, theta_dot = jr.uniform(
            key, (4,), minval=-self.initial_bound, maxval=self.initial_bound
        )
        return BsuiteCartPoleState(
            x=x,
            x_dot=x_dot,
            theta=theta + deviation,
            theta_dot=theta_dot,
            time=jnp.int32(0),
        )

    def _move(
        self, state: BsuiteCartPoleState, action: Int32[Array, ""]
    ) -> BsuiteCartPoleState:
        """One step of Euler's method; the angle stays from 0 to 2π."""
        force = (action - 1).astype(self.force.dtype) * self.force
        mass = self.cart_mass + self.pole_mass
        share = self.pole_mass / mass  # of the lanes together, where they are alike
        moment = self.pole_mass * self.pole_half_length
        sin, cos = sin_cos(state.theta)
        push = (force + moment * state.theta_dot**2 * sin) / mass
        theta_acceleration = (self.gravity * sin - cos * push) / (
            self.pole_half_length * (4 / 3 - share * cos**2)
        )
        recoil = share * self.pole_half_length * theta_acceleration * cos
        x_acceleration = push - recoil
        theta = state.theta + self.time_delta * state.theta_dot
        return BsuiteCartPoleState(
            x=state.x + self.time_delta * state.x_dot,
            x_dot=state.x_dot + self.time_delta * x_acceleration,
            theta=jnp.remainder(theta, 2 * math.pi),
            theta_dot=state.theta_dot + self.time_delta * theta_acceleration,
            time=state.time + 1,
        )

    def _is_high(self, state: BsuiteCartPoleState) -> Bool[Array, ""]:
        _, cos = sin_cos(state.theta)
        return cos > self.height_threshold

    def _is_late(self, state: BsuiteCartPoleState) -> Bool[Array, ""]:
        return self._seconds(state) > self.max_time

    def _seconds(self, state: BsuiteCartPoleState) -> Float[Array, ""]:
        return state.time.astype(self.time_delta.dtype) * self.time_delta

    def _observed(self, state: BsuiteCartPoleState) -> list[Float[Array, ""]]:
        """The six numbers that both observe."""
        scale = 1 / self.x_threshold
        sin, cos = sin_cos(state.theta)
        return [
            scale * state.x,
            scale * state.x_dot,
            sin,
            cos,
            state.theta_dot,
            self._seconds(state) / self.max_time,
        ]

    @property
    def action_space(self) -> Discrete:
        return Discrete(3)


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
