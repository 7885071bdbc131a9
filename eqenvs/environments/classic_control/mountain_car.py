"""MountainCar: a car in a valley, too weak to drive straight up, has to build up swing.

The task is from Andrew Moore's thesis, "Efficient memory-based learning for robot
control" (University of Cambridge, 1990), as in Gymnasium's `MountainCar-v0`
(https://gymnasium.farama.org/environments/classic_control/mountain_car/).

1. The engine pushes to the left, not at all, or to the right; the slope pulls.
2. The speed is limited.
3. The car moves, and stops dead at the wall on the left.
4. The episode terminates when the car passes the goal fast enough.
"""

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import real, time_limit
from ...rendering import Scene
from ...spaces import Box, Discrete
from ._mountain_car import picture


class MountainCarState(AbstractState):
    """Where the car is, and how fast it moves."""

    position: Float[Array, ""]
    velocity: Float[Array, ""]
    time: Int32[Array, ""]


class MountainCar(
    AbstractEnvironment[MountainCarState, Int32[Array, ""], Float[Array, " 2"]]
):
    """Drive a weak car up a mountain, with three actions.

    **Observation:** two numbers.

    | index | meaning | unit | range |
    | --- | --- | --- | --- |
    | 0 | position of the car | m | `min_position` to `max_position` |
    | 1 | velocity of the car | m/step | ± `max_speed` |

    **Action:** `Discrete(3)`: 0 accelerates to the left, 1 does not accelerate, 2
    accelerates to the right.

    **Reward:** -1 at every step.

    **Start:** at rest, at a position uniform between `initial_position_min` and
    `initial_position_max`.

    **Episode end:** terminates when the position is at least `goal_position` and the
    velocity at least `goal_velocity`; truncated after `max_steps`.

    **Source:** Moore (1990), as in Gymnasium's `MountainCar-v0`.
    """

    gravity: Float[Array, ""] = real(
        0.0025, "Pull of the steepest slope.", unit="m/step²"
    )
    force: Float[Array, ""] = real(0.001, "Acceleration by the engine.", unit="m/step²")
    min_position: Float[Array, ""] = real(
        -1.2, "Where the wall on the left is.", unit="m"
    )
    max_position: Float[Array, ""] = real(
        0.6, "Where the track ends on the right.", unit="m"
    )
    max_speed: Float[Array, ""] = real(0.07, "Largest speed.", unit="m/step", minimum=0)
    goal_position: Float[Array, ""] = real(0.5, "Where the goal is.", unit="m")
    goal_velocity: Float[Array, ""] = real(
        0.0, "Least velocity with which the goal counts.", unit="m/step"
    )
    initial_position_min: Float[Array, ""] = real(
        -0.6, "Leftmost initial position.", unit="m"
    )
    initial_position_max: Float[Array, ""] = real(
        -0.4, "Rightmost initial position.", unit="m"
    )
    max_steps: Int32[Array, ""] = time_limit(200)

    def initial_state(self, key: Key[Array, ""]) -> MountainCarState:
        position = jr.uniform(
            key, minval=self.initial_position_min, maxval=self.initial_position_max
        )
        return MountainCarState(
            position=position, velocity=jnp.zeros_like(position), time=jnp.int32(0)
        )

    def transition(
        self, key: Key[Array, ""], state: MountainCarState, action: Int32[Array, ""]
    ) -> Transition[MountainCarState]:
        del key
        push = (action - 1) * self.force
        velocity = state.velocity + push - self.gravity * jnp.cos(3 * state.position)
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
        return Transition(state, jnp.array(-1.0), at_goal)

    def observe(self, state: MountainCarState) -> Float[Array, " 2"]:
        return jnp.stack([state.position, state.velocity])

    @property
    def action_space(self) -> Discrete:
        return Discrete(3)

    @property
    def observation_space(self) -> Box:
        return Box(
            jnp.stack([self.min_position, -self.max_speed]),
            jnp.stack([self.max_position, self.max_speed]),
        )

    def draw(self, state: MountainCarState) -> Scene:
        return picture(
            state.position, self.min_position, self.max_position, self.goal_position
        )
