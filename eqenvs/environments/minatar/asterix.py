"""Asterix: collect treasure and avoid enemies.

The game is that of Young & Tian, "MinAtar: An Atari-Inspired Testbed for Thorough and
Reproducible Reinforcement Learning Experiments" (2019, arXiv:1903.03176), and follows
the rules of their package `minatar` (https://github.com/kenjyoung/MinAtar) one by one:

1. When the spawn timer is at zero, an entity enters at the left or right end of one of
   the eight rows that is free: one time in three a treasure, otherwise an enemy. The
   timer starts again.
2. The player moves one cell, but not off the screen, nor into its first or last row.
3. A player in the cell of a treasure collects it; in the cell of an enemy, it dies.
4. When the move timer is at zero, every entity moves one cell; one that leaves the
   screen is gone. Rule 3 applies again, and the timer starts again.
5. Both timers run down by one.
6. Whenever the ramp timer runs out, entities enter more often from then on and, every
   second time, also move more often.

**Deviations:**

- The package's `shot_timer`, which nothing reads, is omitted.
"""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Int32, Key

from ..._environment import AbstractState, Transition
from ...fields import flag, integer, time_limit
from ...random import next_digit
from ._actions import DOWN, LEFT, move, NOTHING, RIGHT, UP
from ._game import AbstractMinAtarGame
from ._maps import bit, Bits, bits_in, cell, picture, SIZE, Words, words_of


NUM_ROWS = 8  # entity `i` is in row `i + 1` of the ten

CHANNELS = PLAYER, ENEMY, TRAIL, GOLD = range(4)


class Entities(eqx.Module):
    """The enemies and treasures, at most one in each row."""

    x: Int32[Array, " 8"]
    is_present: Bool[Array, " 8"]
    is_gold: Bool[Array, " 8"]
    moves_right: Bool[Array, " 8"]


class AsterixState(AbstractState):
    """The player, the entities, the timers and the difficulty."""

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
    """What enters, and in which of the free rows, counted from the top."""

    moves_right: Bool[Array, ""]
    is_gold: Bool[Array, ""]
    place: Int32[Array, ""]


class Asterix(AbstractMinAtarGame[AsterixState]):
    """Collect treasures and avoid enemies, which cross the screen in rows.

    **Observation:** booleans of shape `(10, 10, 4)`: row, column and channel.

    | channel | meaning |
    | --- | --- |
    | 0 | the player |
    | 1 | enemies |
    | 2 | trail: where enemies and treasures come from |
    | 3 | treasures |

    **Action:** `Discrete(5)`: 0 stays, 1 moves left, 2 up, 3 right, 4 down. Without
    `minimal_actions`, `Discrete(6)`: 5, which fires in other games, stays too.

    **Reward:** 1 for a treasure, otherwise 0.

    **Start:** the player in the middle, and nothing else.

    **Episode end:** terminates when the player meets an enemy; truncated after
    `max_steps`.

    **Source:** Young & Tian (2019), package `minatar`.
    """

    initial_spawn_interval: Int32[Array, ""] = integer(
        10, "Initial time from one spawn to the next.", unit="steps", minimum=1
    )
    initial_move_interval: Int32[Array, ""] = integer(
        5,
        "Initial time from one move of the entities to the next.",
        unit="steps",
        minimum=1,
    )
    ramp_interval: Int32[Array, ""] = integer(
        100,
        "Initial value of the ramp timer. The game gets harder in the second step "
        "after the timer reaches zero.",
        unit="steps",
        minimum=0,
    )
    max_steps: Int32[Array, ""] = time_limit(1000)
    ramping: bool = flag(True, "Whether the game gets harder as it goes on.")

    minimal_set = (NOTHING, LEFT, UP, RIGHT, DOWN)
    channels = CHANNELS

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
        # Rule 1: an entity enters.
        spawns = state.spawn_timer == 0
        entities = _spawn(self._draw(key, state), spawns, state.entities)
        spawn_timer = jnp.where(spawns, state.spawn_interval, state.spawn_timer)

        # Rule 2: the player.
        x = state.player_x + move(LEFT, RIGHT, action, self.actions)
        y = state.player_y + move(UP, DOWN, action, self.actions)
        x, y = jnp.clip(x, 0, SIZE - 1), jnp.clip(y, 1, NUM_ROWS)

        # Rule 3: the player meets an entity.
        entities, collects, dies = _meet(entities, x, y)

        # Rule 4: the entities move.
        moves = state.move_timer == 0
        moved, collects_moved, dies_moved = _meet(_move_on(entities), x, y)
        entities = jax.tree.map(lambda a, b: jnp.where(moves, a, b), moved, entities)
        collects = jnp.any(collects | (moves & collects_moved))
        dies = jnp.any(dies | (moves & dies_moved))
        move_timer = jnp.where(moves, state.move_interval, state.move_timer)

        # Rule 5: the timers.
        state = dataclasses.replace(
            state,
            player_x=x,
            player_y=y,
            entities=entities,
            spawn_timer=spawn_timer - 1,
            move_timer=move_timer - 1,
            time=state.time + 1,
        )

        # Rule 6: difficulty.
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
        spawns_sooner = ramps & can_spawn_sooner
        moves_sooner = ramps & can_move_sooner & (state.ramp_index % 2 == 1)
        ramp_timer = state.ramp_timer - runs.astype(jnp.int32)
        return dataclasses.replace(
            state,
            spawn_interval=state.spawn_interval - spawns_sooner.astype(jnp.int32),
            move_interval=state.move_interval - moves_sooner.astype(jnp.int32),
            ramp_timer=jnp.where(ramps, self.ramp_interval, ramp_timer),
            ramp_index=state.ramp_index + ramps.astype(jnp.int32),
        )

    def observe(self, state: AsterixState) -> Bool[Array, "10 10 4"]:
        return picture(state, _layers)


def _spawn(spawn: Spawn, spawns: Bool[Array, ""], entities: Entities) -> Entities:
    is_free = ~entities.is_present
    # The place of a free row among the free rows: how many of them are above it.
    rows = jnp.arange(NUM_ROWS, dtype=jnp.int32)
    free_rows = jnp.sum(is_free.astype(jnp.int32) << rows, dtype=jnp.int32)
    place = jax.lax.population_count(free_rows & ((1 << rows) - 1))
    is_new = spawns & is_free & (place == spawn.place)
    return Entities(
        x=jnp.where(is_new, jnp.where(spawn.moves_right, 0, SIZE - 1), entities.x),
        is_present=entities.is_present | is_new,
        is_gold=jnp.where(is_new, spawn.is_gold, entities.is_gold),
        moves_right=jnp.where(is_new, spawn.moves_right, entities.moves_right),
    )


def _meet(
    entities: Entities, player_x: Int32[Array, ""], player_y: Int32[Array, ""]
) -> tuple[Entities, Bool[Array, " 8"], Bool[Array, " 8"]]:
    """Removes what the player collects; also returns which entities were collected, and
    which kill the player."""
    rows = jnp.arange(1, NUM_ROWS + 1, dtype=jnp.int32)
    meets = entities.is_present & (entities.x == player_x) & (rows == player_y)
    collects, dies = meets & entities.is_gold, meets & ~entities.is_gold
    is_present = entities.is_present & ~collects
    return dataclasses.replace(entities, is_present=is_present), collects, dies


def _move_on(entities: Entities) -> Entities:
    x = entities.x + jnp.where(entities.moves_right, 1, -1)
    is_inside = (x >= 0) & (x < SIZE)
    return dataclasses.replace(
        entities, x=x, is_present=entities.is_present & is_inside
    )


def _layers(state: AsterixState) -> list[tuple[Words, Bits]]:
    """The maps that the observation shows, and where."""
    entities = state.entities
    back = entities.x - jnp.where(entities.moves_right, 1, -1)

    def in_rows(is_shown, x):
        return words_of(jnp.pad(jnp.where(is_shown, bit(x), 0), 1))

    maps = {
        PLAYER: cell(state.player_y, state.player_x),
        ENEMY: in_rows(entities.is_present & ~entities.is_gold, entities.x),
        # The trail of an entity that has just entered is not on the screen.
        TRAIL: in_rows(entities.is_present, back),
        GOLD: in_rows(entities.is_present & entities.is_gold, entities.x),
    }
    return [(words, bits_in(channel, CHANNELS)) for channel, words in maps.items()]
