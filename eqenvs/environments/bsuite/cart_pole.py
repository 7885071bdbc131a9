"""CartPole as bsuite has it: balance a pole on a cart, with a third action to wait.

The rules are those of `bsuite/environments/cartpole.py` in bsuite 0.3.6 (Osband et al.,
"Behaviour suite for reinforcement learning", ICLR 2020;
https://github.com/google-deepmind/bsuite), after Barto, Sutton & Anderson (1983).

1. The action pushes the cart to the left, not at all, or to the right.
2. One step of Euler's method moves the cart and the pole.
3. The reward is 1 while the pole is high enough and the cart near enough to the middle.
   Otherwise it is 0, and the episode terminates.
4. The episode also terminates when more than `max_time` has passed.

bsuite adds up the time in floating point, step by step. Here it is the number of steps
times `time_delta`: with the default parameters, both end an episode in step 1001.
"""

import math

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import real, time_limit
from ...rendering import Scene
from ...spaces import Box, Discrete
from .._time import NO_LIMIT
from ._cart_pole import Motion, move, picture


class BsuiteCartPoleState(AbstractState):
    """Where the cart and the pole are, and how fast they move."""

    x: Float[Array, ""]
    x_dot: Float[Array, ""]
    theta: Float[Array, ""]
    theta_dot: Float[Array, ""]
    time: Int32[Array, ""]


class BsuiteCartPole(
    AbstractEnvironment[BsuiteCartPoleState, Int32[Array, ""], Float[Array, " 6"]]
):
    """Balance a pole on a cart for ten seconds.

    **Observation:** six numbers.

    | index | meaning | range |
    | --- | --- | --- |
    | 0 | position of the cart / `x_threshold` | unbounded |
    | 1 | velocity of the cart / `x_threshold` | unbounded |
    | 2 | sine of the angle of the pole from upright | -1 to 1 |
    | 3 | cosine of the angle | -1 to 1 |
    | 4 | angular velocity of the pole, in rad/s | unbounded |
    | 5 | time / `max_time` | at least 0 |

    **Action:** `Discrete(3)`: 0 pushes the cart to the left, 1 does not push it, 2
    pushes it to the right.

    **Reward:** 1 if the cosine of the angle is above `height_threshold` and the cart
    less than `x_threshold` from the middle, else 0.

    **Start:** the first four numbers of the state are uniform in ± `initial_bound`.

    **Episode end:** terminates with the first reward of 0, and when more than
    `max_time` has passed; truncated after `max_steps`.

    **Source:** bsuite 0.3.6, `bsuite/environments/cartpole.py`.
    """

    height_threshold: Float[Array, ""] = real(
        0.8, "Cosine of the angle at which the pole counts as fallen."
    )
    x_threshold: Float[Array, ""] = real(
        3.0, "Half the length of the track.", unit="m", above=0
    )
    max_time: Float[Array, ""] = real(
        10.0, "How long an episode lasts at most.", unit="s", above=0
    )
    gravity: Float[Array, ""] = real(9.8, "Acceleration due to gravity.", unit="m/s²")
    cart_mass: Float[Array, ""] = real(1.0, "Mass of the cart.", unit="kg", above=0)
    pole_mass: Float[Array, ""] = real(0.1, "Mass of the pole.", unit="kg", minimum=0)
    pole_half_length: Float[Array, ""] = real(
        0.5, "Half the pole's length.", unit="m", above=0
    )
    force: Float[Array, ""] = real(10.0, "Force of a push.", unit="N")
    time_delta: Float[Array, ""] = real(
        0.01, "Time that one step takes.", unit="s", above=0
    )
    initial_bound: Float[Array, ""] = real(
        0.05, "Largest absolute value of an initial coordinate.", minimum=0
    )
    max_steps: Int32[Array, ""] = time_limit(NO_LIMIT)

    def initial_state(self, key: Key[Array, ""]) -> BsuiteCartPoleState:
        x, x_dot, theta, theta_dot = jr.uniform(
            key, (4,), minval=-self.initial_bound, maxval=self.initial_bound
        )
        return BsuiteCartPoleState(
            x=x, x_dot=x_dot, theta=theta, theta_dot=theta_dot, time=jnp.int32(0)
        )

    def transition(
        self, key: Key[Array, ""], state: BsuiteCartPoleState, action: Int32[Array, ""]
    ) -> Transition[BsuiteCartPoleState]:
        del key
        motion = move(
            Motion(state.x, state.x_dot, state.theta, state.theta_dot),
            (action - 1).astype(self.force.dtype) * self.force,
            gravity=self.gravity,
            cart_mass=self.cart_mass,
            pole_mass=self.pole_mass,
            pole_half_length=self.pole_half_length,
            time_delta=self.time_delta,
        )
        state = BsuiteCartPoleState(*motion, state.time + 1)
        is_high = jnp.cos(state.theta) > self.height_threshold
        is_balanced = is_high & (jnp.abs(state.x) < self.x_threshold)
        is_over = self._seconds(state) > self.max_time
        return Transition(
            state, jnp.where(is_balanced, 1.0, 0.0), is_over | ~is_balanced
        )

    def _seconds(self, state: BsuiteCartPoleState) -> Float[Array, ""]:
        return state.time.astype(self.time_delta.dtype) * self.time_delta

    def observe(self, state: BsuiteCartPoleState) -> Float[Array, " 6"]:
        return jnp.stack(
            [
                state.x / self.x_threshold,
                state.x_dot / self.x_threshold,
                jnp.sin(state.theta),
                jnp.cos(state.theta),
                state.theta_dot,
                self._seconds(state) / self.max_time,
            ]
        )

    @property
    def action_space(self) -> Discrete:
        return Discrete(3)

    @property
    def observation_space(self) -> Box:
        high = jnp.array([math.inf, math.inf, 1.0, 1.0, math.inf, math.inf])
        return Box((-high).at[5].set(0.0), high)

    def draw(self, state: BsuiteCartPoleState) -> Scene:
        return picture(
            state.x,
            state.theta,
            x_threshold=self.x_threshold,
            x_reward_threshold=self.x_threshold,
            height_threshold=self.height_threshold,
            pole_half_length=self.pole_half_length,
        )
