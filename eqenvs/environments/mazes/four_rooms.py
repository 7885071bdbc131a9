"""FourRooms: walk through four rooms, joined by hallways, to a goal.

The rooms are those of Sutton, Precup & Singh, "Between MDPs and semi-MDPs: a framework
for temporal abstraction in reinforcement learning" (Artificial Intelligence, 1999); the
rules are those of its implementation https://github.com/howardh/gym-fourrooms.

1. A move succeeds with probability `1 - slip_probability`. Otherwise it goes in one of
   the three other directions, each as likely as the others.
2. The agent moves there unless there is a wall; then it stays where it is.
3. If it is at the goal now, it is rewarded and the episode terminates.
4. With `goal_duration`, the goal moves to another cell every `goal_duration` steps.

**Deviations:**

- `start` and `goal` are fixed by default, at gymnax's cells. The original draws both
  for every episode, as `start=None, goal=None` does. There, the next start is also
  never the previous episode's goal; here, episodes are independent.
- `goal_duration` counts the steps of an episode. The original keeps counting across
  episodes (`goal_duration_steps`), and shows a goal that has moved one step late.
- The original can keep a goal for several episodes (`goal_duration_episodes`). Here,
  fix it: `goal=(row, column)`.
- `slip_probability` can be anything up to 1. The original's cannot exceed 3/4.
- The original has no images. `observation="image"` is gymnax's, with a channel for the
  goal.
"""

from typing import Literal

import jax
import jax.core
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import choice, count, flag, integer, real, time_limit
from ...random import scale_bits
from ...rendering import Cells, Scene
from ...rendering.colors import SLATE, WHITE
from ...spaces import Box, Discrete
from ._grid import draw_agent, draw_goal, nth_cell, number_cells, tile_map


OPEN, WALL = range(2)
ROOMS = (
    "xxxxxxxxxxxxx",
    "x     x     x",
    "x     x     x",
    "x           x",
    "x     x     x",
    "x     x     x",
    "xx xxxx     x",
    "x     xxx xxx",
    "x     x     x",
    "x     x     x",
    "x           x",
    "x     x     x",
    "xxxxxxxxxxxxx",
)


class FourRoomsState(AbstractState):
    """Where the agent and the goal are."""

    row: Int32[Array, ""]
    column: Int32[Array, ""]
    goal_row: Int32[Array, ""]
    goal_column: Int32[Array, ""]
    time: Int32[Array, ""]


class FourRooms(
    AbstractEnvironment[
        FourRoomsState, Int32[Array, ""], Int32[Array, "4"] | Bool[Array, "..."]
    ]
):
    """Walk through four rooms to a goal.

    **Observation:** with `observation="coordinates"`, four integers: the row and the
    column of the agent, and the row and the column of the goal, counted from the top
    left. With `observation="image"`, booleans of shape `(rows, columns, 3)`:

    | channel | true where |
    | --- | --- |
    | 0 | there is a wall |
    | 1 | the agent is |
    | 2 | the goal is |

    **Action:** `Discrete(4)`: 0 goes up, 1 right, 2 down, 3 left.

    **Reward:** 1 for reaching the goal, and 0 for every other step.

    **Start:** the agent is at `start` and the goal at `goal`. Either may be None: it is
    then uniform over the open cells other than the cell of the other one.

    **Episode end:** terminates at the goal; truncated after `max_steps`.

    **Source:** Sutton, Precup & Singh (1999), as in
    [gym-fourrooms](https://github.com/howardh/gym-fourrooms).
    """

    slip_probability: Float[Array, ""] = real(
        1 / 3,
        "Probability that a move goes in another direction.",
        minimum=0,
        maximum=1,
    )
    start: Int32[Array, "2"] | None = integer(
        (4, 1),
        "Row and column where the agent starts; None draws them for every episode.",
        minimum=0,
        shape=(2,),
        optional=True,
    )
    goal: Int32[Array, "2"] | None = integer(
        (8, 9),
        "Row and column of the goal; None draws them for every episode.",
        minimum=0,
        shape=(2,),
        optional=True,
    )
    max_steps: Int32[Array, ""] = time_limit(500)
    map: Int32[Array, "rows columns"] = tile_map(
        ROOMS, "The rooms: open cells and walls, with walls all around.", tiles=" x"
    )
    goal_duration: int = count(
        0,
        "Number of steps after which the goal moves to another cell; 0 keeps it "
        "for the whole episode.",
        minimum=0,
    )
    goal_avoids_agent: bool = flag(
        True, "Whether a goal is never drawn in the cell of the agent."
    )
    observation: Literal["coordinates", "image"] = choice(
        "coordinates",
        "The kind of observation.",
        options=("coordinates", "image"),
    )

    def __check_init__(self):
        if isinstance(self.map, jax.core.Tracer):
            return
        is_open = np.asarray(self.map) == OPEN
        if is_open[[0, -1]].any() or is_open[:, [0, -1]].any():
            raise ValueError("FourRooms.map must have walls all around.")
        if is_open.sum() < 2:
            raise ValueError("FourRooms.map must have two open cells or more.")
        for name, cell in (("start", self.start), ("goal", self.goal)):
            if cell is None or isinstance(cell, jax.core.Tracer):
                continue
            row, column = np.asarray(cell)
            if (
                max(row / len(is_open), column / len(is_open[0])) >= 1
                or not (is_open[row, column])
            ):
                raise ValueError(
                    f"FourRooms.{name} must be an open cell of the map; got "
                    f"({row}, {column})."
                )

    def initial_state(self, key: Key[Array, ""]) -> FourRoomsState:
        cells = number_cells(self.map == OPEN)
        if self.start is None or self.goal is None:
            start_bits, goal_bits = jr.bits(key, (2,), jnp.uint32)
        else:
            start_bits = goal_bits = jnp.uint32(0)  # nothing is drawn
        if self.start is not None:
            row, column = self.start
        elif self.goal is not None:
            row, column = self._draw_cell(start_bits, cells, *self.goal)
        else:
            row, column = nth_cell(
                cells, scale_bits(start_bits, cells[-1]), self.map.shape[1]
            )
        if self.goal is not None:
            goal_row, goal_column = self.goal
        else:
            goal_row, goal_column = self._draw_goal(goal_bits, cells, row, column)
        return FourRoomsState(
            row=row,
            column=column,
            goal_row=goal_row,
            goal_column=goal_column,
            time=jnp.int32(0),
        )

    def _draw_goal(self, bits, cells, row, column):
        if self.goal_avoids_agent:
            return self._draw_cell(bits, cells, row, column)
        return nth_cell(cells, scale_bits(bits, cells[-1]), self.map.shape[1])

    def _draw_cell(self, bits, cells, row, column):
        """An open cell, apart from the one in `row` and `column`."""
        num_columns = self.map.shape[1]
        taken = cells[row * num_columns + column] - 1
        n = scale_bits(bits, cells[-1] - 1)
        return nth_cell(cells, n + (n >= taken).astype(jnp.int32), num_columns)

    def transition(
        self, key: Key[Array, ""], state: FourRoomsState, action: Int32[Array, ""]
    ) -> Transition[FourRoomsState]:
        turn, goal_bits = self._draw(key)
        direction = (action + turn) & 3
        down = (direction == 2).astype(jnp.int32) - (direction == 0).astype(jnp.int32)
        right = (direction == 1).astype(jnp.int32) - (direction == 3).astype(jnp.int32)
        target = (state.row + down) * self.map.shape[1] + state.column + right
        is_free = self.map.ravel().at[target].get(mode="clip") == OPEN
        row = jnp.where(is_free, state.row + down, state.row)
        column = jnp.where(is_free, state.column + right, state.column)
        at_goal = (row == state.goal_row) & (column == state.goal_column)
        time = state.time + 1
        goal_row, goal_column = state.goal_row, state.goal_column
        if self.goal_duration > 0:
            moves = time % self.goal_duration == 0
            cells = number_cells(self.map == OPEN)
            new_row, new_column = self._draw_goal(goal_bits, cells, row, column)
            goal_row = jnp.where(moves, new_row, goal_row)
            goal_column = jnp.where(moves, new_column, goal_column)
        state = FourRoomsState(
            row=row,
            column=column,
            goal_row=goal_row,
            goal_column=goal_column,
            time=time,
        )
        return Transition(state, jnp.where(at_goal, 1.0, 0.0), at_goal)

    def _draw(self, key: Key[Array, ""]):
        """How many quarter turns a move goes wrong, and a word for the next goal."""
        words = jr.bits(key, (2 if self.goal_duration > 0 else 1,), jnp.uint32)
        # The 24 bits that a float32 has room for, so probabilities are within 2**-24.
        uniform = (words[0] >> 8).astype(self.slip_probability.dtype) * 2.0**-24
        # Each of the three turns has a third of the probability of slipping.
        p = self.slip_probability
        turn = sum((uniform < x).astype(jnp.int32) for x in (p, 2 * p / 3, p / 3))
        return turn, words[-1]

    def observe(self, state: FourRoomsState) -> Int32[Array, "4"] | Bool[Array, "..."]:
        if self.observation == "coordinates":
            return jnp.stack(
                [state.row, state.column, state.goal_row, state.goal_column]
            )
        num_rows, num_columns = self.map.shape
        cells = jnp.arange(num_rows * num_columns, dtype=jnp.int32).reshape(
            self.map.shape
        )
        agent = cells == state.row * num_columns + state.column
        goal = cells == state.goal_row * num_columns + state.goal_column
        return jnp.stack([self.map == WALL, agent, goal], axis=-1)

    @property
    def action_space(self) -> Discrete:
        return Discrete(4)

    @property
    def observation_space(self) -> Box:
        if self.observation == "coordinates":
            num_rows, num_columns = self.map.shape
            return Box(
                0, jnp.array(2 * [num_rows - 1, num_columns - 1]), dtype=jnp.int32
            )
        return Box(False, True, (*self.map.shape, 3), dtype=bool)

    def draw(self, state: FourRoomsState) -> Scene:
        rows, columns = self.map.shape
        return Scene(
            (
                Cells(self.map, [WHITE, SLATE]),
                *draw_goal(state.goal_row, state.goal_column, rows),
                *draw_agent(state.row, state.column, rows),
            ),
            view=(0, 0, columns, rows),
        )
