"""Swimmer: a fish swims to a goal and keeps away from urchins.

The rules are those of Lenton et al., "Ivy: templated deep learning for inter-framework
portability" (2021), in its `ivy_gym` (https://github.com/unifyai/gym).

1. The action accelerates the fish in the plane.
2. One step of the semi-implicit Euler method moves it: first its velocity changes, then
   its position, with the new velocity.
3. The reward is high near the goal, and vanishes near any urchin.

**Deviations:**

- The original has no time limit; the one here is gymnax's.
- The original has five urchins; here, any number works.
"""

import math

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import count, real, time_limit
from ...rendering import AbstractShape, Disc, Polygon, Rectangle, Scene
from ...rendering.colors import GREEN, INK, ORANGE, PURPLE, SKY, SLATE, WHITE, YELLOW
from ...spaces import Box
from .._shapes import arrow, direction, lively_view


class SwimmerState(AbstractState):
    """Where the fish, the urchins and the goal are, and how fast the fish swims."""

    urchins: Float[Array, "urchins 2"]
    position: Float[Array, "2"]
    velocity: Float[Array, "2"]
    goal: Float[Array, "2"]
    time: Int32[Array, ""]


class Swimmer(
    AbstractEnvironment[SwimmerState, Float[Array, "2"], Float[Array, " observations"]]
):
    """Swim to a goal, away from urchins.

    **Observation:** `2 * num_urchins + 6` numbers. The urchins and the goal lie in ± 1.

    | index | meaning | unit |
    | --- | --- | --- |
    | the first `2 * num_urchins` | x and y of every urchin in turn | m |
    | the next 2 | x and y of the fish | m |
    | the next 2 | its velocity in x and in y | m/s |
    | the last 2 | x and y of the goal | m |

    **Action:** two numbers in ± 1, the accelerations in x and in y, in m/s².

    **Reward:** `exp(-goal_sharpness * d**2)` at every step, times
    `1 - exp(-urchin_sharpness * u**2)` for every urchin, where `d` and `u` are the
    distances of the fish from the goal and from the urchin after the move.

    **Start:** the urchins, the fish and the goal are uniform in the square ± 1; the
    fish is at rest.

    **Episode end:** never terminates; truncated after `max_steps`.

    **Source:** Lenton et al. (2021), [ivy_gym](https://github.com/unifyai/gym).
    """

    time_delta: Float[Array, ""] = real(
        0.05, "Time that one step takes.", unit="s", minimum=0
    )
    goal_sharpness: Float[Array, ""] = real(
        0.5,
        "How fast the reward falls with the squared distance to the goal.",
        unit="1/m²",
        minimum=0,
    )
    urchin_sharpness: Float[Array, ""] = real(
        30.0,
        "How fast the effect of an urchin falls with the squared distance to it.",
        unit="1/m²",
        minimum=0,
    )
    max_steps: Int32[Array, ""] = time_limit(500)
    num_urchins: int = count(5, "Number of urchins.", minimum=0)

    def initial_state(self, key: Key[Array, ""]) -> SwimmerState:
        n = self.num_urchins
        points = jr.uniform(key, (n + 2, 2), minval=-1.0, maxval=1.0)
        return SwimmerState(
            urchins=points[:n],
            position=points[n],
            velocity=jnp.zeros_like(points[n]),
            goal=points[n + 1],
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: SwimmerState, action: Float[Array, "2"]
    ) -> Transition[SwimmerState]:
        del key
        velocity = state.velocity + self.time_delta * action
        position = state.position + self.time_delta * velocity
        to_goal = jnp.sum((position - state.goal) ** 2)
        to_urchins = jnp.sum((position[None] - state.urchins) ** 2, axis=-1)
        reward = jnp.exp(-self.goal_sharpness * to_goal) * jnp.prod(
            1 - jnp.exp(-self.urchin_sharpness * to_urchins)
        )
        state = SwimmerState(
            urchins=state.urchins,
            position=position,
            velocity=velocity,
            goal=state.goal,
            time=state.time + 1,
        )
        return Transition(state, reward, jnp.array(False))

    def observe(self, state: SwimmerState) -> Float[Array, " observations"]:
        return jnp.concatenate(
            [state.urchins.ravel(), state.position, state.velocity, state.goal]
        )

    @property
    def action_space(self) -> Box:
        return Box(-1.0, 1.0, (2,))

    @property
    def observation_space(self) -> Box:
        high = 2 * self.num_urchins * [1.0] + 4 * [math.inf] + 2 * [1.0]
        high = jnp.array(high, dtype=float)
        return Box(-high, high)

    def draw(self, state: SwimmerState) -> Scene:
        points = [state.urchins, state.position[None], state.goal[None]]
        view = lively_view(jnp.concatenate(points), 1.1)
        # The fish: it looks where it swims, and to the right while it rests.
        ahead, speed = direction(state.velocity)
        ahead = jnp.where(speed > 0, ahead, jnp.array([1.0, 0.0]))
        speed = jnp.minimum(speed, 3.0)
        aside = jnp.stack([-ahead[1], ahead[0]])
        place = lambda x, y: state.position + x * ahead + y * aside  # noqa: E731
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False).tolist()
        body = [place(0.13 * math.cos(a), 0.06 * math.sin(a)) for a in angles]
        tail = [place(-0.08, 0), place(-0.2, 0.08), place(-0.2, -0.08)]
        return Scene(
            (
                Rectangle((0, 0), (2, 2), WHITE, 0.35),
                Disc(state.goal, 0.12, YELLOW),
                Disc(state.goal, 0.12, GREEN, outline=0.03),
                *_draw_urchins(state.urchins),
                *arrow(state.position, place(0.13 + 0.3 * speed, 0), 0.025, SLATE),
                Polygon(jnp.stack(tail), ORANGE),
                Polygon(jnp.stack(body), ORANGE),
                Disc(place(0.07, 0.02), 0.015, INK),
            ),
            view=view,
            background=SKY,
        )


def _draw_urchins(urchins: Float[Array, "urchins 2"]) -> tuple[AbstractShape, ...]:
    if urchins.shape[0] == 0:
        return ()
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radii = np.where(np.arange(24) % 2, 0.07, 0.13)
    star = np.stack([radii * np.cos(angles), radii * np.sin(angles)], -1)
    spines = urchins[:, None, :] + star.astype(urchins.dtype)[None]
    return Polygon(spines, INK), Disc(urchins, 0.04, PURPLE)
