"""Pong: keep the ball in play between two paddles.

The rules are those of Kirsch, "Batched pong environment" (2018,
https://doi.org/10.5281/zenodo.1175920), in the file `vanilla_pong.py` of its code
(https://github.com/BlackHC/batch_pong_poc). There, the agent moves both paddles; here,
the right one can also follow the ball by itself.

1. Each paddle moves up or down by `paddle_speed`, or stays. Its middle may leave the
   screen, by up to twice `paddle_half_height`.
2. The ball moves by its velocity, and bounces off the top and the bottom.
3. A ball that reaches a paddle bounces off it. Its vertical velocity changes by how far
   from the middle of the paddle it hits, as a fraction of `paddle_half_height`.
4. The episode terminates when the ball leaves the screen on the left or on the right.

**Deviations:**

- The original has no computer player: an agent moves both paddles
  (`right_player="agent"`). The default player, which follows the ball, is gymnax's. So
  are the speed of the paddles, 1 rather than 2, and the time limit.
- The original's observation is one frame with the ball and the paddles. Here, as in
  gymnax, each has its own channel, and a third channel shows the ball one step earlier,
  which reveals its direction.

**Kept:**

- Both players get the same reward, 1 for every step that the ball stays in play.
- What the original's code notes as incorrect: the ball is reflected in column 1 and
  `width - 2`, and the right paddle reaches nearly a row further than the left one.
"""

import functools as ft
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int32, Key, UInt8

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import choice, count, real, time_limit
from ...rendering import Rectangle, Scene, Segment, Text
from ...rendering.colors import GRAY, INK, SLATE, WHITE, YELLOW
from ...spaces import Box, Discrete, MultiDiscrete


class PongState(AbstractState):
    """Where the paddles and the ball are, in rows from the top and columns from the
    left, which need not be integers."""

    left_paddle: Float[Array, ""]
    right_paddle: Float[Array, ""]
    row: Float[Array, ""]
    column: Float[Array, ""]
    row_velocity: Float[Array, ""]
    column_velocity: Float[Array, ""]
    last_row: Float[Array, ""]
    last_column: Float[Array, ""]
    time: Int32[Array, ""]


class Pong(
    AbstractEnvironment[PongState, Int32[Array, "*players"], Bool[Array, "h w 3"]]
):
    """Keep the ball in play between two paddles.

    **Observation:** an array of booleans of shape `(height, width, 3)`.

    | channel | true where |
    | --- | --- |
    | 0 | there is a paddle, in the first and in the last column |
    | 1 | the ball is |
    | 2 | the ball was one step earlier |

    Anything outside the screen is shown at its border.

    **Action:** `Discrete(3)`: 0 leaves the left paddle where it is, 1 moves it up, 2
    moves it down. With `right_player="agent"`, `MultiDiscrete((3, 3))`: the actions of
    the left paddle and of the right paddle.

    **Reward:** 1 at every step, and 0 at the step in which the ball leaves the screen.

    **Start:** the paddles and the ball are in the middle; the ball moves to the right.
    Nothing is random.

    **Episode end:** terminates when the ball leaves the screen to the left or to the
    right; truncated after `max_steps`.

    The transition's `info["winner"]` is 1 when the ball has left the screen to the
    right, 2 when it has left it to the left, and 0 otherwise.

    **Source:** Kirsch (2018),
    [batch_pong_poc](https://github.com/BlackHC/batch_pong_poc).
    """

    ball_speed: Float[Array, ""] = real(
        1.0, "Horizontal speed of the ball.", unit="columns per step"
    )
    max_row_speed: Float[Array, ""] = real(
        3.0, "Greatest vertical speed of the ball.", unit="rows per step", minimum=0
    )
    paddle_speed: Float[Array, ""] = real(
        1.0, "Speed of a paddle.", unit="rows per step", minimum=0
    )
    max_steps: Int32[Array, ""] = time_limit(1000)
    width: int = count(40, "Columns of the screen.", minimum=4)
    height: int = count(30, "Rows of the screen.", minimum=2)
    paddle_half_height: int = count(
        2, "Rows of a paddle above its middle, and below it."
    )
    right_player: Literal["tracker", "copy", "agent"] = choice(
        "tracker",
        "Who moves the right paddle: a program that follows the ball, a copy of "
        "the left paddle's action, or the agent.",
        options=("tracker", "copy", "agent"),
    )

    def initial_state(self, key: Key[Array, ""]) -> PongState:
        del key
        row = jnp.full_like(self.ball_speed, self.height / 2)
        column = jnp.full_like(self.ball_speed, self.width / 2)
        return PongState(
            left_paddle=row,
            right_paddle=row,
            row=row,
            column=column,
            row_velocity=jnp.zeros_like(row),
            column_velocity=self.ball_speed,
            last_row=row,
            last_column=column,
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: PongState, action: Int32[Array, "*players"]
    ) -> Transition[PongState]:
        del key
        # Rule 1: the paddles.
        left_paddle, right_paddle = self._move_paddles(state, action)

        # Rule 2: the ball, and the borders.
        row = state.row + state.row_velocity
        column = state.column + state.column_velocity
        row, row_velocity = self._reflect_on_borders(row, state.row_velocity)

        # Rule 3: the ball meets a paddle.
        column, row_velocity, column_velocity = self._reflect_on_paddles(
            row, column, row_velocity, state.column_velocity, left_paddle, right_paddle
        )

        # Rule 4: the end.
        is_left, is_right = column < 0, column >= self.width
        terminated = is_left | is_right
        state = PongState(
            left_paddle=left_paddle,
            right_paddle=right_paddle,
            row=row,
            column=column,
            row_velocity=row_velocity,
            column_velocity=column_velocity,
            last_row=state.row,
            last_column=state.column,
            time=state.time + 1,
        )
        winner = jnp.where(is_left, 2, jnp.where(is_right, 1, 0)).astype(jnp.int32)
        reward = jnp.where(terminated, 0.0, 1.0)
        return Transition(state, reward, terminated, {"winner": winner})

    def _move_paddles(self, state: PongState, action: Int32[Array, "*players"]):
        if self.right_player == "agent":
            left_action, right_action = action
        else:
            left_action = right_action = action
        left = self._move_paddle(state.left_paddle, self._direction(left_action))
        if self.right_player == "tracker":
            # Toward where the ball is before it moves: up, if that gets nearer to it.
            up = self._move_paddle(state.right_paddle, -1)
            down = self._move_paddle(state.right_paddle, 1)
            is_up = jnp.abs(state.row - up) < jnp.abs(state.row - down)
            return left, jnp.where(is_up, up, down)
        right = self._move_paddle(state.right_paddle, self._direction(right_action))
        return left, right

    def _move_paddle(self, row: Float[Array, ""], direction: int | Float[Array, ""]):
        beyond = 2 * self.paddle_half_height
        row = row + direction * self.paddle_speed
        return jnp.clip(row, -beyond, self.height + beyond)

    def _direction(self, action: Int32[Array, ""]) -> Float[Array, ""]:
        """-1 is up, 1 is down."""
        direction = (action == 2).astype(jnp.int32) - (action == 1).astype(jnp.int32)
        return direction.astype(self.paddle_speed.dtype)

    def _reflect_on_borders(self, row: Float[Array, ""], velocity: Float[Array, ""]):
        is_above = row < 0
        row = jnp.where(is_above, -row, row)
        velocity = jnp.where(is_above, -velocity, velocity)
        is_below = row >= self.height
        row = jnp.where(is_below, 2 * (self.height - 1) - row, row)
        return row, jnp.where(is_below, -velocity, velocity)

    def _reflect_on_paddles(
        self, row, column, row_velocity, column_velocity, left_paddle, right_paddle
    ):
        half_height = self.paddle_half_height
        # The left paddle reflects the ball in column 1, the right one in column
        # width - 2, and the right one also reaches a little further up and down.
        to_left, to_right = row - left_paddle, row - right_paddle
        hits_left = (2 - column >= 1) & (jnp.abs(to_left) <= half_height)
        new_column = 2 * (self.width - 2) - column
        hits_right = (new_column < self.width - 2) & (
            jnp.abs(to_right) < half_height + 1
        )
        column = jnp.where(hits_left, 2 - column, column)
        column = jnp.where(hits_right, new_column, column)
        offset = jnp.where(hits_left, to_left, to_right) / half_height
        limit = self.max_row_speed
        is_hit = hits_left | hits_right
        turned = jnp.clip(row_velocity + offset, -limit, limit)
        row_velocity = jnp.where(is_hit, turned, row_velocity)
        return (
            column,
            row_velocity,
            jnp.where(is_hit, -column_velocity, column_velocity),
        )

    def observe(self, state: PongState) -> Bool[Array, "h w 3"]:
        rows = np.arange(self.height, dtype=np.int32)
        column, channel = (np.ravel(x) for x in np.indices((self.width, 3)))

        def paddle(middle):
            middle = jnp.floor(middle).astype(jnp.int32)
            top, bottom = (
                jnp.clip(middle + offset, 0, self.height - 1)
                for offset in (-self.paddle_half_height, self.paddle_half_height)
            )
            return (rows >= top) & (rows <= bottom)

        def is_at(cells, coordinate):
            nearest = jnp.clip(jnp.floor(coordinate), 0, int(cells[-1]))
            return cells.astype(coordinate.dtype) == nearest

        # Each thing has a bit. An entry is true if its row and its column, in its
        # channel, have a bit in common: one operation for each entry.
        row_bits = _bits(
            paddle(state.left_paddle),
            paddle(state.right_paddle),
            is_at(rows, state.row),
            is_at(rows, state.last_row),
        )
        column_bits = _bits(
            (channel == 0) & (column == 0),
            (channel == 0) & (column == self.width - 1),
            (channel == 1) & is_at(column, state.column),
            (channel == 2) & is_at(column, state.last_column),
        )
        observation = (row_bits[:, None] & column_bits[None, :]) != 0
        return observation.reshape(self.height, self.width, 3)

    @property
    def action_space(self) -> Discrete | MultiDiscrete:
        return MultiDiscrete((3, 3)) if self.right_player == "agent" else Discrete(3)

    @property
    def observation_space(self) -> Box:
        return Box(False, True, (self.height, self.width, 3), dtype=bool)

    def draw(self, state: PongState) -> Scene:
        height, width, middle = self.height, self.width, self.width / 2
        dashes = np.arange(0.5, height, 2)

        def cell(row, column, size, color, opacity=1.0):
            center = (column + 0.5, height - row - 0.5)
            return Rectangle(center, size, color, opacity)

        paddle = (1, 2 * self.paddle_half_height + 1)
        return Scene(
            (
                Segment((0, [0, height]), (width, [0, height]), 0.2, GRAY),
                Segment((middle, dashes), (middle, dashes + 0.8), 0.2, SLATE),
                Text(
                    "{}", (middle, 0.87 * height), 0.1 * height, GRAY, number=state.time
                ),
                cell(state.left_paddle, 0, paddle, WHITE),
                cell(state.right_paddle, width - 1, paddle, WHITE),
                cell(state.last_row, state.last_column, (1, 1), YELLOW, 0.4),
                cell(state.row, state.column, (1, 1), YELLOW),
            ),
            view=(-1, -1, width + 1, height + 1),
            background=INK,
        )


def _bits(*masks: ArrayLike) -> UInt8[Array, " n"]:
    """Bit `i` of each number is that entry of the mask `i`."""
    numbers = (jnp.asarray(mask).astype(jnp.uint8) << i for i, mask in enumerate(masks))
    return ft.reduce(jnp.bitwise_or, numbers)
