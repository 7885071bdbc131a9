"""CartPoleSwingUp: swing a hanging pole up by moving its cart, and keep it there.

The rules are those of `bsuite/experiments/cartpole_swingup/cartpole_swingup.py` in
bsuite 0.3.6 (Osband et al., "Behaviour suite for reinforcement learning", ICLR 2020;
https://github.com/google-deepmind/bsuite).

1. The action pushes the cart to the left, not at all, or to the right. A push costs a
   little.
2. One step of Euler's method moves the cart and the pole.
3. The reward is 1 while the pole is high enough and slow enough, and the cart is near
   enough to the middle.
4. The episode terminates when the cart leaves the track or more than `max_time` has
   passed.

**Deviations:**

- As in `BsuiteCartPole`, the time is the number of steps times `time_delta`, and not a
  sum in floating point.
"""

import math

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32, Key

from ..._environment import Transition
from ...fields import real
from ...rendering import Scene
from ...spaces import Box
from ._cart_pole import AbstractBsuiteCartPole, BsuiteCartPoleState, picture


CartPoleSwingUpState = BsuiteCartPoleState


class CartPoleSwingUp(AbstractBsuiteCartPole[Float[Array, " 8"]]):
    """Swing a pole up and balance it, where every push has a cost.

    **Observation:** eight numbers.

    | index | meaning | range |
    | --- | --- | --- |
    | 0 | position of the cart / `x_threshold` | unbounded |
    | 1 | velocity of the cart / `x_threshold` | unbounded |
    | 2 | sine of the angle of the pole from upright | -1 to 1 |
    | 3 | cosine of the angle | -1 to 1 |
    | 4 | angular velocity of the pole, in rad/s | unbounded |
    | 5 | time / `max_time` | at least 0 |
    | 6 | 1 if the cart is less than `x_reward_threshold` from the middle, else -1 | -1, 1 |
    | 7 | 1 if the pole turns more slowly than `theta_dot_threshold`, else -1 | -1, 1 |

    **Action:** `Discrete(3)`: 0 pushes the cart to the left, 1 does not push it, 2
    pushes it to the right.

    **Reward:** minus `move_cost` for a push. In addition 1 if the cosine of the angle
    is above `height_threshold`, the pole turns more slowly than `theta_dot_threshold`,
    and the cart is less than `x_reward_threshold` from the middle.

    **Start:** the first four numbers of the state are uniform in ± `initial_bound`, the
    angle around π: the pole hangs down.

    **Episode end:** terminates when the cart is further than `x_threshold` from the
    middle, and when more than `max_time` has passed; truncated after `max_steps`.

    **Source:** bsuite 0.3.6,
    `bsuite/experiments/cartpole_swingup/cartpole_swingup.py`.
    """  # noqa: E501

    height_threshold: Float[Array, ""] = real(
        0.5, "Cosine of the angle above which the pole counts as upright."
    )
    theta_dot_threshold: Float[Array, ""] = real(
        1.0, "Angular speed below which the pole counts as balanced.", unit="rad/s"
    )
    x_reward_threshold: Float[Array, ""] = real(
        1.0, "Distance from the middle below which there are rewards.", unit="m"
    )
    move_cost: Float[Array, ""] = real(0.1, "Cost of a push.")

    def initial_state(self, key: Key[Array, ""]) -> BsuiteCartPoleState:
        return self._start_near(key, math.pi)

    def transition(
        self, key: Key[Array, ""], state: BsuiteCartPoleState, action: Int32[Array, ""]
    ) -> Transition[BsuiteCartPoleState]:
        del key
        state = self._move(state, action)
        is_upright = (
            self._is_high(state) & self._is_slow(state) & self._is_central(state)
        )
        cost = jnp.where(action == 1, 0.0, self.move_cost)
        has_left = jnp.abs(state.x) > self.x_threshold
        return Transition(
            state,
            jnp.where(is_upright, 1.0, 0.0) - cost,
            self._is_late(state) | has_left,
        )

    def _is_slow(self, state: BsuiteCartPoleState) -> Bool[Array, ""]:
        return jnp.abs(state.theta_dot) < self.theta_dot_threshold

    def _is_central(self, state: BsuiteCartPoleState) -> Bool[Array, ""]:
        return jnp.abs(state.x) < self.x_reward_threshold

    def observe(self, state: BsuiteCartPoleState) -> Float[Array, " 8"]:
        return jnp.stack(
            [
                *self._observed(state),
                jnp.where(self._is_central(state), 1.0, -1.0),
                jnp.where(self._is_slow(state), 1.0, -1.0),
            ]
        )

    @property
    def observation_space(self) -> Box:
        infinity = math.inf
        high = jnp.array([infinity, infinity, 1.0, 1.0, infinity, infinity, 1.0, 1.0])
        return Box((-high).at[5].set(0.0), high)

    def draw(self, state: BsuiteCartPoleState) -> Scene:
        return picture(
            state.x,
            state.theta,
            x_threshold=self.x_threshold,
            x_reward_threshold=self.x_reward_threshold,
            height_threshold=self.height_threshold,
            pole_half_length=self.pole_half_length,
        )
