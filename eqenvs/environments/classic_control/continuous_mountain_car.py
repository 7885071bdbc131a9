"""ContinuousMountainCar: an underpowered car with a throttle must climb out of a
valley.

The task is from Andrew Moore's thesis, "Efficient memory-based learning for robot
control" (University of Cambridge, 1990), as in Gymnasium's `MountainCarContinuous-v0`
(https://gymnasium.farama.org/environments/classic_control/mountain_car_continuous/).

1. The engine pushes with the force that the action asks for, up to its limit; the slope
   pulls.
2. The speed is limited.
3. The car moves, and stops dead at the wall on the left.
4. The episode terminates when the car passes the goal fast enough.
5. Reaching the goal pays 100. Every action has a cost, which includes the part beyond
   the limit.

Rules 2 to 4 are in `_mountain_car.py`.

**Deviations:**

- Gymnasium rounds the state to 32 bits at every step, even when everything else has 64.
- `step` and `advance` clip an action outside the space to it before anything else, so
  an action of 3 costs 0.1 here and 0.9 in Gymnasium, which clips only the force.
  `transition` does not clip, and matches Gymnasium.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32, Key

from ..._environment import Transition
from ...fields import real, time_limit
from ...spaces import Box
from ._mountain_car import AbstractMountainCar, MountainCarState


ContinuousMountainCarState = MountainCarState


class ContinuousMountainCar(AbstractMountainCar[Float[Array, " 1"]]):
    """Drive an underpowered car up a mountain, using little force.

    **Observation:** two numbers.

    | index | meaning | unit | range |
    | --- | --- | --- | --- |
    | 0 | position of the car | m | `min_position` to `max_position` |
    | 1 | velocity of the car | m/step | ± `max_speed` |

    **Action:** `Box(shape=(1,))`: the force, clipped to `min_action` to `max_action`.

    **Reward:** `-0.1 action²`, and 100 on reaching the goal. `transition` charges for
    the action before it is clipped, as Gymnasium does; `advance` and `step` clip it
    first.

    **Start:** at rest, at a position uniform between `initial_position_min` and
    `initial_position_max`.

    **Episode end:** terminates when the position is at least `goal_position` and the
    velocity at least `goal_velocity`; truncated after `max_steps`.

    **Source:** Moore (1990), as in Gymnasium's `MountainCarContinuous-v0`.
    """

    power: Float[Array, ""] = real(
        0.0015, "Acceleration caused by a force of 1.", unit="m/step²"
    )
    min_action: Float[Array, ""] = real(-1.0, "Largest force to the left.")
    max_action: Float[Array, ""] = real(1.0, "Largest force to the right.")
    goal_position: Float[Array, ""] = real(0.45, "Position of the goal.", unit="m")
    max_steps: Int32[Array, ""] = time_limit(999)

    def transition(
        self, key: Key[Array, ""], state: MountainCarState, action: Float[Array, " 1"]
    ) -> Transition[MountainCarState]:
        del key
        push = jnp.clip(action[0], self.min_action, self.max_action) * self.power
        state, at_goal = self._drive(state, push)
        reward = jnp.where(at_goal, 100.0, 0.0) - 0.1 * action[0] ** 2
        return Transition(state, reward, at_goal)

    @property
    def action_space(self) -> Box:
        return Box(self.min_action, self.max_action, (1,))
