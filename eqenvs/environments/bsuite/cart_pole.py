"""CartPole as bsuite has it: balance a pole on a cart, with a third action that does
nothing.

The rules are those of `bsuite/environments/cartpole.py` in bsuite 0.3.6 (Osband et al.,
"Behaviour suite for reinforcement learning", ICLR 2020;
https://github.com/google-deepmind/bsuite), after Barto, Sutton & Anderson (1983).

1. The action pushes the cart to the left, not at all, or to the right.
2. One step of Euler's method moves the cart and the pole.
3. The reward is 1 while the pole is high enough and the cart is near enough to the
   middle. Otherwise it is 0, and the episode terminates.
4. The episode also terminates when more than `max_time` has passed.

**Deviations:**

- The time is the number of steps times `time_delta`, where bsuite adds `timescale` up
  in floating point. With the default parameters, both end an episode in step 1001; if
  `max_time` is a multiple of another `timescale`, they may differ by a step.
"""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32, Key

from ..._environment import Transition
from ...fields import real
from ...rendering import Scene
from ...spaces import Box
from ._cart_pole import AbstractBsuiteCartPole, BsuiteCartPoleState, picture


class BsuiteCartPole(AbstractBsuiteCartPole[Float[Array, " 6"]]):
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

    def initial_state(self, key: Key[Array, ""]) -> BsuiteCartPoleState:
        return self._start_near(key, 0.0)

    def transition(
        self, key: Key[Array, ""], state: BsuiteCartPoleState, action: Int32[Array, ""]
    ) -> Transition[BsuiteCartPoleState]:
        del key
        state = self._move(state, action)
        is_balanced = self._is_high(state) & (jnp.abs(state.x) < self.x_threshold)
        is_over = self._is_late(state) | ~is_balanced
        return Transition(state, jnp.where(is_balanced, 1.0, 0.0), is_over)

    def observe(self, state: BsuiteCartPoleState) -> Float[Array, " 6"]:
        return jnp.stack(self._observed(state))

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
