"""Catch: a ball falls down a board; move the paddle under it.

The rules are those of `bsuite/environments/catch.py` in bsuite 0.3.6 (Osband et al.,
"Behaviour suite for reinforcement learning", ICLR 2020;
https://github.com/google-deepmind/bsuite).

1. The ball starts in the top row, in a random column, and the paddle in the middle of
   the bottom row.
2. The action moves the paddle one column to the left or to the right, or leaves it in
   place.
3. The ball falls by one row.
4. The episode terminates when the ball reaches the bottom row, with a reward of 1 if
   it lands on the paddle and of -1 if it does not.

**Deviations:** none.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import count, time_limit
from ...random import below
from ...rendering import Disc, Rectangle, Scene, Segment
from ...rendering.colors import BLUE, RED, SILVER, SLATE, WHITE
from ...spaces import Box, Discrete
from .._shapes import cell_center


class CatchState(AbstractState):
    """The columns of the ball and the paddle. The ball's row is `time`."""

    ball_x: Int32[Array, ""]
    paddle_x: Int32[Array, ""]
    time: Int32[Array, ""]


class Catch(
    AbstractEnvironment[CatchState, Int32[Array, ""], Float[Array, "rows columns"]]
):
    """Catch a falling ball with a paddle.

    **Observation:** the board, an array of shape `(rows, columns)` with 1 where the
    ball or the paddle is and 0 elsewhere.

    **Action:** `Discrete(3)`: 0 moves the paddle to the left, 1 leaves it where it is,
    2 moves it to the right; it stops at the edges.

    **Reward:** 1 if the ball lands on the paddle, -1 if it lands beside it, 0 at all
    earlier steps.

    **Start:** the ball is in the top row, in a column drawn uniformly; the paddle is in
    column `columns // 2` of the bottom row.

    **Episode end:** terminates when the ball reaches the bottom row, which takes
    `rows - 1` steps; truncated after `max_steps`.

    **Source:** bsuite 0.3.6, `bsuite/environments/catch.py`.
    """

    rows: int = count(10, "Height of the board.", minimum=2)
    columns: int = count(5, "Width of the board.")
    max_steps: Int32[Array, ""] = time_limit(1000)

    def initial_state(self, key: Key[Array, ""]) -> CatchState:
        return CatchState(
            ball_x=below(key, self.columns),
            paddle_x=jnp.int32(self.columns // 2),
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: CatchState, action: Int32[Array, ""]
    ) -> Transition[CatchState]:
        del key
        paddle_x = jnp.clip(state.paddle_x + action - 1, 0, self.columns - 1)
        state = CatchState(ball_x=state.ball_x, paddle_x=paddle_x, time=state.time + 1)
        has_landed = state.time == self.rows - 1
        catch = jnp.where(state.ball_x == paddle_x, 1.0, -1.0)
        return Transition(state, jnp.where(has_landed, catch, 0.0), has_landed)

    def observe(self, state: CatchState) -> Float[Array, "rows columns"]:
        # One number for each cell: a long row of them is compared faster than a board.
        cells = jnp.arange(self.rows * self.columns, dtype=jnp.int32)
        ball = cells == state.time * self.columns + state.ball_x
        paddle = cells == (self.rows - 1) * self.columns + state.paddle_x
        return (ball | paddle).astype(float).reshape(self.rows, self.columns)

    @property
    def action_space(self) -> Discrete:
        return Discrete(3)

    @property
    def observation_space(self) -> Box:
        return Box(0, 1, (self.rows, self.columns))

    def draw(self, state: CatchState) -> Scene:
        rows, columns = self.rows, self.columns
        x, y = cell_center(state.time, state.ball_x, rows)
        paddle_x, _ = cell_center(state.time, state.paddle_x, rows)
        xs, ys = np.arange(columns + 1), np.arange(rows + 1)
        return Scene(
            (
                Rectangle((columns / 2, rows / 2), (columns, rows), WHITE),
                Segment((xs, 0), (xs, rows), 0.03, SILVER),
                Segment((0, ys), (columns, ys), 0.03, SILVER),
                Segment((x, rows), (x, y), 0.1, SILVER),
                Rectangle((paddle_x, 0.14), (0.96, 0.28), BLUE),
                Disc((x, y + 0.1), 0.36, RED),
                Segment((0, 0), (columns, 0), 0.08, SLATE),
            ),
            view=(-0.4, -0.4, columns + 0.4, rows + 0.4),
        )
