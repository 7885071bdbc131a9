"""Breakout: keep the ball in play and break the bricks.

The game is that of Young & Tian, "MinAtar: An Atari-Inspired Testbed for Thorough and
Reproducible Reinforcement Learning Experiments" (2019, arXiv:1903.03176), and follows
the rules of their package `minatar` (https://github.com/kenjyoung/MinAtar) one by one:

1. The paddle, in the last row, moves one cell to the left or to the right.
2. The ball moves one cell diagonally. At a side wall, it stays in its column and
   reverses its horizontal direction.
3. At the top, it stays in its row and reverses its vertical direction.
4. Otherwise, if there is a brick in its way, the brick breaks for a reward of 1, and
   the ball stays in its row and reverses its vertical direction. But right after a step
   with a brick in its way, the ball passes through further bricks, which stay whole.
5. Otherwise, if it reaches the last row, a wall without bricks is replaced by a new
   one. If the paddle is in the column that the ball comes from, the ball stays in its
   row and reverses its vertical direction; if the paddle is in the column that the ball
   goes to, it reverses both directions; otherwise the episode terminates.

**Deviations:** none.
"""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Int32, Key, UInt32

from ..._environment import AbstractState, Transition
from ...fields import time_limit
from ._actions import LEFT, move, NOTHING, RIGHT
from ._game import AbstractMinAtarGame
from ._maps import Bits, bits_in, cell, picture, ROW, SIZE, Words, words_of


PADDLE_ROW = 9
BRICK_ROWS = range(1, 4)
WALL = np.uint32(2 ** (SIZE * len(BRICK_ROWS)) - 1)  # all bricks

CHANNELS = PADDLE, BALL, TRAIL, BRICK = range(4)


class BreakoutState(AbstractState):
    """The paddle, the ball, and the bricks, with one bit for each, from left to right
    and from top to bottom."""

    paddle_x: Int32[Array, ""]
    x: Int32[Array, ""]
    y: Int32[Array, ""]
    last_x: Int32[Array, ""]
    last_y: Int32[Array, ""]
    moves_right: Bool[Array, ""]
    moves_down: Bool[Array, ""]
    met_brick: Bool[Array, ""]
    bricks: UInt32[Array, ""]
    time: Int32[Array, ""]


class Breakout(AbstractMinAtarGame[BreakoutState]):
    """Keep a ball in play with a paddle, and break bricks.

    **Observation:** booleans of shape `(10, 10, 4)`: row, column and channel.

    | channel | meaning |
    | --- | --- |
    | 0 | the paddle |
    | 1 | the ball |
    | 2 | trail: where the ball was one step before |
    | 3 | bricks |

    **Action:** `Discrete(3)`: 0 stays, 1 moves left, 2 right. Without
    `minimal_actions`, `Discrete(6)`: 1 moves left, 3 right, all others stay.

    **Reward:** 1 for a brick, otherwise 0.

    **Start:** a whole wall of three rows of bricks, and the ball at the left or the
    right edge of the last of these rows, with equal probability.

    **Episode end:** terminates when the ball gets past the paddle; truncated after
    `max_steps`.

    **Source:** Young & Tian (2019), package `minatar`.
    """

    max_steps: Int32[Array, ""] = time_limit(1000)

    minimal_set = (NOTHING, LEFT, RIGHT)
    channels = CHANNELS

    def initial_state(self, key: Key[Array, ""]) -> BreakoutState:
        from_left = jr.bits(key, dtype=jnp.uint32) >> 31 == 0
        x = jnp.where(from_left, jnp.int32(0), jnp.int32(SIZE - 1))
        y = jnp.int32(BRICK_ROWS.stop - 1)
        return BreakoutState(
            paddle_x=jnp.int32(4),
            x=x,
            y=y,
            last_x=x,
            last_y=y,
            moves_right=from_left,
            moves_down=jnp.array(True),
            met_brick=jnp.array(False),
            bricks=jnp.uint32(WALL),
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: BreakoutState, action: Int32[Array, ""]
    ) -> Transition[BreakoutState]:
        del key
        # Rule 1: the paddle.
        paddle_x = state.paddle_x + move(LEFT, RIGHT, action, self.actions)
        paddle_x = jnp.clip(paddle_x, 0, SIZE - 1)

        # Rule 2: the ball, and the side walls.
        x = state.x + jnp.where(state.moves_right, 1, -1)
        y = state.y + jnp.where(state.moves_down, 1, -1)
        at_side = (x < 0) | (x >= SIZE)
        x = jnp.clip(x, 0, SIZE - 1)

        # Rule 3: the top.
        at_top = y < 0

        # Rule 4: the bricks.
        brick = _brick(x, y)
        meets_brick = (state.bricks & brick) != 0
        breaks = meets_brick & ~state.met_brick
        bricks = jnp.where(breaks, state.bricks & ~brick, state.bricks)

        # Rule 5: the last row.
        at_bottom = y == PADDLE_ROW
        bricks = jnp.where(at_bottom & (bricks == 0), WALL, bricks)
        straight = at_bottom & (state.x == paddle_x)
        slanted = at_bottom & ~straight & (x == paddle_x)

        turns = at_top | breaks | straight | slanted
        state = BreakoutState(
            paddle_x=paddle_x,
            x=x,
            y=jnp.where(turns, state.y, y),
            last_x=state.x,
            last_y=state.y,
            moves_right=state.moves_right ^ at_side ^ slanted,
            moves_down=state.moves_down ^ turns,
            met_brick=meets_brick,
            bricks=bricks,
            time=state.time + 1,
        )
        return Transition(state, breaks.astype(float), at_bottom & ~turns)

    def observe(self, state: BreakoutState) -> Bool[Array, "10 10 4"]:
        return picture(state, _layers)


def _brick(x: Int32[Array, ""], y: Int32[Array, ""]) -> UInt32[Array, ""]:
    """The bit of the brick in a cell; zero for cells that never hold bricks."""
    row = y - BRICK_ROWS.start
    is_brick_row = (row >= 0) & (row < len(BRICK_ROWS))
    number = jnp.where(is_brick_row, SIZE * row + x, 0).astype(jnp.uint32)
    return jnp.where(is_brick_row, jnp.uint32(1) << number, jnp.uint32(0))


def _layers(state: BreakoutState) -> list[tuple[Words, Bits]]:
    """The maps that the observation shows, and where."""
    shifts = SIZE * np.arange(len(BRICK_ROWS), dtype=np.uint32)
    bricks = (state.bricks >> shifts).astype(jnp.int32) & ROW
    maps = {
        PADDLE: cell(PADDLE_ROW, state.paddle_x),
        BALL: cell(state.y, state.x),
        TRAIL: cell(state.last_y, state.last_x),
        BRICK: words_of(jnp.pad(bricks, (BRICK_ROWS.start, SIZE - BRICK_ROWS.stop))),
    }
    return [(words, bits_in(channel, CHANNELS)) for channel, words in maps.items()]
