"""Asterix: collect the treasure, keep clear of the enemies.

The game is the one of Young & Tian, "MinAtar: An Atari-Inspired Testbed for Thorough
and Reproducible Reinforcement Learning Experiments" (2019, arXiv:1903.03176), as their
package `minatar` plays it (https://github.com/kenjyoung/MinAtar). In every step:

1. If the spawn timer is at zero, an entity comes in at the left or the right end of one
   of the eight rows, one that is free. One time in three it is a treasure, else an
   enemy. The timer starts again.
2. The player moves by one cell, but not off the screen nor to its first or last row.
3. A player in the same cell as a treasure collects it, and as an enemy dies.
4. If the move timer is at zero, every entity moves on by one cell; one that leaves the
   screen is gone. Rule 3 applies again, and the timer starts again.
5. Both timers go down by one.
6. When the ramp timer has run out, entities come in sooner from now on and, every
   second time, move sooner too.
"""

import functools as ft
import operator
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import flag, integer, time_limit
from ...rendering import Scene
from ...spaces import Box, Discrete
from ._computed_once import computed_apart
from ._digits import next_digit
from ._picture import picture


LEFT, UP, RIGHT, DOWN = 1, 2, 3, 4  # the actions; all others do nothing
PLAYER, ENEMY, TRAIL, GOLD = range(4)  # the channels
NUM_ROWS = 8  # entity `i` is on row `i + 1` of the ten


class Entities(eqx.Module):
    """The enemies and treasures: one for each row, where it is present."""

    x: Int32[Array, " 8"]
    is_present: Bool[Array, " 8"]
    is_gold: Bool[Array, " 8"]
    moves_right: Bool[Array, " 8"]


class AsterixState(AbstractState):
    """Where everything is, how many steps the timers have to go, and how hard it is."""

    player_x: Int32[Array, ""]
    player_y: Int32[Array, ""]
    entities: Entities
    spawn_interval: Int32[Array, ""]
    spawn_timer: Int32[Array, ""]
    move_interval: Int32[Array, ""]
    move_timer: Int32[Array, ""]
    ramp_timer: Int32[Array, ""]
    ramp_index: Int32[Array, ""]
    time: Int32[Array, ""]


class Spawn(NamedTuple):
    """What comes in, and on which of the free rows, counted from the top."""

    moves_right: Bool[Array, ""]
    is_gold: Bool[Array, ""]
    place: Int32[Array, ""]


class Asterix(
    AbstractEnvironment[AsterixState, Int32[Array, ""], Bool[Array, "10 10 4"]]
):
    """Collect treasures and keep clear of enemies, who cross the screen in rows.

    **Observation:** ten rows of ten cells with four channels, all booleans.

    | channel | where it is true |
    | --- | --- |
    | 0 | the player |
    | 1 | enemies |
    | 2 | the cell that an enemy or a treasure moves away from |
    | 3 | treasures |

    **Action:** `Discrete(5)`: 0 stays, 1 moves left, 2 up, 3 right, 4 down. Without
    `minimal_actions`, `Discrete(6)`: 5, which fires in other games, stays too.

    **Reward:** 1 for a treasure, otherwise 0.

    **Start:** the player is in the middle and there is nothing else.

    **Episode end:** terminates when the player meets an enemy; truncated after
    `max_steps`.

    **Source:** Young & Tian (2019), package `minatar`.
    """

    initial_spawn_interval: Int32[Array, ""] = integer(
        10, "Steps from one spawn to the next, at first.", unit="steps", minimum=1
    )
    initial_move_interval: Int32[Array, ""] = integer(
        5,
        "Steps from one move of the entities to the next, at first.",
        unit="steps",
        minimum=1,
    )
    ramp_interval: Int32[Array, ""] = integer(
        100,
        "What the timer starts from that makes the game harder; one step is taken "
        "at zero and one more below it.",
        unit="steps",
        minimum=0,
    )
    max_steps: Int32[Array, ""] = time_limit(1000)
    ramping: bool = flag(True, "Whether the game gets harder as it goes on.")
    minimal_actions: bool = flag(
        True, "Whether to leave out the action that does nothing here."
    )

    def initial_state(self, key: Key[Array, ""]) -> AsterixState:
        del key
        nothing = jnp.zeros(NUM_ROWS, bool)
        return AsterixState(
            player_x=jnp.int32(5),
            player_y=jnp.int32(5),
            entities=Entities(
                x=jnp.zeros(NUM_ROWS, jnp.int32),
                is_present=nothing,
                is_gold=nothing,
                moves_right=nothing,
            ),
            spawn_interval=self.initial_spawn_interval,
            spawn_timer=self.initial_spawn_interval,
            move_interval=self.initial_move_interval,
            move_timer=self.initial_move_interval,
            ramp_timer=self.ramp_interval,
            ramp_index=jnp.int32(0),
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: AsterixState, action: Int32[Array, ""]
    ) -> Transition[AsterixState]:
        spawns = state.spawn_timer == 0
        entities = _spawn(self._draw(key, state), spawns, state.entities)
        spawn_timer = jnp.where(spawns, state.spawn_interval, state.spawn_timer)

        x = state.player_x + (action == RIGHT) - (action == LEFT)
        y = state.player_y + (action == DOWN) - (action == UP)
        x, y = jnp.clip(x, 0, 9), jnp.clip(y, 1, 8)
        entities, collects, dies = _meet(entities, x, y)

        moves = state.move_timer == 0
        moved, collects_moved, dies_moved = _meet(_move_on(entities), x, y)
        entities = jax.tree.map(lambda a, b: jnp.where(moves, a, b), moved, entities)
        collects = jnp.any(collects | (moves & collects_moved))
        dies = jnp.any(dies | (moves & dies_moved))
        move_timer = jnp.where(moves, state.move_interval, state.move_timer)

        state = AsterixState(
            player_x=x,
            player_y=y,
            entities=entities,
            spawn_interval=state.spawn_interval,
            spawn_timer=spawn_timer - 1,
            move_interval=state.move_interval,
            move_timer=move_timer - 1,
            ramp_timer=state.ramp_timer,
            ramp_index=state.ramp_index,
            time=state.time + 1,
        )
        if self.ramping:
            state = self._ramp(state)
        return Transition(state, jnp.where(collects, 1.0, 0.0), dies)

    def _draw(self, key: Key[Array, ""], state: AsterixState) -> Spawn:
        word = jr.bits(key, (), jnp.uint32)
        moves_right, word = next_digit(word, 2)
        thirds, word = next_digit(word, 3)
        # The number of free rows varies. 28 bits leave room for the product.
        num_free = jnp.sum(~state.entities.is_present, dtype=jnp.uint32)
        place = ((word >> 4) * num_free) >> 28
        return Spawn(moves_right == 1, thirds == 0, place.astype(jnp.int32))

    def _ramp(self, state: AsterixState) -> AsterixState:
        """Makes the game harder when it is time, until it is as hard as it gets."""
        can_spawn_sooner = state.spawn_interval > 1
        can_move_sooner = state.move_interval > 1
        runs = can_spawn_sooner | can_move_sooner
        ramps = runs & (state.ramp_timer < 0)
        moves_sooner = ramps & can_move_sooner & (state.ramp_index % 2 == 1)
        return AsterixState(
            player_x=state.player_x,
            player_y=state.player_y,
            entities=state.entities,
            spawn_interval=state.spawn_interval - (ramps & can_spawn_sooner),
            spawn_timer=state.spawn_timer,
            move_interval=state.move_interval - moves_sooner,
            move_timer=state.move_timer,
            ramp_timer=jnp.where(ramps, self.ramp_interval, state.ramp_timer - runs),
            ramp_index=state.ramp_index + ramps,
            time=state.time,
        )

    def observe(self, state: AsterixState) -> Bool[Array, "10 10 4"]:
        entities = state.entities
        back = entities.x - jnp.where(entities.moves_right, 1, -1)
        # A row has 40 entries, cell by cell, and at most three of them are true. What
        # is not on the row, as the trail of an entity that came in, is none of the 40.
        player = jnp.where(
            jnp.arange(10) == state.player_y, 4 * state.player_x + PLAYER, -1
        )
        channel = jnp.where(entities.is_gold, GOLD, ENEMY)
        entity = jnp.where(entities.is_present, 4 * entities.x + channel, -1)
        trail = jnp.where(entities.is_present, 4 * back + TRAIL, -1)
        true_entries = (player, _on_all_rows(entity), _on_all_rows(trail))
        picture = computed_apart(state.time >= 0, _picture, *true_entries)
        return picture.reshape(10, 10, 4)

    @property
    def action_space(self) -> Discrete:
        return Discrete(5 if self.minimal_actions else 6)

    @property
    def observation_space(self) -> Box:
        return Box(0, 1, (10, 10, 4), bool)

    def draw(self, state: AsterixState) -> Scene:
        return picture(self.observe(state))


def _spawn(spawn: Spawn, spawns: Bool[Array, ""], entities: Entities) -> Entities:
    is_free = ~entities.is_present
    place = (
        jnp.cumsum(is_free, dtype=jnp.int32) - 1
    )  # of a free row among the free rows
    is_new = spawns & is_free & (place == spawn.place)
    return Entities(
        x=jnp.where(is_new, jnp.where(spawn.moves_right, 0, 9), entities.x),
        is_present=entities.is_present | is_new,
        is_gold=jnp.where(is_new, spawn.is_gold, entities.is_gold),
        moves_right=jnp.where(is_new, spawn.moves_right, entities.moves_right),
    )


def _meet(
    entities: Entities, player_x: Int32[Array, ""], player_y: Int32[Array, ""]
) -> tuple[Entities, Bool[Array, " 8"], Bool[Array, " 8"]]:
    """Takes away what the player collects; also says what that is, and what kills."""
    is_here = (entities.x == player_x) & (jnp.arange(1, NUM_ROWS + 1) == player_y)
    meets = entities.is_present & is_here
    collects, dies = meets & entities.is_gold, meets & ~entities.is_gold
    entities = Entities(
        x=entities.x,
        is_present=entities.is_present & ~collects,
        is_gold=entities.is_gold,
        moves_right=entities.moves_right,
    )
    return entities, collects, dies


def _move_on(entities: Entities) -> Entities:
    x = entities.x + jnp.where(entities.moves_right, 1, -1)
    is_inside = (x >= 0) & (x <= 9)
    return Entities(
        x=x,
        is_present=entities.is_present & is_inside,
        is_gold=entities.is_gold,
        moves_right=entities.moves_right,
    )


def _picture(*true_entries: Int32[Array, " 10"]) -> Bool[Array, "400"]:
    """The entries of all rows, given those of each that are true."""
    entries = jnp.arange(40, dtype=jnp.int8)
    is_true = (entries == true.astype(jnp.int8)[:, None] for true in true_entries)
    return ft.reduce(operator.or_, is_true).reshape(-1)


def _on_all_rows(entry: Int32[Array, " 8"]) -> Int32[Array, " 10"]:
    """Adds the first and the last row, which hold no entities."""
    return jnp.pad(entry, 1, constant_values=-1)
