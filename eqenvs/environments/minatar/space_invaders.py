"""Space Invaders: shoot the aliens before they come down, and dodge their bullets.

The game is that of Young & Tian, "MinAtar: An Atari-Inspired Testbed for Thorough and
Reproducible Reinforcement Learning Experiments" (2019, arXiv:1903.03176), and follows
the rules of their package `minatar` (https://github.com/kenjyoung/MinAtar) one by one.
Nothing is random.

1. The cannon, in the bottom row, moves one cell to the left or to the right; or it
   fires a bullet, if its shot timer is at zero, and the timer starts again.
2. The cannon's bullets fly one row up, the aliens' bullets one row down.
3. When the aliens' move timer is at zero, they all move one cell. If one of them is at
   the edge, they turn and come down one row instead. The timer starts again from the
   number of aliens, or from the move interval if that is smaller.
4. The episode terminates when the cannon is in the cell of an alien's bullet, or of an
   alien before or after it moved, and when aliens would come down from the bottom row.
5. When the aliens' shot timer is at zero, the lowest alien in the column nearest to the
   cannon drops a bullet; of two equally near columns, the one on the left. The timer
   starts again.
6. An alien in the cell of one of the cannon's bullets is shot, for a reward of 1, and
   both disappear.
7. When all aliens are shot, a new wave appears at the top. Each wave is a little faster
   than the one before, up to the seventh.
8. All timers run down by one.

**Deviations:** none.
"""

import functools as ft

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, Key

from ..._environment import AbstractState, select, Transition
from ...fields import flag, integer, time_limit
from ._actions import FIRE, is_action, LEFT, move, NOTHING, RIGHT
from ._game import AbstractMinAtarGame
from ._maps import Bits, bits_in, cell, Map, picture, SIZE, Words


BOTTOM = SIZE - 1  # the row of the cannon
FASTEST_MOVE_INTERVAL = 6  # steps; waves get no faster than this

WAVE = [0b00_1111_1100] * 4 + [0] * 6  # columns, row by row

CHANNELS = range(6)
CANNON, ALIEN, LEFT_ALIEN, RIGHT_ALIEN, BULLET, ALIEN_BULLET = CHANNELS


class SpaceInvadersState(AbstractState):
    """The cannon, the aliens, the bullets and the timers.

    Aliens and bullets are maps. The words of a map are five integers, one for every two
    rows: bit `x` is the cell in column `x` of the upper row, and bit `10 + x` that of
    the lower row.
    """

    cannon_x: Int32[Array, ""]
    cannon_bullets: Map
    alien_bullets: Map
    aliens: Map
    aliens_move_right: Bool[Array, ""]
    shot_timer: Int32[Array, ""]
    alien_move_interval: Int32[Array, ""]
    alien_move_timer: Int32[Array, ""]
    alien_shot_timer: Int32[Array, ""]
    ramp_index: Int32[Array, ""]
    time: Int32[Array, ""]


class SpaceInvaders(AbstractMinAtarGame[SpaceInvadersState]):
    """Shoot aliens that move from side to side and come down, and dodge their bullets.

    **Observation:** booleans of shape `(10, 10, 6)`: row, column and channel.

    | channel | meaning |
    | --- | --- |
    | 0 | the cannon |
    | 1 | aliens |
    | 2 | aliens, if they move left |
    | 3 | aliens, if they move right |
    | 4 | the cannon's bullets |
    | 5 | the aliens' bullets |

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
        5, "Time from one shot of the cannon to the next.", unit="steps", minimum=0
    )
    initial_alien_move_interval: Int32[Array, ""] = integer(
        12,
        "Longest time from one move of the aliens to the next, in the first wave.",
        unit="steps",
        minimum=1,
    )
    alien_shot_interval: Int32[Array, ""] = integer(
        10, "Time from one shot of the aliens to the next.", unit="steps", minimum=1
    )
    max_steps: Int32[Array, ""] = time_limit(1000)
    ramping: bool = flag(True, "Whether each wave is faster than the one before.")

    minimal_set = (NOTHING, LEFT, RIGHT, FIRE)
    channels = CHANNELS

    def initial_state(self, key: Key[Array, ""]) -> SpaceInvadersState:
        del key
        nothing = Map.from_rows([0] * SIZE)
        return SpaceInvadersState(
            cannon_x=jnp.int32(5),
            cannon_bullets=nothing,
            alien_bullets=nothing,
            aliens=Map.from_rows(WAVE),
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
        # Rule 1: the cannon.
        fires = is_action(FIRE, action, self.actions) & (state.shot_timer == 0)
        shot_timer = jnp.where(fires, self.shot_interval, state.shot_timer)
        x = state.cannon_x + move(LEFT, RIGHT, action, self.actions)
        x = jnp.clip(x, 0, SIZE - 1)
        new_bullet = jnp.where(fires, 1 << state.cannon_x, 0)

        # Rule 2: the bullets.
        new_bullet = Map.from_rows([0] * BOTTOM + [new_bullet])
        cannon_bullets = (state.cannon_bullets | new_bullet).up()
        alien_bullets = state.alien_bullets.down()

        # Rule 3: the aliens move.
        moves = state.alien_move_timer == 0
        aliens, columns, turns = _move(state.aliens, state.aliens_move_right, moves)
        num_aliens = state.aliens.count()
        alien_move_timer = jnp.where(
            moves,
            jnp.minimum(num_aliens, state.alien_move_interval),
            state.alien_move_timer,
        )

        # Rule 4: the end.
        harmful = (alien_bullets | state.aliens | aliens).row(BOTTOM)
        lands = turns & (state.aliens.row(BOTTOM) > 0)
        terminated = ((harmful >> x) & 1 == 1) | lands

        # Rule 5: the aliens shoot.
        shoots = state.alien_shot_timer == 0
        column = jnp.where(shoots, _nearest_column(columns, x), 0)
        alien_bullets = alien_bullets | _lowest_in_column(aliens, column)
        alien_shot_timer = jnp.where(
            shoots, self.alien_shot_interval, state.alien_shot_timer
        )

        # Rule 6: aliens are shot.
        shot = aliens & cannon_bullets
        aliens, cannon_bullets = aliens ^ shot, cannon_bullets ^ shot
        num_left = aliens.count()
        reward = num_aliens - num_left

        # Rule 7: a new wave.
        is_cleared = num_left == 0
        aliens = select(is_cleared, Map.from_rows(WAVE), aliens)
        alien_move_interval, ramp_index = state.alien_move_interval, state.ramp_index
        if self.ramping:
            ramps = is_cleared & (alien_move_interval > FASTEST_MOVE_INTERVAL)
            alien_move_interval = alien_move_interval - ramps.astype(jnp.int32)
            ramp_index = ramp_index + ramps.astype(jnp.int32)

        # Rule 8: the timers.
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
        return picture(state, _layers)


def _move(
    aliens: Map, right: Bool[Array, ""], moves: Bool[Array, ""]
) -> tuple[Map, Int32[Array, ""], Bool[Array, ""]]:
    """The aliens after their move, the columns they are in, and whether they turn."""
    columns = aliens.columns()
    turns = moves & jnp.where(right, columns >> 9, columns & 1).astype(bool)
    # Aliens that come down from the bottom row wrap to the top; the game is over then.
    one_row_down = aliens.down() | Map.from_rows([aliens.row(BOTTOM)] + [0] * BOTTOM)

    def one_column_on(columns):
        return jnp.where(right, columns << 1, columns >> 1)

    shifts = moves & ~turns
    aliens = select(turns, one_row_down, aliens)
    aliens = select(shifts, jax.tree.map(one_column_on, aliens), aliens)
    columns = jnp.where(shifts, one_column_on(columns), columns)
    return aliens, columns, turns


def _nearest_column(columns: Int32[Array, ""], x: Int32[Array, ""]) -> Int32[Array, ""]:
    """The bit of `columns` nearest to bit `x`; of two equally near, the lower one."""
    up_to_x = columns & ((2 << x) - 1)
    beyond_x = columns ^ up_to_x
    left = 31 - jax.lax.clz(up_to_x)  # -1 if there is none
    right_bit = beyond_x & -beyond_x
    right = 31 - jax.lax.clz(right_bit)
    is_left = (left >= 0) & ((beyond_x == 0) | (x - left <= right - x))
    return jnp.where(is_left, 1 << jnp.maximum(left, 0), right_bit)


def _lowest_in_column(cells: Map, column: Int32[Array, ""]) -> Map:
    """The lowest cell of a column, which is given as a bit; nothing if it is zero."""
    words = []
    for word in reversed(cells.words):
        lower, upper = word & column << SIZE, word & column
        words.append(jnp.where(lower != 0, lower, upper))
        column = jnp.where(lower | upper != 0, 0, column)
    return Map(tuple(reversed(words)))


def _layers(state: SpaceInvadersState) -> list[tuple[Words, Bits]]:
    """The maps that the observation shows, and where."""
    show_in = ft.partial(bits_in, channels=CHANNELS)
    direction = jnp.where(
        state.aliens_move_right, show_in(RIGHT_ALIEN), show_in(LEFT_ALIEN)
    )
    return [
        (cell(BOTTOM, state.cannon_x), show_in(CANNON)),
        (jnp.stack(state.aliens.words), show_in(ALIEN) | direction),
        (jnp.stack(state.cannon_bullets.words), show_in(BULLET)),
        (jnp.stack(state.alien_bullets.words), show_in(ALIEN_BULLET)),
    ]
