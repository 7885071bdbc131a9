"""MountainCar as bsuite has it: drive an underpowered car out of a valley before time
runs out.

The rules are those of `bsuite/environments/mountain_car.py` in bsuite 0.3.6 (Osband et
al., "Behaviour suite for reinforcement learning", ICLR 2020;
https://github.com/google-deepmind/bsuite), after Moore (1990). The car moves as
Gymnasium's does.

1. The engine pushes to the left, not at all, or to the right; the slope pulls.
2. The speed is limited.
3. The car moves, and stops dead at the wall on the left.
4. The episode terminates at the goal, at any speed, and after `episode_length` steps.

**Deviations:**

- bsuite's `max_steps` is `episode_length` here, because it terminates the episode.
"""

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, NO_LIMIT, Transition
from ...fields import integer, real, time_limit
from ...rendering import Scene
from ...spaces import Box, Discrete
from .._time import fraction
from ..classic_control import MountainCar, MountainCarState


class BsuiteMountainCar(
    AbstractEnvironment[MountainCarState, Int32[Array, ""], Float[Array, " 3"]]
):
    """Drive an underpowered car up a mountain before time runs out.

    **Observation:** three numbers.

    | index | meaning | unit | range |
    | --- | --- | --- | --- |
    | 0 | position of the car | m | `min_position` to `max_position` |
    | 1 | velocity of the car | m/step | ± `max_speed` |
    | 2 | time / `episode_length` | | at least 0 |

    **Action:** `Discrete(3)`: 0 accelerates to the left, 1 does not accelerate, 2
    accelerates to the right.

    **Reward:** -1 at every step.

    **Start:** at rest, at a position uniform between `initial_position_min` and
    `initial_position_max`.

    **Episode end:** terminates when the position is at least `goal_position`, and after
    `episode_length` steps; truncated after `max_steps`.

    **Source:** bsuite 0.3.6, `bsuite/environments/mountain_car.py`.
    """

    gravity: Float[Array, ""] = real(
        0.0025, "Pull of the steepest slope.", unit="m/step²"
    )
    force: Float[Array, ""] = real(
        0.001, "Acceleration caused by the engine.", unit="m/step²"
    )
    min_position: Float[Array, ""] = real(
        -1.2, "Position of the wall on the left.", unit="m"
    )
    max_position: Float[Array, ""] = real(0.6, "Right end of the track.", unit="m")
    max_speed: Float[Array, ""] = real(0.07, "Largest speed.", unit="m/step", minimum=0)
    goal_position: Float[Array, ""] = real(0.5, "Position of the goal.", unit="m")
    initial_position_min: Float[Array, ""] = real(
        -0.6, "Leftmost initial position.", unit="m"
    )
    initial_position_max: Float[Array, ""] = real(
        -0.4, "Rightmost initial position.", unit="m"
    )
    episode_length: Int32[Array, ""] = integer(
        1000, "Number of steps after which an episode terminates.", minimum=1
    )
    max_steps: Int32[Array, ""] = time_limit(NO_LIMIT)

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
        step = self._car.transition(key, state, action)
        is_late = step.state.time >= self.episode_length
        return Transition(step.state, step.reward, step.terminated | is_late)

    @property
    def _car(self) -> MountainCar:
        """Gymnasium's car, whose goal counts at any velocity."""
        return MountainCar(
            gravity=self.gravity,
            force=self.force,
            min_position=self.min_position,
            max_position=self.max_position,
            max_speed=self.max_speed,
            goal_position=self.goal_position,
            goal_velocity=-self.max_speed,
        )

    def observe(self, state: MountainCarState) -> Float[Array, " 3"]:
        time = fraction(state.time, self.episode_length)
        return jnp.stack([state.position, state.velocity, time])

    @property
    def action_space(self) -> Discrete:
        return Discrete(3)

    @property
    def observation_space(self) -> Box:
        zero = jnp.zeros_like(self.max_speed)
        unbounded = jnp.full_like(self.max_speed, jnp.inf)
        return Box(
            jnp.stack([self.min_position, -self.max_speed, zero]),
            jnp.stack([self.max_position, self.max_speed, unbounded]),
        )

    def draw(self, state: MountainCarState) -> Scene:
        return self._car.draw(state)
