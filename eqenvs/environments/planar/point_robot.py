"""PointRobot: find a goal that is hidden somewhere on a semicircle.

The rules are those of Dorfman, Shenfeld & Tamar, "Offline meta reinforcement learning:
identifiability challenges and effective data collection strategies" (NeurIPS 2021), in
its code (https://github.com/Rondorf/BOReL).

1. The action, clipped to ± `max_force`, moves the robot.
2. The robot is rewarded for being within `goal_radius` of the goal; or, with
   `dense_reward`, its reward is minus the distance to the goal.
3. The goal is not observed; only the rewards reveal it.

**Deviations:**

- BOReL draws a list of goals for an environment and picks one for each task. Here a
  goal is given (`goal`, for example from `PointRobot.random_goal`) or drawn for each
  episode.
- BOReL's agent observes the position (`observation="position"`), and its method keeps
  the history. The default here adds the last reward, the last move and the time, in
  gymnax's order.
- The time limit is gymnax's, 100 steps rather than 60.
- In BOReL, a wrapper maps actions from ± 1 to ± 0.1 and clips them. Here actions are in
  ± `max_force`, and clipped.
"""

import math
from typing import Literal

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import choice, flag, real, time_limit
from ...rendering import Disc, polyline, Rectangle, Scene
from ...rendering.colors import BLUE, GRAY, GREEN, RED, SILVER, WHITE, YELLOW
from ...spaces import Box
from .._shapes import arrow, lively_view
from .._time import fraction


class PointRobotState(AbstractState):
    """Where the robot and the goal are, and what happened in the step before."""

    position: Float[Array, "2"]
    goal: Float[Array, "2"]
    last_action: Float[Array, "2"]
    last_reward: Float[Array, ""]
    time: Int32[Array, ""]


class PointRobot(
    AbstractEnvironment[
        PointRobotState, Float[Array, "2"], Float[Array, " observations"]
    ]
):
    """Find a goal that is hidden on a semicircle.

    **Observation:** six numbers with `observation="history"`; only the first two of
    them with `observation="position"`.

    | index | meaning | range |
    | --- | --- | --- |
    | 0, 1 | x and y of the robot | unbounded |
    | 2 | previous reward; 0 at the start | at most 1 |
    | 3, 4 | previous move; 0 at the start | ± `max_force` |
    | 5 | time since the start; with `normalize_time` it grows from -1 to 1 at `max_steps`, otherwise it is the number of steps | |

    **Action:** two numbers in ± `max_force`, the move in x and in y.

    **Reward:** 1 where the robot is within `goal_radius` of the goal after its move,
    otherwise 0. With `dense_reward`, minus the distance to the goal.

    **Start:** the robot is uniform in a rectangle (`start="rectangle"`), or in that
    rectangle outside the ring within `goal_radius` of the full circle
    (`"off_circle"`), or in the middle of the circle (`"center"`), or in the half disc at
    an angle and a distance that are both uniform (`"half_disc"`). The goal is at `goal`;
    where that is None, it is drawn for the episode, uniform on the semicircle.

    **Episode end:** never terminates; truncated after `max_steps`.

    **Source:** Dorfman, Shenfeld & Tamar (2021),
    [BOReL](https://github.com/Rondorf/BOReL).
    """  # noqa: E501

    max_force: Float[Array, ""] = real(0.1, "Longest move along an axis.", minimum=0)
    circle_radius: Float[Array, ""] = real(1.0, "Radius of the semicircle.", minimum=0)
    goal_radius: Float[Array, ""] = real(
        0.2, "Distance at which the goal counts as reached.", minimum=0
    )
    goal: Float[Array, "2"] | None = real(
        None,
        "Position of the goal; None draws it for every episode.",
        shape=(2,),
        optional=True,
    )
    start_low: Float[Array, "2"] = real(
        (-1.5, -0.5), "Lower left corner of the start rectangle.", shape=(2,)
    )
    start_high: Float[Array, "2"] = real(
        (1.5, 1.5), "Upper right corner of the start rectangle.", shape=(2,)
    )
    max_steps: Int32[Array, ""] = time_limit(100)
    start: Literal["rectangle", "off_circle", "center", "half_disc"] = choice(
        "rectangle",
        "Where the robot starts.",
        options=("rectangle", "off_circle", "center", "half_disc"),
    )
    dense_reward: bool = flag(
        False, "Whether the reward is minus the distance to the goal."
    )
    observation: Literal["history", "position"] = choice(
        "history",
        "The kind of observation.",
        options=("history", "position"),
    )
    normalize_time: bool = flag(True, "Whether the observed time goes from -1 to 1.")

    task_fields = ("goal",)

    @staticmethod
    def random_goal(
        key: Key[Array, ""], circle_radius: float | Float[Array, ""] = 1.0
    ) -> Float[Array, "2"]:
        """Draws a goal, uniform on the semicircle.

        **Arguments:**

        - `key`: a JAX PRNG key.
        - `circle_radius`: the radius of the semicircle.

        **Returns:**

        A goal for `PointRobot(goal=...)`.
        """
        return _on_circle(circle_radius, math.pi * jr.uniform(key))

    def initial_state(self, key: Key[Array, ""]) -> PointRobotState:
        angle, *uniform = jr.uniform(key, (3,))
        if self.goal is None:
            goal = _on_circle(self.circle_radius, math.pi * angle)
        else:
            goal = self.goal
        return PointRobotState(
            position=self._draw_position(key, jnp.stack(uniform)),
            goal=goal,
            last_action=jnp.zeros_like(goal),
            last_reward=jnp.zeros_like(angle),
            time=jnp.int32(0),
        )

    def _draw_position(
        self, key: Key[Array, ""], uniform: Float[Array, "2"]
    ) -> Float[Array, "2"]:
        if self.start == "center":
            return jnp.zeros_like(uniform)
        if self.start == "half_disc":
            return _on_circle(self.circle_radius * uniform[0], math.pi * uniform[1])
        size = self.start_high - self.start_low
        position = self.start_low + size * uniform
        if self.start == "rectangle":
            return position

        def redraw(carry):
            n, _ = carry
            uniform = jr.uniform(jr.fold_in(key, n), (2,))
            return n + 1, self.start_low + size * uniform

        # From the third counter on: the first three made the numbers of the episode.
        _, position = jax.lax.while_loop(
            lambda carry: self._is_near_circle(carry[1]),
            redraw,
            (jnp.uint32(3), position),
        )
        return position

    def _is_near_circle(self, position: Float[Array, "2"]) -> Bool[Array, ""]:
        return jnp.abs(_norm(position) - self.circle_radius) <= self.goal_radius

    def transition(
        self, key: Key[Array, ""], state: PointRobotState, action: Float[Array, "2"]
    ) -> Transition[PointRobotState]:
        del key
        action = jnp.clip(action, -self.max_force, self.max_force)
        position = state.position + action
        distance = _norm(position - state.goal)
        if self.dense_reward:
            reward = -distance
        else:
            reward = (distance <= self.goal_radius).astype(distance.dtype)
        state = PointRobotState(
            position=position,
            goal=state.goal,
            last_action=action,
            last_reward=reward,
            time=state.time + 1,
        )
        return Transition(state, reward, jnp.array(False))

    def observe(self, state: PointRobotState) -> Float[Array, " observations"]:
        if self.observation == "position":
            return state.position
        time = state.time.astype(state.position.dtype)
        if self.normalize_time:
            time = 2 * jnp.minimum(fraction(state.time, self.max_steps), 1) - 1
        return jnp.concatenate(
            [
                state.position,
                state.last_reward[None],
                state.last_action,
                time[None],
            ]
        )

    @property
    def action_space(self) -> Box:
        return Box(-self.max_force, self.max_force, (2,))

    @property
    def observation_space(self) -> Box:
        infinity = jnp.full_like(self.max_force, jnp.inf)
        if self.observation == "position":
            return Box(-infinity, infinity, (2,))
        one, zero = jnp.ones_like(infinity), jnp.zeros_like(infinity)
        reward = (-infinity, zero) if self.dense_reward else (zero, one)
        if self.normalize_time:
            time = (-one, one)
        else:
            time = (zero, self.max_steps.astype(infinity.dtype))
        bounds = [(-infinity, infinity)] * 2 + [reward]
        bounds += [(-self.max_force, self.max_force)] * 2 + [time]
        low, high = zip(*bounds, strict=True)
        return Box(jnp.stack(low), jnp.stack(high))

    def draw(self, state: PointRobotState) -> Scene:
        angles = np.linspace(0, np.pi, 49)
        semicircle = self.circle_radius * np.stack([np.cos(angles), np.sin(angles)], -1)
        low, high = self.start_low, self.start_high
        still = 1.1 * jnp.max(jnp.abs(jnp.stack([low, high])))
        still = jnp.maximum(still, self.circle_radius + 2 * self.goal_radius)
        view = lively_view(jnp.stack([state.position, state.goal]), still)
        thin = 0.006 * view[2]
        is_rewarded = state.last_reward > 0
        ahead = state.position + 3 * state.last_action
        starts_in_rectangle = self.start in ("rectangle", "off_circle")
        return Scene(
            (
                Rectangle(
                    (low + high) / 2, high - low, WHITE, float(starts_in_rectangle)
                ),
                polyline(semicircle, 2 * thin, GRAY),
                Disc(state.goal, self.goal_radius, YELLOW),
                Disc(state.goal, 4 * thin, GREEN),
                *arrow(state.position, ahead, 4 * thin, BLUE),
                Disc(state.position, 8 * thin, jnp.where(is_rewarded, RED, BLUE)),
            ),
            view=view,
            background=np.float32(0.96) * SILVER,
        )


def _on_circle(
    radius: float | Float[Array, ""], angle: Float[Array, ""]
) -> Float[Array, "2"]:
    return radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)])


def _norm(vector: Float[Array, "2"]) -> Float[Array, ""]:
    """The length of a vector; its gradient is 0, not NaN, at the origin."""
    square = jnp.sum(vector**2)
    is_zero = square == 0
    return jnp.where(is_zero, 0.0, jnp.sqrt(jnp.where(is_zero, 1.0, square)))
