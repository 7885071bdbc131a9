"""Freeway: a chicken crosses eight lanes of traffic.

The game is the one of Young & Tian, "MinAtar: An Atari-Inspired Testbed for Thorough
and Reproducible Reinforcement Learning Experiments" (2019, arXiv:1903.03176), as their
package `minatar` plays it (https://github.com/kenjyoung/MinAtar). In every step:

1. If its timer is at zero, the chicken may go one row up or down; the timer starts
   again if it does.
2. A chicken that has reached the top row earns a reward and is back in the bottom row,
   and every car gets a new direction and a new pace.
3. A car whose timer is at zero moves by one cell, from the end of the screen to its
   other end, and its timer starts again from its pace; the other cars' timers go down
   by one. A chicken that a car meets, before or after it moves, is back in the bottom
   row.
4. The chicken's timer goes down by one, if it is not at zero.
5. The game is over when its time limit has passed.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Int32, Key, UInt32

from ... import fields
from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import flag, integer
from ...random import scale_bits
from ...rendering import Scene
from ...spaces import Box, Discrete
from ._computed_once import computed_once
from ._picture import picture


UP, DOWN = 2, 4  # the actions, among all six; all others do nothing
CHICKEN, CAR, TRAIL = range(3)  # the channels; `TRAIL` is the first one of five
NUM_CARS = 8  # car `i` is on row `i + 1` of the ten
CHICKEN_X = 4
TOP, BOTTOM = 0, 9  # rows


class Cars(eqx.Module):
    """The cars, one for each row.

    `pace` is the number of steps that a car waits between two moves, with a minus sign
    if it drives to the left; `timer` is how many of them are still to go.
    """

    x: Int32[Array, " 8"]
    timer: Int32[Array, " 8"]
    pace: Int32[Array, " 8"]


class FreewayState(AbstractState):
    """Where the chicken is, how many steps its timer has to go, and the cars."""

    chicken_y: Int32[Array, ""]
    move_timer: Int32[Array, ""]
    cars: Cars
    time: Int32[Array, ""]


class Traffic(NamedTuple):
    """The paces that the cars get: each one of -5, ..., -1, 1, ..., 5."""

    pace: Int32[Array, " 8"]


class Freeway(
    AbstractEnvironment[FreewayState, Int32[Array, ""], Bool[Array, "10 10 7"]]
):
    """Cross the road again and again; a chicken that meets a car has to start anew.

    **Observation:** ten rows of ten cells with seven channels, all booleans.

    | channel | where it is true |
    | --- | --- |
    | 0 | the chicken |
    | 1 | cars |
    | 2 to 6 | the cell behind a car that waits 1 to 5 steps between two moves |

    **Action:** `Discrete(3)`: 0 stays, 1 goes up, 2 down. Without `minimal_actions`,
    `Discrete(6)`: 2 goes up, 4 down, and all others stay.

    **Reward:** 1 for reaching the top row, otherwise 0.

    **Start:** the chicken is in the bottom row and all cars are at the left; their
    directions and paces are random.

    **Episode end:** terminates in the step after `time_limit` steps; truncated after
    `max_steps`, which by default is one step sooner.

    **Source:** Young & Tian (2019), package `minatar`.
    """

    move_interval: Int32[Array, ""] = integer(
        3, "Steps from one move of the chicken to the next.", unit="steps", minimum=0
    )
    time_limit: Int32[Array, ""] = integer(
        2500,
        "Steps that the game has no end in; it terminates in the step after them.",
        unit="steps",
        minimum=0,
    )
    max_steps: Int32[Array, ""] = fields.time_limit(2500)
    minimal_actions: bool = flag(
        True, "Whether to leave out the actions that do nothing here."
    )

    def initial_state(self, key: Key[Array, ""]) -> FreewayState:
        pace = self._draw(key).pace
        return FreewayState(
            chicken_y=jnp.int32(BOTTOM),
            move_timer=self.move_interval,
            cars=Cars(x=jnp.zeros(NUM_CARS, jnp.int32), timer=jnp.abs(pace), pace=pace),
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: FreewayState, action: Int32[Array, ""]
    ) -> Transition[FreewayState]:
        up, down = (1, 2) if self.minimal_actions else (UP, DOWN)
        can_move = state.move_timer == 0
        goes_up, goes_down = can_move & (action == up), can_move & (action == down)
        y = jnp.clip(state.chicken_y - goes_up + goes_down, TOP, BOTTOM)
        move_timer = jnp.where(
            goes_up | goes_down, self.move_interval, state.move_timer
        )

        wins = y == TOP
        y = jnp.where(wins, BOTTOM, y)
        # The words are computed once, and not again for every number made from them;
        # they are all zero if no lane of a batch needs any.
        new_pace = _traffic(computed_once(wins, _draw_words(key))).pace
        pace = jnp.where(wins, new_pace, state.cars.pace)
        timer = jnp.where(wins, jnp.abs(new_pace), state.cars.timer)

        drives = timer == 0
        x = jnp.where(drives, _ahead(state.cars.x, pace > 0), state.cars.x)
        timer = jnp.where(drives, jnp.abs(pace), timer - 1)
        is_on_row = y == jnp.arange(1, NUM_CARS + 1)
        meets = is_on_row & ((state.cars.x == CHICKEN_X) | (x == CHICKEN_X))
        y = jnp.where(jnp.any(meets), BOTTOM, y)

        state = FreewayState(
            chicken_y=y,
            move_timer=jnp.maximum(move_timer - 1, 0),
            cars=Cars(x=x, timer=timer, pace=pace),
            time=state.time + 1,
        )
        reward = jnp.where(wins, 1.0, 0.0)
        return Transition(state, reward, state.time > self.time_limit)

    def _draw(self, key: Key[Array, ""]) -> Traffic:
        return _traffic(_draw_words(key))

    def observe(self, state: FreewayState) -> Bool[Array, "10 10 7"]:
        cars = state.cars
        back = _ahead(cars.x, cars.pace < 0)
        trail_channel = TRAIL + jnp.abs(cars.pace) - 1
        # A row has 70 entries, cell by cell, and at most three of them are true.
        chicken = jnp.where(
            jnp.arange(10) == state.chicken_y, 7 * CHICKEN_X + CHICKEN, -1
        )
        car = _on_all_rows(7 * cars.x + CAR)
        trail = _on_all_rows(7 * back + trail_channel)
        chicken, car, trail = (entry[:, None] for entry in (chicken, car, trail))
        entries = jnp.arange(70)
        picture = (entries == chicken) | (entries == car) | (entries == trail)
        return picture.reshape(10, 10, 7)

    @property
    def action_space(self) -> Discrete:
        return Discrete(3 if self.minimal_actions else 6)

    @property
    def observation_space(self) -> Box:
        return Box(0, 1, (10, 10, 7), bool)

    def draw(self, state: FreewayState) -> Scene:
        return picture(self.observe(state))


def _draw_words(key: Key[Array, ""]) -> UInt32[Array, " 2"]:
    return jr.bits(key, (2,), jnp.uint32)


def _traffic(words: UInt32[Array, " 2"]) -> Traffic:
    # Four decimal digits of each of two random numbers between 0 and 1: all
    # combinations have the same probability to within 10,000 parts in 2**32.
    shifted = words[:, None] * jnp.array([1, 10, 100, 1000], jnp.uint32)
    digits = scale_bits(shifted, 10).reshape(NUM_CARS)
    return Traffic(jnp.where(digits < 5, digits - 5, digits - 4))


def _ahead(x: Int32[Array, " 8"], goes_right: Bool[Array, " 8"]) -> Int32[Array, " 8"]:
    """The next cell in a direction; the two ends of a row are neighbours."""
    right, left = jnp.where(x == 9, 0, x + 1), jnp.where(x == 0, 9, x - 1)
    return jnp.where(goes_right, right, left)


def _on_all_rows(entry: Int32[Array, " 8"]) -> Int32[Array, " 10"]:
    """Adds the first and the last row, which hold no cars."""
    return jnp.pad(entry, 1, constant_values=-1)
