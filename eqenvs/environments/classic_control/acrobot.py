"""Acrobot: two links hang from a bar; swing the tip up with a motor at the elbow.

The task is from Sutton, "Generalization in reinforcement learning: successful examples
using sparse coarse coding" (NIPS, 1996), with the equations of motion of Sutton and
Barto's book, as in Gymnasium's `Acrobot-v1`
(https://gymnasium.farama.org/environments/classic_control/acrobot/).

1. The action picks a torque, to which noise may be added.
2. One step of the classical Runge-Kutta method moves the links.
3. The angles are wrapped to ± π, and the velocities are limited.
4. The episode terminates when the tip is one link's length above the bar.

**Deviations:**

- The torque noise is `None` by default and not 0, so that no random number is drawn for
  it.
"""

import math
from typing import Literal

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ..._sine import sin_cos
from ...fields import choice, real, time_limit
from ...rendering import Disc, Scene, Segment
from ...rendering.colors import BLUE, GREEN, INK, ORANGE
from ...spaces import Box, Discrete
from ._checks import require


class AcrobotState(AbstractState):
    """The angle of the first link (0 when it hangs down), the angle of the second
    relative to the first (rad), and their velocities (rad/s)."""

    theta_1: Float[Array, ""]
    theta_2: Float[Array, ""]
    theta_dot_1: Float[Array, ""]
    theta_dot_2: Float[Array, ""]
    time: Int32[Array, ""]


class Acrobot(AbstractEnvironment[AcrobotState, Int32[Array, ""], Float[Array, " 6"]]):
    """Swing up two links.

    **Observation:** six numbers.

    | index | meaning | unit | range |
    | --- | --- | --- | --- |
    | 0, 1 | cosine and sine of the first angle | | ± 1 |
    | 2, 3 | cosine and sine of the second angle | | ± 1 |
    | 4 | angular velocity of the first link | rad/s | ± `max_speed_1` |
    | 5 | angular velocity of the second link | rad/s | ± `max_speed_2` |

    **Action:** `Discrete(3)`: which of `torques` the motor at the elbow applies.

    **Reward:** -1 at every step except the one that terminates the episode, which gives
    0.

    **Start:** each of the two angles and two velocities is uniform in
    ± `initial_bound`.

    **Episode end:** terminates when `-cos(theta_1) - cos(theta_1 + theta_2) > 1`;
    truncated after `max_steps`.

    **Source:** Sutton (1996), as in Gymnasium's `Acrobot-v1`.
    """

    gravity: Float[Array, ""] = real(9.8, "Acceleration due to gravity.", unit="m/s²")
    link_length_1: Float[Array, ""] = real(
        1.0, "Length of the first link.", unit="m", minimum=0
    )
    link_length_2: Float[Array, ""] = real(
        1.0,
        "Length of the second link, for the picture only.",
        unit="m",
        minimum=0,
    )
    link_mass_1: Float[Array, ""] = real(
        1.0, "Mass of the first link.", unit="kg", minimum=0
    )
    link_mass_2: Float[Array, ""] = real(
        1.0, "Mass of the second link.", unit="kg", minimum=0
    )
    link_center_1: Float[Array, ""] = real(
        0.5, "Distance from the bar to the first link's center of mass.", unit="m"
    )
    link_center_2: Float[Array, ""] = real(
        0.5, "Distance from the elbow to the second link's center of mass.", unit="m"
    )
    link_moment: Float[Array, ""] = real(
        1.0, "Moment of inertia of each link.", unit="kg m²", minimum=0
    )
    torques: Float[Array, " 3"] = real(
        (-1.0, 0.0, 1.0), "Torque of each action.", unit="N m", shape=(3,)
    )
    torque_noise: Float[Array, ""] | None = real(
        None,
        "Largest absolute value of the uniform noise added to the torque; `None` for "
        "no noise.",
        unit="N m",
        minimum=0,
        optional=True,
    )
    time_delta: Float[Array, ""] = real(
        0.2, "Time that one step takes.", unit="s", minimum=0
    )
    max_speed_1: Float[Array, ""] = real(
        4 * math.pi, "Largest speed of the first link.", unit="rad/s", minimum=0
    )
    max_speed_2: Float[Array, ""] = real(
        9 * math.pi, "Largest speed of the second link.", unit="rad/s", minimum=0
    )
    initial_bound: Float[Array, ""] = real(
        0.1, "Largest absolute value of an initial coordinate.", minimum=0
    )
    max_steps: Int32[Array, ""] = time_limit(500)
    book_or_nips: Literal["book", "nips"] = choice(
        "book",
        "Equations of motion: those of the book, or those of the paper, which lack a "
        "term.",
        options=("book", "nips"),
    )

    def __check_init__(self):
        # Otherwise any torque would turn a link infinitely fast.
        require(
            lambda moment, mass_1, center_1, mass_2, center_2: (
                (moment > 0)
                | ((mass_1 * abs(center_1) > 0) & (mass_2 * abs(center_2) > 0))
            ),
            "Acrobot.link_moment must be greater than 0, unless both links have a mass "
            "away from their joint.",
            self.link_moment,
            self.link_mass_1,
            self.link_center_1,
            self.link_mass_2,
            self.link_center_2,
        )

    def initial_state(self, key: Key[Array, ""]) -> AcrobotState:
        theta_1, theta_2, theta_dot_1, theta_dot_2 = jr.uniform(
            key, (4,), minval=-self.initial_bound, maxval=self.initial_bound
        )
        return AcrobotState(
            theta_1=theta_1,
            theta_2=theta_2,
            theta_dot_1=theta_dot_1,
            theta_dot_2=theta_dot_2,
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: AcrobotState, action: Int32[Array, ""]
    ) -> Transition[AcrobotState]:
        # Rule 1: the torque.
        torque = self._torque(key, action)

        # Rules 2 and 3: the move.
        theta_1, theta_2, theta_dot_1, theta_dot_2 = self._integrate(
            (state.theta_1, state.theta_2, state.theta_dot_1, state.theta_dot_2), torque
        )
        theta_1, theta_2 = _wrap(theta_1), _wrap(theta_2)

        # Rule 4: the end.
        _, cos_1 = sin_cos(theta_1)
        _, cos_12 = sin_cos(theta_1 + theta_2)
        tip_is_up = -cos_1 - cos_12 > 1
        state = AcrobotState(
            theta_1=theta_1,
            theta_2=theta_2,
            theta_dot_1=jnp.clip(theta_dot_1, -self.max_speed_1, self.max_speed_1),
            theta_dot_2=jnp.clip(theta_dot_2, -self.max_speed_2, self.max_speed_2),
            time=state.time + 1,
        )
        return Transition(state, jnp.where(tip_is_up, 0.0, -1.0), tip_is_up)

    def _torque(
        self, key: Key[Array, ""], action: Int32[Array, ""]
    ) -> Float[Array, ""]:
        first, second, third = self.torques
        torque = jnp.where(action == 0, first, jnp.where(action == 1, second, third))
        if self.torque_noise is None:
            return torque
        return torque + jr.uniform(
            key, minval=-self.torque_noise, maxval=self.torque_noise
        )

    def _integrate(
        self, y: tuple[Float[Array, ""], ...], torque: Float[Array, ""]
    ) -> tuple[Float[Array, ""], ...]:
        dt = self.time_delta

        def shifted(step, slope):
            return tuple(a + step * b for a, b in zip(y, slope, strict=True))

        k1 = self._derivative(y, torque)
        k2 = self._derivative(shifted(dt / 2, k1), torque)
        k3 = self._derivative(shifted(dt / 2, k2), torque)
        k4 = self._derivative(shifted(dt, k3), torque)
        return tuple(
            a + dt / 6 * (b + 2 * c + 2 * d + e)
            for a, b, c, d, e in zip(y, k1, k2, k3, k4, strict=True)
        )

    def _derivative(
        self, y: tuple[Float[Array, ""], ...], torque: Float[Array, ""]
    ) -> tuple[Float[Array, ""], ...]:
        theta_1, theta_2, theta_dot_1, theta_dot_2 = y
        m1, m2, l1 = self.link_mass_1, self.link_mass_2, self.link_length_1
        c1, c2, moment = self.link_center_1, self.link_center_2, self.link_moment
        sin_1, _ = sin_cos(theta_1)
        sin_2, cos_2 = sin_cos(theta_2)
        sin_12, _ = sin_cos(theta_1 + theta_2)
        # The inertia, and the gravitational and rotational forces, as in the book.
        d1 = m1 * c1**2 + m2 * (l1**2 + c2**2 + 2 * l1 * c2 * cos_2) + 2 * moment
        d2 = m2 * (c2**2 + l1 * c2 * cos_2) + moment
        phi2 = m2 * c2 * self.gravity * sin_12
        phi1 = (
            -m2 * l1 * c2 * theta_dot_2 * (theta_dot_2 + 2 * theta_dot_1) * sin_2
            + (m1 * c1 + m2 * l1) * self.gravity * sin_1
            + phi2
        )
        force = torque + d2 / d1 * phi1 - phi2
        if self.book_or_nips == "book":
            force = force - m2 * l1 * c2 * theta_dot_1**2 * sin_2
        acceleration_2 = force / (m2 * c2**2 + moment - d2**2 / d1)
        acceleration_1 = -(d2 * acceleration_2 + phi1) / d1
        return theta_dot_1, theta_dot_2, acceleration_1, acceleration_2

    def observe(self, state: AcrobotState) -> Float[Array, " 6"]:
        sin_1, cos_1 = sin_cos(state.theta_1)
        sin_2, cos_2 = sin_cos(state.theta_2)
        return jnp.stack(
            [cos_1, sin_1, cos_2, sin_2, state.theta_dot_1, state.theta_dot_2]
        )

    @property
    def action_space(self) -> Discrete:
        return Discrete(3)

    @property
    def observation_space(self) -> Box:
        one = jnp.ones_like(self.max_speed_1)
        high = jnp.stack([one, one, one, one, self.max_speed_1, self.max_speed_2])
        return Box(-high, high)

    def draw(self, state: AcrobotState) -> Scene:
        l1, l2 = self.link_length_1, self.link_length_2
        angle = state.theta_1 + state.theta_2
        elbow_x, elbow_y = l1 * jnp.sin(state.theta_1), -l1 * jnp.cos(state.theta_1)
        tip = (elbow_x + l2 * jnp.sin(angle), elbow_y - l2 * jnp.cos(angle))
        reach = 1.1 * jnp.maximum(l1 + l2, 0.1)
        # The rule speaks of angles. With the elbow where it is, the episode terminates
        # when the tip is above this height; if both links are equally long, it is their
        # length wherever the elbow is.
        goal = l2 - (l1 - l2) * jnp.cos(state.theta_1)
        return Scene(
            (
                Segment((-reach, goal), (reach, goal), 0.015 * reach, GREEN),
                Segment((0, 0), (elbow_x, elbow_y), 0.09 * reach, BLUE),
                Segment((elbow_x, elbow_y), tip, 0.09 * reach, ORANGE),
                Disc([(0, 0), (elbow_x, elbow_y)], 0.03 * reach, INK),
            ),
            view=(-reach, -reach, reach, reach),
        )


def _wrap(angle: Float[Array, ""]) -> Float[Array, ""]:
    """Adds or subtracts whole turns until the angle is within ± π, both included."""
    turn = 2 * math.pi
    too_high = jnp.maximum(jnp.ceil((angle - math.pi) / turn), 0)
    too_low = jnp.maximum(jnp.ceil((-math.pi - angle) / turn), 0)
    return angle - turn * (too_high - too_low)
