"""Freeway: a chicken crosses eight lanes of traffic.

The game is that of Young & Tian, "MinAtar: An Atari-Inspired Testbed for Thorough and
Reproducible Reinforcement Learning Experiments" (2019, arXiv:1903.03176), and follows
the rules of their package `minatar` (https://github.com/kenjyoung/MinAtar) one by one:

1. When its timer is at zero, the chicken can move one row up or down. If it does, the
   timer starts again.
2. A chicken that reaches the top row returns to the bottom row, for a reward of 1, and
   every car gets a new direction and pace.
3. A car whose timer is at zero moves one cell, wrapping around at the edges of the
   screen, and its timer starts again from its pace; the timers of the other cars run
   down by one. A chicken that meets a car, before or after the car moved, returns to
   the bottom row.
4. The chicken's timer runs down by one.
5. The episode terminates when the game's time limit has passed.

**Deviations:**

- The package terminates the episode in step 2501. That limit is `time_limit` here; it
  matters only if `max_steps` is raised.
- In the package, a car has no direction with a probability of about 2⁻⁵³; here it
  always has one.

**Kept:**

- Although the package's comments say otherwise, a car whose pace is `n` moves in every
  `n + 1`th step, so the fastest cars move in every second step.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Int32, Key, UInt32

from ... import fields
from ..._environment import AbstractState, Transition
from ..._fusion import computed_if_needed
from ...fields import integer
from ...random import scale_bits
from ._actions import DOWN, move, NOTHING, UP
from ._game import AbstractMinAtarGame
from ._maps import SIZE


TOP, BOTTOM = 0, SIZE - 1  # rows
CHICKEN_X = 4
NUM_CARS = 8  # car `i` is in row `i + 1` of the ten

CHANNELS = range(7)
CHICKEN, CAR, TRAIL = CHANNELS[:3]  # `TRAIL` is the first of five


class Cars(eqx.Module):
    """The cars, one for each row.

    `pace` is the number of steps that a car waits between two moves, negative if it
    drives to the left; `timer` is the number of steps left to wait.
    """

    x: Int32[Array, " 8"]
    timer: Int32[Array, " 8"]
    pace: Int32[Array, " 8"]


class FreewayState(AbstractState):
    """The row of the chicken, its timer, and the cars."""

    chicken_y: Int32[Array, ""]
    move_timer: Int32[Array, ""]
    cars: Cars
    time: Int32[Array, ""]


class Traffic(NamedTuple):
    """The paces that the cars get, from -5, ..., -1, 1, ..., 5."""

    pace: Int32[Array, " 8"]


class Freeway(AbstractMinAtarGame[FreewayState]):
    """Cross the road again and again; a chicken that meets a car must start over.

    **Observation:** booleans of shape `(10, 10, 7)`: row, column and channel.

    | channel | meaning |
    | --- | --- |
    | 0 | the chicken |
    | 1 | cars |
    | 2 to 6 | trail: the cell behind a car that waits 1 to 5 steps between two moves |

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
        3, "Time from one move of the chicken to the next.", unit="steps", minimum=0
    )
    time_limit: Int32[Array, ""] = integer(
        2500,
        "The game's own time limit; the episode terminates one step later.",
        unit="steps",
        minimum=0,
    )
    max_steps: Int32[Array, ""] = fields.time_limit(2500)

    minimal_set = (NOTHING, UP, DOWN)
    channels = CHANNELS

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
        # Rule 1: the chicken.
        direction = move(UP, DOWN, action, self.actions)
        moves = (state.move_timer == 0) & (direction != 0)
        y = jnp.where(moves, state.chicken_y + direction, state.chicken_y)
        y = jnp.clip(y, TOP, BOTTOM)
        move_timer = jnp.where(moves, self.move_interval, state.move_timer)

        # Rule 2: the top row. Random words are rarely needed.
        wins = y == TOP
        y = jnp.where(wins, BOTTOM, y)
        new_pace = _traffic(computed_if_needed(wins, _draw_words, key)).pace
        pace = jnp.where(wins, new_pace, state.cars.pace)
        timer = jnp.where(wins, jnp.abs(new_pace), state.cars.timer)

        # Rule 3: the cars.
        drives = timer == 0
        x = jnp.where(drives, _ahead(state.cars.x, pace > 0), state.cars.x)
        timer = jnp.where(drives, jnp.abs(pace), timer - 1)
        is_in_row = y == jnp.arange(1, NUM_CARS + 1, dtype=jnp.int32)
        meets = is_in_row & ((state.cars.x == CHICKEN_X) | (x == CHICKEN_X))
        y = jnp.where(jnp.any(meets), BOTTOM, y)

        # Rules 4 and 5: the timer, and the end.
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
        # A row has 70 entries, cell by cell, at most three of which are true.
        rows = jnp.arange(SIZE, dtype=jnp.int32)
        chicken = jnp.where(
            rows == state.chicken_y, len(CHANNELS) * CHICKEN_X + CHICKEN, -1
        )
        car = _in_all_rows(len(CHANNELS) * cars.x + CAR)
        trail = _in_all_rows(len(CHANNELS) * back + trail_channel)
        chicken, car, trail = (entry[:, None] for entry in (chicken, car, trail))
        entries = jnp.arange(SIZE * len(CHANNELS), dtype=jnp.int32)[None, :]
        is_true = (entries == chicken) | (entries == car) | (entries == trail)
        return is_true.reshape(SIZE, SIZE, len(CHANNELS))


def _draw_words(key: Key[Array, ""]) -> UInt32[Array, " 2"]:
    return jr.bits(key, (2,), jnp.uint32)


def _traffic(words: UInt32[Array, " 2"]) -> Traffic:
    # Four decimal digits from each of two random numbers between 0 and 1: all
    # combinations have the same probability to within 10,000 parts in 2**32.
    shifted = words[:, None] * jnp.array([[1, 10, 100, 1000]], jnp.uint32)
    digits = scale_bits(shifted, 10).reshape(NUM_CARS)
    return Traffic(jnp.where(digits < 5, digits - 5, digits - 4))


def _ahead(x: Int32[Array, " 8"], goes_right: Bool[Array, " 8"]) -> Int32[Array, " 8"]:
    """The next cell in a direction, wrapping around at the ends of a row."""
    right = jnp.where(x == SIZE - 1, 0, x + 1)
    left = jnp.where(x == 0, SIZE - 1, x - 1)
    return jnp.where(goes_right, right, left)


def _in_all_rows(entry: Int32[Array, " 8"]) -> Int32[Array, " 10"]:
    """Adds the first and the last row, which hold no cars."""
    return jnp.pad(entry, 1, constant_values=-1)
