"""Space Invaders: shoot the aliens before they come down, and dodge their bullets.

The game is the one of Young & Tian, "MinAtar: An Atari-Inspired Testbed for Thorough
and Reproducible Reinforcement Learning Experiments" (2019, arXiv:1903.03176), as their
package `minatar` plays it (https://github.com/kenjyoung/MinAtar). Nothing is random. In
every step:

1. The cannon, in the bottom row, moves one cell to the left or to the right, or fires a
   bullet if its shot timer is at zero; the timer starts again if it does.
2. The cannon's bullets fly one row up, the aliens' bullets one row down.
3. If the aliens' move timer is at zero, they all move one cell onward. When one of them
   is at the edge, they turn and come down one row instead. The timer starts again from
   the number of aliens, or from the move interval where that is less.
4. If the aliens' shot timer is at zero, the lowest alien of the column that is nearest
   to the cannon drops a bullet; of two columns that are as near, the left one. The
   timer starts again.
5. An alien in the same cell as one of the cannon's bullets is shot, and both are gone.
6. All timers go down by one.
7. When all aliens are shot, a new wave of them appears at the top. Each wave is a
   little faster than the one before, up to the seventh.

The game is over when the cannon is in the same cell as a bullet (after rule 2) or an
alien (after rules 2 and 3), or when aliens that are in the bottom row come down.
"""

import functools as ft
import operator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import flag, integer, time_limit
from ...rendering import Scene
from ...spaces import Box, Discrete
from ._picture import picture


LEFT, RIGHT, FIRE = 1, 3, 5  # the actions, among all six; all others do nothing
FASTEST_MOVE_INTERVAL = 6  # steps; waves get no faster than this

# A map is ten integers, one for each row: bit `x` of it is the cell in column `x`.
SIZE = 10
WAVE_COLUMNS = 0b00_1111_1100
WAVE_ROWS = 4
BOTTOM = 9  # the last row


class SpaceInvadersState(AbstractState):
    """Where everything is, and how many steps the timers have to go.

    The aliens and the bullets are maps: of the ten integers, one for each row, bit `x`
    is the cell in column `x`.
    """

    cannon_x: Int32[Array, ""]
    cannon_bullets: Int32[Array, " 10"]
    alien_bullets: Int32[Array, " 10"]
    aliens: Int32[Array, " 10"]
    aliens_move_right: Bool[Array, ""]
    shot_timer: Int32[Array, ""]
    alien_move_interval: Int32[Array, ""]
    alien_move_timer: Int32[Array, ""]
    alien_shot_timer: Int32[Array, ""]
    ramp_index: Int32[Array, ""]
    time: Int32[Array, ""]


class SpaceInvaders(
    AbstractEnvironment[SpaceInvadersState, Int32[Array, ""], Bool[Array, "10 10 6"]]
):
    """Shoot aliens, who move from side to side and come down, and dodge their bullets.

    **Observation:** ten rows of ten cells with six channels, all booleans.

    | channel | where it is true |
    | --- | --- |
    | 0 | the cannon |
    | 1 | aliens |
    | 2 | aliens, if they move left |
    | 3 | aliens, if they move right |
    | 4 | bullets of the cannon |
    | 5 | bullets of the aliens |

    **Action:** `Discrete(4)`: 0 does nothing, 1 moves left, 2 right, 3 fires. Without
    `minimal_actions`, `Discrete(6)`: 1 moves left, 3 right, 5 fires, and all others do
    nothing.

    **Reward:** 1 for every alien shot.

    **Start:** the cannon is in the middle, below a wave of 24 aliens.

    **Episode end:** terminates when a bullet or an alien hits the cannon or the aliens
    reach the ground; truncated after `max_steps`.

    **Source:** Young & Tian (2019), package `minatar`.
    """

    shot_interval: Int32[Array, ""] = integer(
        5, "Steps from one shot of the cannon to the next.", unit="steps", minimum=0
    )
    initial_alien_move_interval: Int32[Array, ""] = integer(
        12,
        "Most steps from one move of the aliens to the next, in the first wave.",
        unit="steps",
        minimum=1,
    )
    alien_shot_interval: Int32[Array, ""] = integer(
        10, "Steps from one shot of the aliens to the next.", unit="steps", minimum=1
    )
    max_steps: Int32[Array, ""] = time_limit(1000)
    ramping: bool = flag(True, "Whether each wave is faster than the one before.")
    minimal_actions: bool = flag(
        True, "Whether to leave out the actions that do nothing here."
    )

    def initial_state(self, key: Key[Array, ""]) -> SpaceInvadersState:
        del key
        nothing = jnp.zeros(10, jnp.int32)
        return SpaceInvadersState(
            cannon_x=jnp.int32(5),
            cannon_bullets=nothing,
            alien_bullets=nothing,
            aliens=_new_wave(),
            aliens_move_right=jnp.array(False),
            shot_timer=jnp.int32(0),
            alien_move_interval=self.initial_alien_move_interval,
            alien_move_timer=self.initial_alien_move_interval,
            alien_shot_timer=self.alien_shot_interval,
            ramp_index=jnp.int32(0),
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: SpaceInvadersState, action: Int32[Array, ""]
    ) -> Transition[SpaceInvadersState]:
        del key
        left, right, fire = (1, 2, 3) if self.minimal_actions else (LEFT, RIGHT, FIRE)

        fires = (action == fire) & (state.shot_timer == 0)
        shot_timer = jnp.where(fires, self.shot_interval, state.shot_timer)
        x = state.cannon_x + (action == right) - (action == left)
        x = jnp.clip(x, 0, 9)

        new_bullet = _in_row(BOTTOM, jnp.where(fires, 1 << state.cannon_x, 0))
        cannon_bullets = _up(state.cannon_bullets | new_bullet)
        alien_bullets = _down(state.alien_bullets)

        moves = state.alien_move_timer == 0
        aliens, columns, turns = _move(state.aliens, state.aliens_move_right, moves)
        num_aliens = _count(state.aliens)
        alien_move_timer = jnp.where(
            moves,
            jnp.minimum(num_aliens, state.alien_move_interval),
            state.alien_move_timer,
        )
        harmful = (alien_bullets | state.aliens | aliens)[BOTTOM]
        lands = turns & (state.aliens[BOTTOM] > 0)
        terminated = ((harmful >> x) & 1 == 1) | lands

        shoots = state.alien_shot_timer == 0
        new_bullet = _lowest_in_column(aliens, _nearest_column(columns, x))
        alien_bullets = alien_bullets | jnp.where(shoots, new_bullet, 0)
        alien_shot_timer = jnp.where(
            shoots, self.alien_shot_interval, state.alien_shot_timer
        )

        shot = aliens & cannon_bullets
        aliens, cannon_bullets = aliens ^ shot, cannon_bullets ^ shot
        num_left = _count(aliens)
        reward = num_aliens - num_left

        is_cleared = num_left == 0
        aliens = jnp.where(is_cleared, _new_wave(), aliens)
        alien_move_interval, ramp_index = state.alien_move_interval, state.ramp_index
        if self.ramping:
            ramps = is_cleared & (alien_move_interval > FASTEST_MOVE_INTERVAL)
            alien_move_interval = alien_move_interval - ramps
            ramp_index = ramp_index + ramps

        state = SpaceInvadersState(
            cannon_x=x,
            cannon_bullets=cannon_bullets,
            alien_bullets=alien_bullets,
            aliens=aliens,
            aliens_move_right=state.aliens_move_right ^ turns,
            shot_timer=jnp.maximum(shot_timer - 1, 0),
            alien_move_interval=alien_move_interval,
            alien_move_timer=alien_move_timer - 1,
            alien_shot_timer=alien_shot_timer - 1,
            ramp_index=ramp_index,
            time=state.time + 1,
        )
        return Transition(state, reward.astype(float), terminated)

    def observe(self, state: SpaceInvadersState) -> Bool[Array, "10 10 6"]:
        cannon = _in_row(BOTTOM, 1 << state.cannon_x)
        aliens_and_direction = jnp.where(state.aliens_move_right, 0b1010, 0b0110)

        def half_rows(first_column):
            """Five cells of every row: bit `6 * cell + channel` of its 30 bits."""
            maps = (cannon, state.aliens, state.cannon_bullets, state.alien_bullets)
            places = (1, aliens_and_direction, 1 << 4, 1 << 5)
            spread = (_spread(rows >> first_column) for rows in maps)
            parts = [x * place for x, place in zip(spread, places, strict=True)]
            return ft.reduce(operator.or_, parts)[:, None]

        entry = jnp.arange(60)
        half = jnp.where(entry < 30, half_rows(0), half_rows(5))
        return ((half >> (entry % 30)) & 1 == 1).reshape(SIZE, SIZE, 6)

    @property
    def action_space(self) -> Discrete:
        return Discrete(4 if self.minimal_actions else 6)

    @property
    def observation_space(self) -> Box:
        return Box(0, 1, (10, 10, 6), bool)

    def draw(self, state: SpaceInvadersState) -> Scene:
        return picture(self.observe(state))


def _in_row(row: int, columns: Int32[Array, ""]) -> Int32[Array, " 10"]:
    """A map with nothing in all other rows."""
    return jnp.where(jnp.arange(SIZE) == row, columns, 0)


def _up(rows: Int32[Array, " 10"]) -> Int32[Array, " 10"]:
    return jnp.pad(rows[1:], (0, 1))


def _down(rows: Int32[Array, " 10"]) -> Int32[Array, " 10"]:
    return jnp.pad(rows[:-1], (1, 0))


def _count(rows: Int32[Array, " 10"]) -> Int32[Array, ""]:
    return jnp.sum(jax.lax.population_count(rows), dtype=jnp.int32)


def _new_wave() -> Int32[Array, " 10"]:
    return jnp.where(jnp.arange(SIZE) < WAVE_ROWS, jnp.int32(WAVE_COLUMNS), 0)


def _move(
    aliens: Int32[Array, " 10"], right: Bool[Array, ""], moves: Bool[Array, ""]
) -> tuple[Int32[Array, " 10"], Int32[Array, ""], Bool[Array, ""]]:
    """Where the aliens are next, in what columns, and whether they turn."""
    columns = jnp.bitwise_or.reduce(aliens)
    turns = moves & jnp.where(right, columns >> 9, columns & 1).astype(bool)
    # Aliens that come down from the bottom row are at the top; the game is over then.
    one_row_down = jnp.roll(aliens, 1)

    def one_column_on(columns):
        return jnp.where(right, columns << 1, columns >> 1)

    shifts = moves & ~turns
    aliens = jnp.where(turns, one_row_down, aliens)
    aliens = jnp.where(shifts, one_column_on(aliens), aliens)
    columns = jnp.where(shifts, one_column_on(columns), columns)
    return aliens, columns, turns


def _nearest_column(columns: Int32[Array, ""], x: Int32[Array, ""]) -> Int32[Array, ""]:
    """The bit of `columns` nearest to bit `x`; of two as near, the lower one."""
    up_to_x = columns & ((2 << x) - 1)
    beyond_x = columns ^ up_to_x
    left = 31 - jax.lax.clz(up_to_x)  # -1 if there is none
    right_bit = beyond_x & -beyond_x
    right = 31 - jax.lax.clz(right_bit)
    is_left = (left >= 0) & ((beyond_x == 0) | (x - left <= right - x))
    return jnp.where(is_left, 1 << jnp.maximum(left, 0), right_bit)


def _lowest_in_column(
    rows: Int32[Array, " 10"], column: Int32[Array, ""]
) -> Int32[Array, " 10"]:
    """A map of the one cell of `rows` that is lowest in a column, given as its bit."""
    y = jnp.arange(SIZE)
    lowest = jnp.max(jnp.where(rows & column > 0, y, -1))
    return jnp.where(y == lowest, column, 0)


def _spread(rows: Int32[Array, " 10"]) -> Int32[Array, " 10"]:
    """Moves bits 0 to 4 to the bits 0, 6, 12, 18 and 24."""
    # The product holds five copies of the five bits side by side. Of the copy that is
    # shifted by 5 * i, only bit i is kept.
    return ((rows & 0b1_1111) * 0x108421) & 0x1041041
