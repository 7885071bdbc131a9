"""Pendulum: swing a pendulum up and balance it, with a motor too weak to lift it
straight up.

The task is Gymnasium's `Pendulum-v1`
(https://gymnasium.farama.org/environments/classic_control/pendulum/), which has no
paper of its own.

1. The torque is limited to what the motor can deliver.
2. The cost depends on the angle from upright, the speed and the torque, before the
   move.
3. Gravity and the torque accelerate the rod, whose speed is limited.
4. The new speed moves the rod.

**Deviations:** none.
"""

import math

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ..._sine import sin_cos
from ...fields import real, time_limit
from ...rendering import Disc, Scene, Segment
from ...rendering.colors import GREEN, INK, RED, SILVER
from ...spaces import Box


class PendulumState(AbstractState):
    """The angle of the rod from upright (rad), unwrapped, and its speed (rad/s)."""

    theta: Float[Array, ""]
    theta_dot: Float[Array, ""]
    time: Int32[Array, ""]


class Pendulum(
    AbstractEnvironment[PendulumState, Float[Array, " 1"], Float[Array, " 3"]]
):
    """Swing up a pendulum.

    **Observation:** three numbers.

    | index | meaning | unit | range |
    | --- | --- | --- | --- |
    | 0 | cosine of the angle from upright | | ± 1 |
    | 1 | sine of the angle from upright | | ± 1 |
    | 2 | angular velocity | rad/s | ± `max_speed` |

    **Action:** `Box(shape=(1,))`: the torque in N m, clipped to ± `max_torque`.

    **Reward:** `-(theta² + 0.1 theta_dot² + 0.001 torque²)`, computed from the state
    before the step, with the angle between -π and π.

    **Start:** the angle is uniform in ± `initial_angle_bound`, the angular velocity in
    ± `initial_speed_bound`.

    **Episode end:** never terminates; truncated after `max_steps`.

    **Source:** Gymnasium's `Pendulum-v1`.
    """

    gravity: Float[Array, ""] = real(10.0, "Acceleration due to gravity.", unit="m/s²")
    mass: Float[Array, ""] = real(1.0, "Mass of the rod.", unit="kg", above=0)
    length: Float[Array, ""] = real(1.0, "Length of the rod.", unit="m", above=0)
    time_delta: Float[Array, ""] = real(
        0.05, "Time that one step takes.", unit="s", minimum=0
    )
    max_speed: Float[Array, ""] = real(
        8.0, "Largest angular velocity.", unit="rad/s", minimum=0
    )
    max_torque: Float[Array, ""] = real(
        2.0, "Largest torque of the motor.", unit="N m", minimum=0
    )
    initial_angle_bound: Float[Array, ""] = real(
        math.pi, "Largest initial angle from upright.", unit="rad", minimum=0
    )
    initial_speed_bound: Float[Array, ""] = real(
        1.0, "Largest initial angular velocity.", unit="rad/s", minimum=0
    )
    max_steps: Int32[Array, ""] = time_limit(200)

    def initial_state(self, key: Key[Array, ""]) -> PendulumState:
        high = jnp.stack([self.initial_angle_bound, self.initial_speed_bound])
        theta, theta_dot = jr.uniform(key, (2,), minval=-high, maxval=high)
        return PendulumState(theta=theta, theta_dot=theta_dot, time=jnp.int32(0))

    def transition(
        self, key: Key[Array, ""], state: PendulumState, action: Float[Array, " 1"]
    ) -> Transition[PendulumState]:
        del key
        # Rule 1: the torque.
        torque = jnp.clip(action[0], -self.max_torque, self.max_torque)

        # Rule 2: the cost.
        angle = _between_minus_pi_and_pi(state.theta)
        cost = angle**2 + 0.1 * state.theta_dot**2 + 0.001 * torque**2

        # Rules 3 and 4: the move.
        sin, _ = sin_cos(state.theta)
        acceleration = (
            3 * self.gravity / (2 * self.length) * sin
            + 3 / (self.mass * self.length**2) * torque
        )
        theta_dot = jnp.clip(
            state.theta_dot + acceleration * self.time_delta,
            -self.max_speed,
            self.max_speed,
        )
        theta = state.theta + theta_dot * self.time_delta
        state = PendulumState(theta=theta, theta_dot=theta_dot, time=state.time + 1)
        return Transition(state, -cost, jnp.array(False))

    def observe(self, state: PendulumState) -> Float[Array, " 3"]:
        sin, cos = sin_cos(state.theta)
        return jnp.stack([cos, sin, state.theta_dot])

    @property
    def action_space(self) -> Box:
        return Box(-self.max_torque, self.max_torque, (1,))

    @property
    def observation_space(self) -> Box:
        one = jnp.ones_like(self.max_speed)
        high = jnp.stack([one, one, self.max_speed])
        return Box(-high, high)

    def draw(self, state: PendulumState) -> Scene:
        length = self.length
        unit = jnp.maximum(length, 1.0)  # a short rod is shown short
        reach = 1.3 * unit
        tip = (-length * jnp.sin(state.theta), length * jnp.cos(state.theta))
        return Scene(
            (
                Disc((0, 0), length, SILVER, outline=0.02),
                Segment((0, 1.06 * length), (0, 1.18 * length), 0.05 * unit, GREEN),
                Segment((0, 0), tip, 0.18 * unit, RED),
                Disc((0, 0), 0.05 * unit, INK),
            ),
            view=(-reach, -reach, reach, reach),
        )


def _between_minus_pi_and_pi(angle: Float[Array, ""]) -> Float[Array, ""]:
    turns = jnp.floor((angle + math.pi) / (2 * math.pi))
    return angle - 2 * math.pi * turns
