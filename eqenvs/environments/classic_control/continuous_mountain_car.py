"""ContinuousMountainCar: the car in the valley, with an engine that can be dosed.

The task is from Andrew Moore's thesis, "Efficient memory-based learning for robot
control" (University of Cambridge, 1990), as in Gymnasium's `MountainCarContinuous-v0`
(https://gymnasium.farama.org/environments/classic_control/mountain_car_continuous/).

1. The engine pushes with the force that is asked for, up to its limit; the slope
   pulls.
2. The speed is limited.
3. The car moves, and stops dead at the wall on the left.
4. The episode terminates when the car passes the goal fast enough, which pays 100;
   pushing costs, and what is asked for beyond the limit costs too.
"""

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import real, time_limit
from ...rendering import Scene
from ...spaces import Box
from ._mountain_car import picture


class ContinuousMountainCarState(AbstractState):
    """Where the car is, and how fast it moves."""

    position: Float[Array, ""]
    velocity: Float[Array, ""]
    time: Int32[Array, ""]


class ContinuousMountainCar(
    AbstractEnvironment[
        ContinuousMountainCarState, Float[Array, " 1"], Float[Array, " 2"]
    ]
):
    """Drive a weak car up a mountain, sparingly.

    **Observation:** two numbers.

    | index | meaning | unit | range |
    | --- | --- | --- | --- |
    | 0 | position of the car | m | `min_position` to `max_position` |
    | 1 | velocity of the car | m/step | ± `max_speed` |

    **Action:** `Box(shape=(1,))`: the force, from `min_action` to `max_action`; what is
    beyond is clipped.

    **Reward:** `-0.1 action²`, of the action before clipping; and 100 on reaching the
    goal.

    **Start:** at rest, at a position uniform between `initial_position_min` and
    `initial_position_max`.

    **Episode end:** terminates when the position is at least `goal_position` and the
    velocity at least `goal_velocity`; truncated after `max_steps`.

    **Source:** Moore (1990), as in Gymnasium's `MountainCarContinuous-v0`.
    """

    gravity: Float[Array, ""] = real(
        0.0025, "Pull of the steepest slope.", unit="m/step²"
    )
    power: Float[Array, ""] = real(
        0.0015, "Acceleration by a force of one.", unit="m/step²"
    )
    min_action: Float[Array, ""] = real(-1.0, "Largest force to the left.")
    max_action: Float[Array, ""] = real(1.0, "Largest force to the right.")
    min_position: Float[Array, ""] = real(
        -1.2, "Where the wall on the left is.", unit="m"
    )
    max_position: Float[Array, ""] = real(
        0.6, "Where the track ends on the right.", unit="m"
    )
    max_speed: Float[Array, ""] = real(0.07, "Largest speed.", unit="m/step", minimum=0)
    goal_position: Float[Array, ""] = real(0.45, "Where the goal is.", unit="m")
    goal_velocity: Float[Array, ""] = real(
        0.0, "Least velocity with which the goal counts.", unit="m/step"
    )
    initial_position_min: Float[Array, ""] = real(
        -0.6, "Leftmost initial position.", unit="m"
    )
    initial_position_max: Float[Array, ""] = real(
        -0.4, "Rightmost initial position.", unit="m"
    )
    max_steps: Int32[Array, ""] = time_limit(999)

    def initial_state(self, key: Key[Array, ""]) -> ContinuousMountainCarState:
        position = jr.uniform(
            key, minval=self.initial_position_min, maxval=self.initial_position_max
        )
        return ContinuousMountainCarState(
            position=position, velocity=jnp.zeros_like(position), time=jnp.int32(0)
        )

    def transition(
        self,
        key: Key[Array, ""],
        state: ContinuousMountainCarState,
        action: Float[Array, " 1"],
    ) -> Transition[ContinuousMountainCarState]:
        del key
        push = jnp.clip(action[0], self.min_action, self.max_action) * self.power
        velocity = state.velocity + push - self.gravity * jnp.cos(3 * state.position)
        velocity = jnp.clip(velocity, -self.max_speed, self.max_speed)
        position = jnp.clip(
            state.position + velocity, self.min_position, self.max_position
        )
        hits_wall = (position == self.min_position) & (velocity < 0)
        velocity = jnp.where(hits_wall, 0.0, velocity)
        at_goal = (position >= self.goal_position) & (velocity >= self.goal_velocity)
        reward = jnp.where(at_goal, 100.0, 0.0) - 0.1 * action[0] ** 2
        state = ContinuousMountainCarState(
            position=position, velocity=velocity, time=state.time + 1
        )
        return Transition(state, reward, at_goal)

    def observe(self, state: ContinuousMountainCarState) -> Float[Array, " 2"]:
        return jnp.stack([state.position, state.velocity])

    @property
    def action_space(self) -> Box:
        return Box(self.min_action, self.max_action, (1,))

    @property
    def observation_space(self) -> Box:
        return Box(
            jnp.stack([self.min_position, -self.max_speed]),
            jnp.stack([self.max_position, self.max_speed]),
        )

    def draw(self, state: ContinuousMountainCarState) -> Scene:
        return picture(
            state.position, self.min_position, self.max_position, self.goal_position
        )
