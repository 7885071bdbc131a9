"""Taxi: pick up a passenger and bring them to their destination.

The task is from Dietterich, "Hierarchical reinforcement learning with the MAXQ value
function decomposition" (Journal of Artificial Intelligence Research, 2000), as in
Gymnasium's `Taxi-v4` (https://gymnasium.farama.org/environments/toy_text/taxi/).

1. The taxi drives in a grid of five by five cells, and stays where it is if there is a
   wall. The passenger waits at one of four stands, and wants to go to another.
2. In the rain, a possible move veers to the left or to the right, each with
   probability `(1 - rainy_probability) / 2`; if there is a wall on that side, the taxi
   stays where it is.
3. The passenger can be picked up where they are, and dropped off at any stand. Trying
   either elsewhere costs 10. Dropping them off at their destination pays 20, and
   terminates the episode.
4. A fickle passenger, decided at the start with probability `fickle_probability`,
   changes their destination when the taxi first moves with them aboard.

**Deviations:**

- Whether the passenger is fickle is part of the state.
- `reset` returns no `info`: `env.action_mask(state)` gives the mask.

**Kept:**

- The optimal return is 7.93. It is the same in Gymnasium's table of transitions,
  although Gymnasium's source says 8.46.
"""

from typing import NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int8, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import flag, real, time_limit
from ...random import below, scale_bits
from ...rendering import AbstractShape, Disc, Rectangle, Scene, Segment
from ...rendering.colors import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    RED,
    SILVER,
    SLATE,
    WHITE,
    YELLOW,
)
from ...spaces import Discrete
from .._shapes import cell_center, pennant, person


ROADS = (
    "R: | : :G",
    " : | : : ",
    " : : : : ",
    " | : | : ",
    "Y| : |B: ",
)
SIZE = 5
STANDS = np.array(
    [(0, 0), (0, 4), (4, 0), (4, 3)], np.int32
)  # red, green, yellow, blue
ABOARD = len(STANDS)
SOUTH, NORTH, EAST, WEST, PICK_UP, DROP = range(6)
# One bit for each cell, whether the road goes on from it to the east.
_EAST_IS_OPEN = sum(
    1 << (SIZE * row + column)
    for row in range(SIZE)
    for column in range(SIZE - 1)
    if ROADS[row][2 * column + 1] == ":"
)


class TaxiState(AbstractState):
    """Where the taxi is, where the passenger is and wants to go, and whether the
    passenger will choose another destination.

    `passenger` and `destination` are the number of a stand; a `passenger` of 4 is
    aboard.
    """

    row: Int32[Array, ""]
    column: Int32[Array, ""]
    passenger: Int32[Array, ""]
    destination: Int32[Array, ""]
    is_fickle: Bool[Array, ""]
    time: Int32[Array, ""]


class _Outcomes(NamedTuple):
    """What a transition draws: `rain` is uniform in [0, 1), `choice` is from 0 to 2."""

    rain: Float[Array, ""]
    choice: Int32[Array, ""]


class Taxi(AbstractEnvironment[TaxiState, Int32[Array, ""], Int32[Array, ""]]):
    """Bring a passenger to their destination.

    **Observation:** `Discrete(500)`: `((row * 5 + column) * 5 + passenger) * 4 +
    destination`. The stands are 0 (red, top left), 1 (green, top right), 2 (yellow,
    bottom left) and 3 (blue, bottom right); a passenger of 4 is aboard.

    **Action:** `Discrete(6)`: 0 drives south, 1 north, 2 east, 3 west, 4 picks the
    passenger up, 5 drops them off.

    **Reward:** 20 for dropping the passenger off at their destination, -10 for picking
    up or dropping off where that is not possible, and -1 for every other step.

    **Start:** uniform over the 300 states in which the passenger is at one stand and
    wants to go to another.

    **Episode end:** terminates when the passenger is dropped off at their destination;
    truncated after `max_steps`.

    The transition's `info["prob"]` is the probability of the drive that was made, and
    `info["action_mask"]` says which actions change the state that it led to.

    **Source:** Dietterich (2000), as in Gymnasium's `Taxi-v4`.
    """

    rainy_probability: Float[Array, ""] = real(
        0.8,
        "Probability of driving as intended in the rain.",
        minimum=0,
        maximum=1,
    )
    fickle_probability: Float[Array, ""] = real(
        0.3,
        "Probability that a fickle passenger chooses another destination.",
        minimum=0,
        maximum=1,
    )
    max_steps: Int32[Array, ""] = time_limit(200)
    is_rainy: bool = flag(False, "Whether a drive may go to the side.")
    fickle_passenger: bool = flag(
        False, "Whether the passenger may choose another destination."
    )

    def initial_state(self, key: Key[Array, ""]) -> TaxiState:
        is_fickle = jnp.array(False)
        if self.fickle_passenger:
            word, other = jr.bits(key, (2,), jnp.uint32)
            n = scale_bits(word, 300)
            # The 24 bits that a float32 has room for.
            uniform = (other >> 8).astype(self.fickle_probability.dtype) * 2.0**-24
            is_fickle = uniform < self.fickle_probability
        else:
            n = below(key, 300)
        cell, passenger, destination = n // 12, n // 3 % 4, n % 3
        return TaxiState(
            row=cell // SIZE,
            column=cell % SIZE,
            passenger=passenger,
            destination=destination + _one(destination >= passenger),
            is_fickle=is_fickle,
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: TaxiState, action: Int32[Array, ""]
    ) -> Transition[TaxiState]:
        outcomes = self._draw(key)
        row, column, probability = self._drive(state, action, outcomes.rain)
        at_stand = _at_stands(state.row, state.column)
        stands = np.arange(len(STANDS), dtype=np.int32)
        is_aboard = state.passenger == ABOARD
        picks_up = (action == PICK_UP) & jnp.any(at_stand & (state.passenger == stands))
        can_drop = is_aboard & jnp.any(at_stand)
        arrives = (action == DROP) & jnp.any(
            at_stand & is_aboard & (state.destination == stands)
        )
        drops = (action == DROP) & can_drop
        stand = jnp.sum(jnp.where(at_stand, stands, 0), dtype=jnp.int32)
        passenger = jnp.where(picks_up, ABOARD, state.passenger)
        passenger = jnp.where(drops, stand, passenger)
        is_refused = (action >= PICK_UP) & ~picks_up & ~drops
        reward = jnp.where(arrives, 20.0, jnp.where(is_refused, -10.0, -1.0))
        destination, is_fickle = state.destination, state.is_fickle
        if self.fickle_passenger:
            moves = (row != state.row) | (column != state.column)
            changes = is_fickle & is_aboard & moves
            other = outcomes.choice + _one(outcomes.choice >= destination)
            destination = jnp.where(changes, other, destination)
            is_fickle = is_fickle & ~changes
        state = TaxiState(
            row=row,
            column=column,
            passenger=passenger,
            destination=destination,
            is_fickle=is_fickle,
            time=state.time + 1,
        )
        info = {"prob": probability, "action_mask": self.action_mask(state)}
        return Transition(state, reward, arrives, info)

    def _draw(self, key: Key[Array, ""]) -> _Outcomes:
        rain, choice = jnp.zeros_like(self.rainy_probability), jnp.int32(0)
        if self.is_rainy and self.fickle_passenger:
            words = jr.bits(key, (2,), jnp.uint32)
            rain = (words[0] >> 8).astype(rain.dtype) * 2.0**-24
            choice = scale_bits(words[1], 3)
        elif self.is_rainy:
            rain = jr.uniform(key)
        elif self.fickle_passenger:
            choice = below(key, 3)
        return _Outcomes(rain=rain, choice=choice)

    def _drive(
        self, state: TaxiState, action: Int32[Array, ""], rain: Float[Array, ""]
    ) -> tuple[Int32[Array, ""], Int32[Array, ""], Float[Array, ""]]:
        """Where the taxi is after the action, and how likely it was to get there."""
        row, column = state.row, state.column
        down = _one(action == SOUTH) - _one(action == NORTH)
        right = _one(action == EAST) - _one(action == WEST)
        is_possible = _is_open(row, column, down, right)
        probability = jnp.ones_like(self.rainy_probability)
        if self.is_rainy:
            lateral = (1 - self.rainy_probability) / 2
            # In the order of Gymnasium's table, so that the same number means the same.
            is_left = (rain >= self.rainy_probability) & is_possible
            is_right = is_left & (rain >= self.rainy_probability + lateral)
            # A turn to the left of (down, right) is (-right, down).
            turned_down = jnp.where(is_right, right, -right)
            turned_right = jnp.where(is_right, -down, down)
            down = jnp.where(is_left, turned_down, down)
            right = jnp.where(is_left, turned_right, right)
            is_drive = action < PICK_UP
            slips = rain >= self.rainy_probability
            rainy = jnp.where(slips, lateral, self.rainy_probability)
            probability = jnp.where(is_drive, rainy, probability)
            is_possible = _is_open(row, column, down, right)
        moves = _one(is_possible)
        return row + down * moves, column + right * moves, probability

    def action_mask(self, state: TaxiState) -> Int8[Array, "6"]:
        """Which actions change a state.

        **Arguments:**

        - `state`: a state.

        **Returns:**

        For each action 1 if it does, else 0, as in Gymnasium's `info["action_mask"]`.
        """
        zero, one = jnp.zeros_like(state.row), jnp.ones_like(state.row)
        moves = [(one, zero), (-one, zero), (zero, one), (zero, -one)]
        at_stand = _at_stands(state.row, state.column)
        waits_here = at_stand & (state.passenger == np.arange(4, dtype=np.int32))
        is_aboard = state.passenger == ABOARD
        return jnp.stack(
            [
                *[_is_open(state.row, state.column, *move) for move in moves],
                jnp.any(waits_here),
                is_aboard & jnp.any(at_stand),
            ]
        ).astype(jnp.int8)

    def observe(self, state: TaxiState) -> Int32[Array, ""]:
        cell = state.row * SIZE + state.column
        return (cell * 5 + state.passenger) * 4 + state.destination

    @property
    def action_space(self) -> Discrete:
        return Discrete(6)

    @property
    def observation_space(self) -> Discrete:
        return Discrete(500)

    def draw(self, state: TaxiState) -> Scene:
        stands = np.arange(len(STANDS), dtype=np.int32)
        x, y = STANDS[:, 1] + 0.5, SIZE - 0.5 - STANDS[:, 0]
        colors = np.stack([RED, GREEN, YELLOW, BLUE])
        is_destination = state.destination == stands
        waits = state.passenger == stands
        is_aboard = state.passenger == ABOARD
        taxi_x, taxi_y = cell_center(state.row, state.column, SIZE)
        lines = np.arange(1, SIZE)
        return Scene(
            (
                Rectangle((2.5, 2.5), (5, 5), WHITE),
                Segment((lines, 0), (lines, 5), 0.02, SILVER),
                Segment((0, lines), (5, lines), 0.02, SILVER),
                Rectangle((x, y), (0.94, 0.94), colors, 0.8),
                Rectangle((x, y), (0.9, 0.9), INK, is_destination, outline=0.1),
                *pennant(x - 0.12, y, ORANGE, is_destination),
                *_walls(),
                *_taxi(taxi_x, taxi_y, is_aboard),
                *person(x + 0.22, y + 0.14, INK, waits, scale=0.7),
            ),
            view=(-0.15, -0.15, 5.15, 5.15),
        )


def _one(flag: Bool[Array, ""]) -> Int32[Array, ""]:
    return flag.astype(jnp.int32)


def _at_stands(
    row: Int32[Array, ""], column: Int32[Array, ""]
) -> Bool[Array, " stands"]:
    return row * SIZE + column == STANDS[:, 0] * SIZE + STANDS[:, 1]


def _is_open(
    row: Int32[Array, ""],
    column: Int32[Array, ""],
    down: Int32[Array, ""],
    right: Int32[Array, ""],
) -> Bool[Array, ""]:
    """Whether the road goes on from a cell to the one beside it; also for no move."""
    is_inside = (row + down >= 0) & (row + down < SIZE)
    # The cell on the west side of the border that is crossed.
    west = jnp.clip(column + jnp.minimum(right, 0), -1, SIZE - 1)
    cell = jnp.clip(row * SIZE + west, 0, SIZE**2 - 1).astype(jnp.uint32)
    is_road = (jnp.uint32(_EAST_IS_OPEN) >> cell) & jnp.uint32(1) == 1
    return is_inside & ((right == 0) | (is_road & (west >= 0)))


def _walls() -> tuple[AbstractShape, ...]:
    inside = [
        (column + 1, SIZE - row)
        for row in range(SIZE)
        for column in range(SIZE - 1)
        if ROADS[row][2 * column + 1] == "|"
    ]
    x, top = np.array(inside).T
    corners = np.array([0, SIZE, SIZE, 0]), np.array([0, 0, SIZE, SIZE])
    ends = np.roll(corners, -1, axis=1)
    return (
        Segment((x, top), (x, top - 1), 0.12, SLATE),
        Segment(corners, (ends[0], ends[1]), 0.12, SLATE),
    )


def _taxi(
    x: Float[Array, ""], y: Float[Array, ""], is_aboard: Bool[Array, ""]
) -> tuple[AbstractShape, ...]:
    return (
        Rectangle((x, y + 0.1), (0.44, 0.36), ORANGE),
        Rectangle((x, y - 0.1), (0.8, 0.26), ORANGE),
        Rectangle((x, y + 0.12), (0.32, 0.22), WHITE),
        Disc((x, y + 0.12), 0.1, INK, is_aboard),
        Rectangle((x, y + 0.33), (0.24, 0.1), INK),
        Disc(([x - 0.22, x + 0.22], y - 0.24), 0.11, INK),
    )
