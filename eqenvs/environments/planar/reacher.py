"""Reacher: an arm with several joints reaches for a goal in the plane.

The rules are those of Lenton et al., "Ivy: templated deep learning for inter-framework
portability" (2021), in its `ivy_gym` (https://github.com/unifyai/gym).

1. The action gives every joint an angular acceleration.
2. One step of the semi-implicit Euler method turns the joints: first their velocities
   change, then their angles, with the new velocities.
3. Every segment of the arm is 1 m long, and its angle is measured from the x axis, not
   from the previous segment. The reward is high when the arm's end is at the goal.

**Deviations:**

- The original has no time limit; the one here is gymnax's.
- The original has two joints; here, any number works.
"""

import math

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ..._sine import sin_cos
from ...fields import count, real, time_limit
from ...rendering import Disc, polyline, Scene
from ...rendering.colors import BLUE, GREEN, ORANGE, RED, SILVER, WHITE, YELLOW
from ...spaces import Box
from .._shapes import arrow


class ReacherState(AbstractState):
    """How the arm's segments point and turn, and where the goal is."""

    angles: Float[Array, " joints"]
    angular_velocities: Float[Array, " joints"]
    goal: Float[Array, "2"]
    time: Int32[Array, ""]


class Reacher(
    AbstractEnvironment[
        ReacherState, Float[Array, " joints"], Float[Array, " observations"]
    ]
):
    """Reach for a goal with an arm.

    **Observation:** `3 * num_joints + 2` numbers; the goal lies in ± `num_joints`.

    | index | meaning | unit |
    | --- | --- | --- |
    | the first `num_joints` | cosines of the angles of the segments | |
    | the next `num_joints` | sines of the angles | |
    | the next `num_joints` | angular velocities | rad/s |
    | the last 2 | x and y of the goal | m |

    **Action:** `num_joints` numbers in ± 1, the torques of the joints.

    **Reward:** `exp(-goal_sharpness * d**2)` at every step, where `d` is the distance
    between the end of the arm and the goal after the move.

    **Start:** angles uniform in ± π, angular velocities in ± 1, and both coordinates of
    the goal in ± `num_joints`.

    **Episode end:** never terminates; truncated after `max_steps`.

    **Source:** Lenton et al. (2021), [ivy_gym](https://github.com/unifyai/gym).
    """

    torque_scale: Float[Array, ""] = real(
        1.0, "Angular acceleration for an action of 1.", unit="rad/s²"
    )
    time_delta: Float[Array, ""] = real(
        0.05, "Time that one step takes.", unit="s", minimum=0
    )
    goal_sharpness: Float[Array, ""] = real(
        1.0,
        "How fast the reward falls with the squared distance to the goal.",
        unit="1/m²",
        minimum=0,
    )
    max_steps: Int32[Array, ""] = time_limit(100)
    num_joints: int = count(2, "Number of joints of the arm.")

    def initial_state(self, key: Key[Array, ""]) -> ReacherState:
        n = self.num_joints
        numbers = jr.uniform(key, (2 * n + 2,), minval=-1.0, maxval=1.0)
        return ReacherState(
            angles=math.pi * numbers[:n],
            angular_velocities=numbers[n : 2 * n],
            goal=n * numbers[2 * n :],
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: ReacherState, action: Float[Array, " joints"]
    ) -> Transition[ReacherState]:
        del key
        velocities = (
            state.angular_velocities + self.time_delta * self.torque_scale * action
        )
        angles = state.angles + self.time_delta * velocities
        sin, cos = sin_cos(angles)
        x = jnp.sum(cos) - state.goal[0]
        y = jnp.sum(sin) - state.goal[1]
        reward = jnp.exp(-self.goal_sharpness * (x**2 + y**2))
        state = ReacherState(
            angles=angles,
            angular_velocities=velocities,
            goal=state.goal,
            time=state.time + 1,
        )
        return Transition(state, reward, jnp.array(False))

    def observe(self, state: ReacherState) -> Float[Array, " observations"]:
        sin, cos = sin_cos(state.angles)
        return jnp.concatenate([cos, sin, state.angular_velocities, state.goal])

    @property
    def action_space(self) -> Box:
        return Box(-1.0, 1.0, (self.num_joints,))

    @property
    def observation_space(self) -> Box:
        n = self.num_joints
        high = jnp.array(2 * n * [1.0] + n * [math.inf] + 2 * [n], dtype=float)
        return Box(-high, high)

    def draw(self, state: ReacherState) -> Scene:
        n = self.num_joints
        segments = jnp.stack([jnp.cos(state.angles), jnp.sin(state.angles)], -1)
        ends = jnp.cumsum(segments, 0)
        joints = jnp.concatenate([jnp.zeros_like(ends[:1]), ends])
        across = jnp.stack([-segments[:, 1], segments[:, 0]], -1)
        motion = jnp.sum(state.angular_velocities[:, None] * across, 0)
        tip = joints[-1]
        half = 1.08 * n
        return Scene(
            (
                Disc((0, 0), n, SILVER, outline=0.015 * n),
                Disc(state.goal, 0.1 * n, YELLOW),
                Disc(state.goal, 0.1 * n, GREEN, outline=0.025 * n),
                polyline(joints, 0.09 * n, BLUE),
                Disc(joints[:-1], 0.03 * n, WHITE),
                *arrow(tip, tip + 0.3 * motion, 0.03 * n, ORANGE),
                Disc(tip, 0.06 * n, RED),
            ),
            view=(-half, -half, half, half),
        )
