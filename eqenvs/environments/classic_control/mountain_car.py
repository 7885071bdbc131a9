"""MountainCar: an underpowered car in a valley must build up momentum to climb out.

The task is from Andrew Moore's thesis, "Efficient memory-based learning for robot
control" (University of Cambridge, 1990), as in Gymnasium's `MountainCar-v0`
(https://gymnasium.farama.org/environments/classic_control/mountain_car/).

1. The engine pushes to the left, not at all, or to the right; the slope pulls.
2. The speed is limited.
3. The car moves, and stops dead at the wall on the left.
4. The episode terminates when the car passes the goal fast enough.

Rules 2 to 4 are in `_mountain_car.py`.

**Deviations:** none.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32, Key

from ..._environment import Transition
from ...fields import real, time_limit
from ...spaces import Discrete
from ._mountain_car import AbstractMountainCar, MountainCarState as MountainCarState


class MountainCar(AbstractMountainCar[Int32[Array, ""]]):
    """Drive an underpowered car up a mountain, with three actions.

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

    force: Float[Array, ""] = real(
        0.001, "Acceleration caused by the engine.", unit="m/step²"
    )
    goal_position: Float[Array, ""] = real(0.5, "Position of the goal.", unit="m")
    max_steps: Int32[Array, ""] = time_limit(200)

    def transition(
        self, key: Key[Array, ""], state: MountainCarState, action: Int32[Array, ""]
    ) -> Transition[MountainCarState]:
        del key
        direction = (action - 1).astype(self.force.dtype)
        state, at_goal = self._drive(state, direction * self.force)
        return Transition(state, jnp.array(-1.0), at_goal)

    @property
    def action_space(self) -> Discrete:
        return Discrete(3)
