"""CartPole: balance a pole on a cart by pushing the cart left and right.

The cart, the pole and their equations of motion are those of Barto, Sutton & Anderson,
"Neuronlike adaptive elements that can solve difficult learning control problems"
(IEEE Transactions on Systems, Man, and Cybernetics, 1983), without friction, as in
Gymnasium's `CartPole-v1` (https://gymnasium.farama.org/environments/classic_control/).

1. The action pushes the cart to the left or to the right with a fixed force.
2. Newton's equations give the accelerations of the cart and of the pole.
3. One step of Euler's method, explicit or semi-implicit, moves the cart and the pole.
4. The episode terminates when the cart leaves the track or the pole leans too far.

**Deviations:**

- A state beyond the thresholds is never stepped, because `step` resets by itself.
  Gymnasium warns and gives a reward of 0 there; here the reward is 1, as everywhere.
"""

import math
from typing import Literal

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ..._sine import sin_cos
from ...fields import choice, flag, real, time_limit
from ...rendering import Disc, Rectangle, Scene, Segment
from ...rendering.colors import BLUE, GRAY, INK, ORANGE, RED, SLATE
from ...spaces import Box, Discrete
from ._checks import require


class CartPoleState(AbstractState):
    """Positions and velocities of the cart (m, m/s) and of the pole (rad, rad/s)."""

    x: Float[Array, ""]
    x_dot: Float[Array, ""]
    theta: Float[Array, ""]
    theta_dot: Float[Array, ""]
    time: Int32[Array, ""]


class CartPole(
    AbstractEnvironment[CartPoleState, Int32[Array, ""], Float[Array, " 4"]]
):
    """Balance a pole on a cart.

    **Observation:** four numbers.

    | index | meaning | unit | range |
    | --- | --- | --- | --- |
    | 0 | position of the cart | m | ± 2 `x_threshold` |
    | 1 | velocity of the cart | m/s | unbounded |
    | 2 | angle of the pole from upright | rad | ± 2 `theta_threshold` |
    | 3 | angular velocity of the pole | rad/s | unbounded |

    **Action:** `Discrete(2)`: 0 pushes the cart to the left, 1 to the right.

    **Reward:** 1 at every step, including the last. With `sutton_barto_reward`, 0 at
    every step except the one that terminates the episode, which gives -1.

    **Start:** each of the four numbers is uniform in ± `initial_bound`.

    **Episode end:** terminates when the cart is further than `x_threshold` from the
    middle or the pole leans further than `theta_threshold`; truncated after
    `max_steps`.

    **Source:** Barto, Sutton & Anderson (1983), as in Gymnasium's `CartPole-v1`.
    """

    gravity: Float[Array, ""] = real(9.8, "Acceleration due to gravity.", unit="m/s²")
    cart_mass: Float[Array, ""] = real(1.0, "Mass of the cart.", unit="kg", minimum=0)
    pole_mass: Float[Array, ""] = real(0.1, "Mass of the pole.", unit="kg", minimum=0)
    pole_half_length: Float[Array, ""] = real(
        0.5, "Half the pole's length.", unit="m", above=0
    )
    force: Float[Array, ""] = real(10.0, "Force of a push.", unit="N")
    time_delta: Float[Array, ""] = real(
        0.02, "Time that one step takes.", unit="s", minimum=0
    )
    x_threshold: Float[Array, ""] = real(
        2.4, "Half the length of the track.", unit="m", minimum=0
    )
    theta_threshold: Float[Array, ""] = real(
        math.radians(12),
        "Angle at which the pole counts as fallen.",
        unit="rad",
        minimum=0,
    )
    initial_bound: Float[Array, ""] = real(
        0.05, "Largest absolute value of an initial coordinate.", minimum=0
    )
    max_steps: Int32[Array, ""] = time_limit(500)
    integrator: Literal["euler", "semi-implicit euler"] = choice(
        "euler",
        "The method of integration.",
        options=("euler", "semi-implicit euler"),
    )
    sutton_barto_reward: bool = flag(
        False, "Whether the reward is that of Sutton and Barto's code."
    )

    def __check_init__(self):
        require(
            lambda cart_mass, pole_mass: cart_mass + pole_mass > 0,
            "CartPole.cart_mass and pole_mass must not both be zero.",
            self.cart_mass,
            self.pole_mass,
        )

    def initial_state(self, key: Key[Array, ""]) -> CartPoleState:
        x, x_dot, theta, theta_dot = jr.uniform(
            key, (4,), minval=-self.initial_bound, maxval=self.initial_bound
        )
        return CartPoleState(
            x=x, x_dot=x_dot, theta=theta, theta_dot=theta_dot, time=jnp.int32(0)
        )

    def transition(
        self, key: Key[Array, ""], state: CartPoleState, action: Int32[Array, ""]
    ) -> Transition[CartPoleState]:
        del key
        # Rules 1 and 2: the forces.
        force = jnp.where(action == 1, self.force, -self.force)
        x_acceleration, theta_acceleration = self._accelerations(state, force)

        # Rule 3: Euler's method.
        dt = self.time_delta
        x_dot = state.x_dot + dt * x_acceleration
        theta_dot = state.theta_dot + dt * theta_acceleration
        if self.integrator == "euler":
            x = state.x + dt * state.x_dot
            theta = state.theta + dt * state.theta_dot
        else:
            x = state.x + dt * x_dot
            theta = state.theta + dt * theta_dot

        # Rule 4: the end.
        leans = jnp.abs(theta) > self.theta_threshold
        has_fallen = (jnp.abs(x) > self.x_threshold) | leans
        if self.sutton_barto_reward:
            reward = jnp.where(has_fallen, -1.0, 0.0)
        else:
            reward = jnp.array(1.0)
        state = CartPoleState(
            x=x, x_dot=x_dot, theta=theta, theta_dot=theta_dot, time=state.time + 1
        )
        return Transition(state, reward, has_fallen)

    def _accelerations(
        self, state: CartPoleState, force: Float[Array, ""]
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        mass = self.cart_mass + self.pole_mass
        share = self.pole_mass / mass  # of the lanes together, where they are alike
        moment = self.pole_mass * self.pole_half_length
        # Three of the loops that XLA makes of a step of many lanes need them. If each
        # computed the polynomials itself, it would be long enough for XLA to split it
        # between threads, which takes longer than the loop: a step of 1,000 lanes from
        # Python then takes two to four times as long.
        always = (self.max_steps & 1) < 2
        sin, cos = sin_cos(state.theta, always)
        push = (force + moment * state.theta_dot**2 * sin) / mass
        theta_acceleration = (self.gravity * sin - cos * push) / (
            self.pole_half_length * (4 / 3 - share * cos**2)
        )
        recoil = share * self.pole_half_length * theta_acceleration * cos
        return push - recoil, theta_acceleration

    def observe(self, state: CartPoleState) -> Float[Array, " 4"]:
        return jnp.stack([state.x, state.x_dot, state.theta, state.theta_dot])

    @property
    def action_space(self) -> Discrete:
        return Discrete(2)

    @property
    def observation_space(self) -> Box:
        unbounded = jnp.full_like(self.x_threshold, jnp.inf)
        high = jnp.stack(
            [2 * self.x_threshold, unbounded, 2 * self.theta_threshold, unbounded]
        )
        return Box(-high, high)

    def draw(self, state: CartPoleState) -> Scene:
        limit, length = self.x_threshold, 2 * self.pole_half_length
        reach = jnp.maximum(limit, length)
        unit = reach / 2.4  # for what has no size of its own
        rail, hinge = -0.2 * unit, (state.x, 0)

        def leaning(angle):
            return state.x + length * jnp.sin(angle), length * jnp.cos(angle)

        lowest = length * jnp.cos(jnp.minimum(self.theta_threshold, math.pi))
        bottom = jnp.minimum(lowest, -0.4 * unit) - 0.1 * unit
        limits = jnp.stack([-limit, limit])
        fallen = jnp.stack([-self.theta_threshold, self.theta_threshold])
        return Scene(
            (
                Segment((-limit, rail), (limit, rail), 0.04 * unit, SLATE),
                Segment((limits, rail), (limits, rail + 0.3 * unit), 0.04 * unit, RED),
                Segment(hinge, leaning(fallen), 0.02 * unit, GRAY),
                Rectangle((state.x, -0.04 * unit), (0.5 * unit, 0.26 * unit), BLUE),
                Segment(hinge, leaning(state.theta), 0.1 * unit, ORANGE),
                Disc(hinge, 0.05 * unit, INK),
            ),
            view=(-1.1 * reach, bottom, 1.1 * reach, length + 0.4 * unit),
        )
