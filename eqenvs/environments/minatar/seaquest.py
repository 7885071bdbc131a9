"""Seaquest: rescue divers with a submarine, shoot enemies, and watch the oxygen.

The game is that of Young & Tian, "MinAtar: An Atari-Inspired Testbed for Thorough and
Reproducible Reinforcement Learning Experiments" (2019, arXiv:1903.03176), and follows
the rules of their package `minatar` (https://github.com/kenjyoung/MinAtar) one by one:

1. When the enemy timer is at zero, a fish or, one time in three, an enemy submarine
   enters at the left or right edge of one of the rows 1 to 8, unless it would meet
   enemies in its row that come the other way. When the diver timer is at zero, a diver
   enters in the same way, without exception.
2. The player moves one cell left, up, right or down, and faces the way it last moved,
   left or right; or it fires, once the gun has cooled down.
3. The player's bullets move one cell. A bullet that reaches a fish or, failing that, an
   enemy submarine disappears together with it, for a reward of 1. Of several fish or
   submarines in the cell, the oldest is struck.
4. Divers move one cell every six steps. A diver who meets the player, before or after
   the move, comes aboard if there is room; there is room for six. The youngest goes
   first.
5. Enemy submarines move one cell whenever their timer has run down. One that moves into
   a bullet disappears together with it, for a reward of 1. They fire every eleven
   steps, even if they were struck in the same step.
6. Enemy bullets move one cell.
7. Fish move, and are struck, in the same way as submarines.
8. The episode terminates if the player meets an enemy or an enemy bullet, before or
   after it moved.
9. The timers run down by one. Without oxygen, the episode terminates. Under water, the
   oxygen falls by one. A player who surfaces without a diver aboard terminates the
   episode, and one with divers trades one of them for full oxygen. With six divers, all
   of them leave, for a reward of 1 for every full 20 units of oxygen left, and one more
   is owed: the number aboard is then -1, which allows surfacing again.
10. Each surfacing makes the game harder: enemies enter sooner and, every other time,
   also move sooner.

**Representation.** The original's lists are unbounded, but these rules keep them short.
At the highest difficulty, an enemy enters at every step and leaves in the 30th; at
lower difficulties, enemies stay longer, but fewer enter. So 30 slots are enough. Divers
enter 30 steps apart and leave in the 60th step, so they need 2 slots. A submarine fires
every 11 steps and its bullet is gone within 10, so a slot has room for one bullet,
which leaves the screen before the submarine would. The player fires every 5 steps, and
its bullets are gone within 10, so there are at most 2.

**Deviations:**

- The original's unbounded lists have fixed sizes, which the rules never exceed. Only
  the order of enemy bullets is not kept; nothing depends on it.

**Kept:**

- Surfacing with six divers leaves -1 aboard, and with -1 aboard the player can surface
  for full oxygen any number of times.
- An enemy submarine that is hit while it moves still fires if it was about to.
- If two divers are at the player's position and there is room for one, the one that
  entered later comes aboard.
"""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Int32, Key

from ..._environment import AbstractState, Transition
from ..._fusion import computed_once
from ...fields import flag, time_limit
from ._actions import ACTIONS, DOWN, FIRE, is_action, LEFT, move, RIGHT, UP
from ._bit_slices import ALL_SLOTS, lowest, NO_SLOT, Numbers, Slots, slots_if
from ._game import AbstractMinAtarGame
from ._maps import SIZE


GAUGES = 9  # the row of the two gauges; the player stays above
MAX_OXYGEN = 200
OXYGEN_PER_CELL = 20  # of the gauge
MAX_DIVERS = 6  # aboard

# Initial values of the timers. A timer that has reached zero starts again in the next
# step; the two spawn timers also run down in that same step.
SPAWN_INTERVAL = 20  # at the start
DIVER_SPAWN_INTERVAL = 30
MOVE_INTERVAL, MIN_MOVE_INTERVAL = 5, 2  # of enemies: at the start, and at the end
DIVER_MOVE_INTERVAL = 5
SHOT_INTERVAL = 5
ENEMY_SHOT_INTERVAL = 10
MAX_RAMP = SPAWN_INTERVAL - 1  # then an enemy enters at every step

# Enemies have slots 0 to 29, divers 30 and 31, from the oldest to the youngest.
OLDEST_ENEMY, YOUNGEST_ENEMY = np.uint32(1), np.uint32(1 << 29)
OLDEST_DIVER, YOUNGEST_DIVER = np.uint32(1 << 30), np.uint32(1 << 31)
DIVERS = OLDEST_DIVER | YOUNGEST_DIVER
ENEMIES = ~DIVERS

CHANNELS = range(10)
FRONT, BACK, BULLET, TRAIL, ENEMY_BULLET = CHANNELS[:5]
FISH, SUBMARINE, OXYGEN, ABOARD, DIVER = CHANNELS[5:]


class Draw(NamedTuple):
    """What enters next: directions, rows, and whether the enemy is a submarine."""

    enemy_right: Bool[Array, ""]
    enemy_row: Int32[Array, ""]
    enemy_is_submarine: Bool[Array, ""]
    diver_right: Bool[Array, ""]
    diver_row: Int32[Array, ""]


class Bullet(eqx.Module):
    """A bullet of the player; the other fields are meaningless unless it is
    `flying`."""

    x: Int32[Array, ""]
    y: Int32[Array, ""]
    right: Bool[Array, ""]
    flying: Bool[Array, ""]


class Swimmers(eqx.Module):
    """Enemies and divers, each in a slot, and the bullets that the enemies fired.

    `fish`, `submarine` and `diver` are the slots that hold one, and `bullet` those
    whose bullet is flying. The other fields are meaningless in an empty slot. A bullet
    has the row and direction of its slot, even after the submarine is gone.
    """

    fish: Slots
    submarine: Slots
    diver: Slots
    x: Numbers
    y: Numbers
    right: Slots
    move_timer: Numbers
    shot_timer: Numbers
    bullet: Slots
    bullet_x: Numbers


class SeaquestState(AbstractState):
    """The player, everyone around it, and the timers."""

    x: Int32[Array, ""]
    y: Int32[Array, ""]
    right: Bool[Array, ""]
    bullets: tuple[Bullet, Bullet]
    swimmers: Swimmers
    num_divers: Int32[Array, ""]
    oxygen: Int32[Array, ""]
    at_surface: Bool[Array, ""]
    spawn_timer: Int32[Array, ""]
    diver_spawn_timer: Int32[Array, ""]
    shot_timer: Int32[Array, ""]
    ramp: Int32[Array, ""]
    time: Int32[Array, ""]

    @property
    def spawn_interval(self) -> Int32[Array, ""]:
        """The number of steps from one enemy to the next."""
        return SPAWN_INTERVAL - self.ramp

    @property
    def move_interval(self) -> Int32[Array, ""]:
        """The initial value of an enemy's move timer."""
        return jnp.maximum(MOVE_INTERVAL - self.ramp // 2, MIN_MOVE_INTERVAL)


class Seaquest(AbstractMinAtarGame[SeaquestState]):
    """Rescue divers, shoot enemies, and come up for air in time.

    **Observation:** booleans of shape `(10, 10, 10)`: row, column and channel.

    | channel | meaning |
    | --- | --- |
    | 0 | the front of the player's submarine |
    | 1 | the back of it |
    | 2 | the player's bullets |
    | 3 | trail: where fish, enemy submarines and divers come from |
    | 4 | enemy bullets |
    | 5 | fish |
    | 6 | enemy submarines |
    | 7 | oxygen: one cell of the last row for every 20 left |
    | 8 | divers aboard: one cell of the last row for each |
    | 9 | divers |

    **Action:** `Discrete(6)`: 0 does nothing, 1 moves left, 2 up, 3 right, 4 down, and
    5 fires. All have an effect, so `minimal_actions` makes no difference.

    **Reward:** 1 for every fish and enemy submarine struck; for surfacing with six
    divers, 1 for every full 20 units of oxygen left, at most 10.

    **Start:** at the surface, in the middle, with full oxygen and no one else around.

    **Episode end:** terminates when the player meets an enemy or an enemy bullet, runs
    out of oxygen, or surfaces without a diver; truncated after `max_steps`.

    **Source:** Young & Tian (2019), as in the package `minatar`.
    """

    max_steps: Int32[Array, ""] = time_limit(1000)
    ramping: bool = flag(True, "Whether the game gets harder with each surfacing.")

    minimal_set = tuple(ACTIONS)
    channels = CHANNELS

    def initial_state(self, key: Key[Array, ""]) -> SeaquestState:
        del key
        none, zero, no = jnp.uint32(0), jnp.int32(0), jnp.array(False)
        bullet = Bullet(x=zero, y=zero, right=no, flying=no)
        return SeaquestState(
            x=jnp.int32(5),
            y=zero,
            right=no,
            bullets=(bullet, bullet),
            swimmers=Swimmers(
                fish=none,
                submarine=none,
                diver=none,
                x=Numbers.zeros(4),
                y=Numbers.zeros(4),
                right=none,
                move_timer=Numbers.zeros(3),
                shot_timer=Numbers.zeros(4),
                bullet=none,
                bullet_x=Numbers.zeros(4),
            ),
            num_divers=zero,
            oxygen=jnp.int32(MAX_OXYGEN),
            at_surface=jnp.array(True),
            spawn_timer=jnp.int32(SPAWN_INTERVAL),
            diver_spawn_timer=jnp.int32(DIVER_SPAWN_INTERVAL),
            shot_timer=zero,
            ramp=zero,
            time=zero,
        )

    def transition(
        self, key: Key[Array, ""], state: SeaquestState, action: Int32[Array, ""]
    ) -> Transition[SeaquestState]:
        always = state.time >= 0

        # Rules 1 and 2: enemies and divers enter, and the player acts.
        swimmers = _enter(state, self._draw(key))
        x, y, right = self._steer(state, action)
        fires = is_action(FIRE, action, self.actions) & (state.shot_timer == 0)
        bullets = _fire(state.bullets, Bullet(x, y, right, fires))
        swimmers, bullets = computed_once(always, (swimmers, bullets))

        # Rule 3: the player's bullets.
        swimmers, bullets, num_shot = _fly(swimmers, bullets)

        # Where everything moves does not depend on what else happens in rules 4 to 8.
        moves = swimmers.move_timer.is_zero()
        new_x = swimmers.x.step(moves, swimmers.right)
        in_row = swimmers.y.equal(y)
        met_later = in_row & new_x.equal(x)
        met = met_later | (in_row & swimmers.x.equal(x))

        # Rule 4: divers.
        boards, num_divers = _board(swimmers.diver & met, state.num_divers)

        # Rules 5 and 7: enemies.
        enemies = swimmers.fish | swimmers.submarine
        shoots = swimmers.submarine & swimmers.shot_timer.is_zero()
        bullets, struck = _run_into_bullets(
            enemies & moves & ~met_later, new_x, swimmers.y, bullets
        )

        # Rule 6: enemy bullets.
        enemy_bullet = swimmers.bullet | shoots
        bullet_x = swimmers.bullet_x.replace(shoots, new_x)
        new_bullet_x = bullet_x.step(ALL_SLOTS, swimmers.right)
        hit = enemy_bullet & in_row & (bullet_x.equal(x) | new_bullet_x.equal(x))

        # Rule 8: the player meets an enemy or an enemy bullet.
        is_hit = ((enemies & met) | hit) != 0

        # Rule 9: oxygen and the surface.
        comes_up = (y == 0) & ~state.at_surface
        surfaces = comes_up & (num_divers != 0)
        is_over = is_hit | (state.oxygen <= 0) | (comes_up & (num_divers == 0))

        gone = boards | struck | _is_off_screen(new_x)
        num_struck = num_shot + jax.lax.population_count(struck).astype(jnp.int32)
        is_over, surfaces, num_divers, num_struck, gone, shoots = computed_once(
            always, (is_over, surfaces, num_divers, num_struck, gone, shoots)
        )
        unloads = surfaces & (num_divers == MAX_DIVERS)
        reward = num_struck + jnp.where(unloads, state.oxygen // OXYGEN_PER_CELL, 0)
        oxygen = jnp.where(y > 0, state.oxygen - 1, state.oxygen)

        # Rule 10: difficulty.
        ramp = state.ramp
        if self.ramping:
            ramp = jnp.minimum(ramp + surfaces.astype(jnp.int32), MAX_RAMP)

        next_state = SeaquestState(
            x=x,
            y=y,
            right=right,
            bullets=bullets,
            swimmers=Swimmers(
                fish=swimmers.fish & ~gone,
                submarine=swimmers.submarine & ~gone,
                diver=swimmers.diver & ~gone,
                x=new_x,
                y=swimmers.y,
                right=swimmers.right,
                move_timer=_run_down(swimmers.move_timer)
                .replace(moves & ENEMIES, state.move_interval)
                .replace(moves & DIVERS, np.int32(DIVER_MOVE_INTERVAL)),
                shot_timer=_run_down(swimmers.shot_timer).replace(
                    shoots, np.int32(ENEMY_SHOT_INTERVAL)
                ),
                bullet=enemy_bullet & ~_is_off_screen(new_bullet_x),
                bullet_x=new_bullet_x,
            ),
            num_divers=jnp.where(unloads, 0, num_divers) - surfaces.astype(jnp.int32),
            oxygen=jnp.where(surfaces, MAX_OXYGEN, oxygen),
            at_surface=(y == 0) & (surfaces | state.at_surface),
            spawn_timer=_next_timer(state.spawn_timer, state.spawn_interval),
            diver_spawn_timer=_next_timer(
                state.diver_spawn_timer, jnp.int32(DIVER_SPAWN_INTERVAL)
            ),
            shot_timer=jnp.maximum(
                jnp.where(fires, SHOT_INTERVAL, state.shot_timer) - 1, 0
            ),
            ramp=ramp,
            time=state.time + 1,
        )
        return Transition(next_state, reward.astype(float), is_over)

    def _steer(
        self, state: SeaquestState, action: Int32[Array, ""]
    ) -> tuple[Int32[Array, ""], Int32[Array, ""], Bool[Array, ""]]:
        """Where the player goes, and whether it then faces right."""
        x = state.x + move(LEFT, RIGHT, action, self.actions)
        y = state.y + move(UP, DOWN, action, self.actions)
        left = is_action(LEFT, action, self.actions)
        right = is_action(RIGHT, action, self.actions)
        x, y = jnp.clip(x, 0, SIZE - 1), jnp.clip(y, 0, GAUGES - 1)
        return x, y, right | (state.right & ~left)

    def _draw(self, key: Key[Array, ""]) -> Draw:
        # One word: eight fair bits, and a chance of one in three from the other 24.
        word = jr.bits(key, dtype=jnp.uint32)
        return Draw(
            enemy_right=word & 1 == 1,
            enemy_row=1 + ((word >> 1) & 7).astype(jnp.int32),
            enemy_is_submarine=word >> 8 < 2**24 // 3,
            diver_right=(word >> 4) & 1 == 1,
            diver_row=1 + ((word >> 5) & 7).astype(jnp.int32),
        )

    def observe(self, state: SeaquestState) -> Bool[Array, "10 10 10"]:
        swimmers = state.swimmers
        first, second = state.bullets
        back = jnp.where(state.right, state.x - 1, state.x + 1)
        cells = np.arange(SIZE, dtype=np.int32)

        def bit(i, mask):
            return jnp.asarray(mask).astype(jnp.uint32) << i

        # A cell of a channel is occupied if some slot has both its row and its column.
        # The player, its bullets and the gauges do not swim, and have separate slots.
        swimmer_rows = swimmers.y.equal(cells)
        other_rows = (
            bit(0, cells == state.y)
            | bit(1, (cells == first.y) & first.flying)
            | bit(2, (cells == second.y) & second.flying)
            | bit(3, cells == GAUGES)
        )
        column = swimmers.x.equal(cells)
        behind = swimmers.x.step(ALL_SLOTS, ~swimmers.right).equal(cells)
        columns = {
            FRONT: bit(0, cells == state.x),
            BACK: bit(0, cells == back),
            BULLET: bit(1, cells == first.x) | bit(2, cells == second.x),
            TRAIL: behind & (swimmers.fish | swimmers.submarine | swimmers.diver),
            ENEMY_BULLET: swimmers.bullet_x.equal(cells) & swimmers.bullet,
            FISH: column & swimmers.fish,
            SUBMARINE: column & swimmers.submarine,
            OXYGEN: bit(3, cells < state.oxygen // OXYGEN_PER_CELL),
            ABOARD: bit(3, (cells >= GAUGES - state.num_divers) & (cells < GAUGES)),
            DIVER: column & swimmers.diver,
        }
        columns = jnp.stack([columns[channel] for channel in CHANNELS], axis=-1)
        swimmer_rows, other_rows, columns = computed_once(
            state.time >= 0, (swimmer_rows, other_rows, columns.reshape(-1))
        )
        swims = np.isin(CHANNELS, [TRAIL, ENEMY_BULLET, FISH, SUBMARINE, DIVER])
        swims = np.tile(np.where(swims, ALL_SLOTS, NO_SLOT), SIZE)
        swimmer_rows, other_rows = swimmer_rows[:, None], other_rows[:, None]
        rows = (swimmer_rows & swims[None, :]) | (other_rows & ~swims[None, :])
        # Two axes, not three: one long loop for the compiler to vectorize.
        return ((rows & columns[None, :]) != 0).reshape(SIZE, SIZE, len(CHANNELS))


def _enter(state: SeaquestState, draw: Draw) -> Swimmers:
    """Lets an enemy and a diver enter, if their timers have run down."""
    swimmers = state.swimmers
    oncoming = swimmers.right ^ slots_if(draw.enemy_right)
    enemies = swimmers.fish | swimmers.submarine
    blocked = (enemies & oncoming & swimmers.y.equal(draw.enemy_row)) != 0
    enemy_enters = slots_if((state.spawn_timer == 0) & ~blocked)
    diver_enters = slots_if(state.diver_spawn_timer == 0)
    enemy_enters, diver_enters = computed_once(
        state.time >= 0, (enemy_enters, diver_enters)
    )
    # All move down one slot, which frees the slot of the youngest.
    shifting = (enemy_enters & ENEMIES) | (diver_enters & DIVERS)
    shifting_from = shifting & ~(OLDEST_ENEMY | OLDEST_DIVER)
    new_enemy, new_diver = enemy_enters & YOUNGEST_ENEMY, diver_enters & YOUNGEST_DIVER

    def queue(
        old: Slots,
        enemy: Slots | np.uint32 = NO_SLOT,
        diver: Slots | np.uint32 = NO_SLOT,
    ) -> Any:
        shifted = (old & ~shifting) | ((old & shifting_from) >> 1)
        return shifted | (new_enemy & enemy) | (new_diver & diver)

    def edge(right):
        return jnp.where(right, 0, SIZE - 1)

    submarine = slots_if(draw.enemy_is_submarine)
    enemy_right, diver_right = slots_if(draw.enemy_right), slots_if(draw.diver_right)
    return Swimmers(
        fish=queue(swimmers.fish, enemy=~submarine),
        submarine=queue(swimmers.submarine, enemy=submarine),
        diver=queue(swimmers.diver, diver=ALL_SLOTS),
        x=swimmers.x.map(queue, edge(draw.enemy_right), edge(draw.diver_right)),
        y=swimmers.y.map(queue, draw.enemy_row, draw.diver_row),
        right=queue(swimmers.right, enemy_right, diver_right),
        move_timer=swimmers.move_timer.map(
            queue, state.move_interval, np.int32(DIVER_MOVE_INTERVAL)
        ),
        shot_timer=swimmers.shot_timer.map(queue, np.int32(ENEMY_SHOT_INTERVAL)),
        bullet=queue(swimmers.bullet),
        bullet_x=swimmers.bullet_x.map(queue),
    )


def _fire(bullets: tuple[Bullet, Bullet], new: Bullet) -> tuple[Bullet, Bullet]:
    """The younger and the older bullet after firing `new`, if it is `flying`."""

    def choose(x, y):
        return jax.tree.map(lambda x, y: jnp.where(new.flying, x, y), x, y)

    younger, older = bullets
    return choose(new, younger), choose(younger, older)


def _fly(
    swimmers: Swimmers, bullets: tuple[Bullet, Bullet]
) -> tuple[Swimmers, tuple[Bullet, Bullet], Int32[Array, ""]]:
    """Moves the player's bullets; also returns how many enemies they struck."""
    fish, submarine = swimmers.fish, swimmers.submarine
    num_struck = jnp.int32(0)
    moved = []
    for bullet in bullets:
        x = bullet.x + jnp.where(bullet.right, 1, -1)
        flying = bullet.flying & (x >= 0) & (x < SIZE)
        here = swimmers.x.equal(x) & swimmers.y.equal(bullet.y) & slots_if(flying)
        struck_fish = lowest(here & fish)
        struck_submarine = lowest(here & submarine) & slots_if(struck_fish == 0)
        fish, submarine = fish & ~struck_fish, submarine & ~struck_submarine
        strikes = (struck_fish | struck_submarine) != 0
        num_struck += strikes.astype(jnp.int32)
        moved.append(dataclasses.replace(bullet, x=x, flying=flying & ~strikes))
    swimmers = dataclasses.replace(swimmers, fish=fish, submarine=submarine)
    return swimmers, (moved[0], moved[1]), num_struck


def _board(met: Slots, num_divers: Int32[Array, ""]) -> tuple[Slots, Int32[Array, ""]]:
    """The divers who come aboard, of those met, and how many are aboard afterwards."""
    room = MAX_DIVERS - num_divers
    one = jnp.where(met == DIVERS, YOUNGEST_DIVER, met)
    boards = jnp.where(room >= 2, met, jnp.where(room == 1, one, NO_SLOT))
    num_boarding = jax.lax.population_count(boards).astype(jnp.int32)
    return boards, num_divers + num_boarding


def _run_into_bullets(
    moving: Slots, x: Numbers, y: Numbers, bullets: tuple[Bullet, Bullet]
) -> tuple[tuple[Bullet, Bullet], Slots]:
    """The player's remaining bullets, and the enemies that ran into the others.

    No two enemies enter a cell in the same step, since those in a row go the same way
    and never share both place and timer.
    """
    all_struck = jnp.uint32(0)
    left = []
    for bullet in bullets:
        here = x.equal(bullet.x) & y.equal(bullet.y)
        struck = moving & here & slots_if(bullet.flying)
        all_struck = all_struck | struck
        left.append(dataclasses.replace(bullet, flying=bullet.flying & (struck == 0)))
    return (left[0], left[1]), all_struck


def _is_off_screen(x: Numbers) -> Slots:
    """The slots whose `x` is 10 or more; one step to the left of 0 is 15."""
    return x.digits[3] & (x.digits[2] | x.digits[1])


def _run_down(timer: Numbers) -> Numbers:
    return timer.step(~timer.is_zero(), NO_SLOT)


def _next_timer(
    timer: Int32[Array, ""], interval: Int32[Array, ""]
) -> Int32[Array, ""]:
    return jnp.where(timer == 0, interval, timer) - 1
