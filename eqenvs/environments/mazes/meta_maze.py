"""MetaMaze: find the hidden goal of a maze, over and over.

The rules are those of Miconi, Rawal, Clune & Stanley, "Backpropamine: training
self-modifying neural networks with differentiable neuromodulated plasticity" (ICLR
2019), in the "simple maze" of its code
(https://github.com/uber-research/backpropamine/tree/master/simplemaze).

1. The maze is a square with a pillar in every other cell of every other row. Its
   middle, where every episode starts, is free. The goal stays where it is for an
   episode, and is not observed.
2. A move into a wall or a pillar leaves the agent where it is, and costs
   `wall_penalty`.
3. A move onto the goal pays `goal_reward`, and takes the agent to another free cell,
   drawn at random.

**Deviations:**

- The constant inputs of the original's network, a 1 and a 0, are omitted. The others
  are in gymnax's order: cells, last action, last reward, time.
"""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Key, UInt32

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import count, flag, real, time_limit
from ...random import scale_bits
from ...rendering import Cells, Rectangle, Scene, Text
from ...rendering.colors import INK, ORANGE, SLATE, WHITE
from ...spaces import Box, Discrete
from .._shapes import cell_center, time_bar
from .._time import fraction
from ._grid import draw_agent, draw_goal


class MetaMazeState(AbstractState):
    """Where the agent and the goal are, and what happened in the step before.

    Rows and columns are counted from 0, the outer wall included.
    """

    row: Int32[Array, ""]
    column: Int32[Array, ""]
    goal_row: Int32[Array, ""]
    goal_column: Int32[Array, ""]
    last_action: Int32[Array, ""]
    last_reward: Float[Array, ""]
    time: Int32[Array, ""]


class MetaMaze(
    AbstractEnvironment[MetaMazeState, Int32[Array, ""], Float[Array, " observations"]]
):
    """Find the hidden goal of a maze again and again.

    **Observation:** `receptive_field**2 + 6` numbers.

    | index | meaning | range |
    | --- | --- | --- |
    | the first `receptive_field**2` | the cells around the agent, row by row: 1 for a wall, 0 for a free cell | 0, 1 |
    | the next 4 | previous action, one-hot; action 0 at the start | 0, 1 |
    | the next | previous reward; 0 at the start | |
    | the last | time since the start, as a fraction of `max_steps`; without `normalize_time`, the number of steps | 0 to 1 |

    **Action:** `Discrete(4)`: 0 goes up, 1 down, 2 left, 3 right.

    **Reward:** `goal_reward` for a move onto the goal, minus `wall_penalty` for a move
    into a wall, and 0 for every other step.

    **Start:** the agent is in the middle; the goal is uniform over the other free cells.

    **Episode end:** never terminates; truncated after `max_steps`.

    **Source:** Miconi et al. (2019),
    [Backpropamine](https://github.com/uber-research/backpropamine)'s simple maze.
    """  # noqa: E501

    goal_reward: Float[Array, ""] = real(10.0, "Reward for reaching the goal.")
    wall_penalty: Float[Array, ""] = real(0.0, "Cost of a move into a wall.")
    max_steps: Int32[Array, ""] = time_limit(200)
    size: int = count(
        9, "Number of rows and of columns inside the outer wall; odd.", minimum=3
    )
    receptive_field: int = count(
        3, "Number of rows and of columns that the agent sees; odd.", minimum=1
    )
    normalize_time: bool = flag(
        True, "Whether the observed time is a fraction of `max_steps`."
    )

    task_fields = ("goal_row", "goal_column")

    def __check_init__(self):
        for name in ("size", "receptive_field"):
            if getattr(self, name) % 2 == 0:
                raise ValueError(
                    f"MetaMaze.{name} must be odd; got {getattr(self, name)}."
                )

    @property
    def _middle(self) -> int:
        return (self.size + 1) // 2

    @property
    def _width(self) -> int:
        return self.size + 2

    def _is_wall(
        self, row: int | Int32[Array, "..."], column: int | Int32[Array, "..."]
    ) -> bool | Bool[Array, "..."]:
        is_outside = (row < 1) | (row > self.size) | (column < 1) | (column > self.size)
        is_pillar = (row | column) & 1 == 0
        if self._middle % 2 == 0:
            is_pillar &= (row != self._middle) | (column != self._middle)
        return is_outside | is_pillar

    def _free_cells(self) -> np.ndarray:
        """The free cells, numbered row by row, the outer wall included."""
        free = [
            row * self._width + column
            for row in range(self._width)
            for column in range(self._width)
            if not self._is_wall(row, column)
        ]
        return np.array(free, np.int32)

    def initial_state(self, key: Key[Array, ""]) -> MetaMazeState:
        middle = self._middle
        cells = self._free_cells()
        cells = cells[cells != middle * self._width + middle]
        goal = jnp.asarray(cells)[scale_bits(self._draw(key), len(cells))]
        return MetaMazeState(
            row=jnp.int32(middle),
            column=jnp.int32(middle),
            goal_row=goal // self._width,
            goal_column=goal % self._width,
            last_action=jnp.int32(0),
            last_reward=jnp.zeros_like(self.goal_reward),
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: MetaMazeState, action: Int32[Array, ""]
    ) -> Transition[MetaMazeState]:
        down = (action == 1).astype(jnp.int32) - (action == 0).astype(jnp.int32)
        right = (action == 3).astype(jnp.int32) - (action == 2).astype(jnp.int32)
        is_wall = self._is_wall(state.row + down, state.column + right)
        row = jnp.where(is_wall, state.row, state.row + down)
        column = jnp.where(is_wall, state.column, state.column + right)
        at_goal = (row == state.goal_row) & (column == state.goal_column)
        reward = jnp.where(at_goal, self.goal_reward, 0.0)
        reward = reward - jnp.where(is_wall, self.wall_penalty, 0.0)
        new_row, new_column = self._teleport(self._draw(key), row, column)
        state = MetaMazeState(
            row=jnp.where(at_goal, new_row, row),
            column=jnp.where(at_goal, new_column, column),
            goal_row=state.goal_row,
            goal_column=state.goal_column,
            last_action=action,
            last_reward=reward,
            time=state.time + 1,
        )
        return Transition(state, reward, jnp.array(False))

    def _draw(self, key: Key[Array, ""]) -> UInt32[Array, ""]:
        return jr.bits(key, dtype=jnp.uint32)

    def _teleport(
        self, bits: UInt32[Array, ""], row: Int32[Array, ""], column: Int32[Array, ""]
    ) -> tuple[Int32[Array, ""], Int32[Array, ""]]:
        """A free cell, apart from the one in `row` and `column`."""
        # The last cell replaces the one that is left out.
        cells = self._free_cells()
        cell = jnp.asarray(cells)[scale_bits(bits, len(cells) - 1)]
        cell = jnp.where(cell == row * self._width + column, cells[-1], cell)
        return cell // self._width, cell % self._width

    def observe(self, state: MetaMazeState) -> Float[Array, " observations"]:
        dtype = state.last_reward.dtype
        time = state.time.astype(dtype)
        if self.normalize_time:
            time = jnp.minimum(fraction(state.time, self.max_steps), 1)
        # One choice for each index compiles to faster code than a concatenation.
        n = self.receptive_field
        index = np.arange(n**2 + 6, dtype=np.int32)
        is_cell = index < n**2
        is_wall = self._is_wall(
            state.row + np.where(is_cell, index // n - n // 2, 0),
            state.column + np.where(is_cell, index % n - n // 2, 0),
        )
        is_last_action = state.last_action == index - n**2
        bits = jnp.where(is_cell, is_wall, is_last_action).astype(dtype)
        history = jnp.where(index == n**2 + 4, state.last_reward, time)
        return jnp.where(index < n**2 + 4, bits, history)

    @property
    def action_space(self) -> Discrete:
        return Discrete(4)

    @property
    def observation_space(self) -> Box:
        one, zero = jnp.ones_like(self.goal_reward), jnp.zeros_like(self.goal_reward)
        rewards = jnp.stack([self.goal_reward, -self.wall_penalty, zero])
        time = one if self.normalize_time else self.max_steps.astype(one.dtype)
        n = self.receptive_field**2 + 4
        low = jnp.stack([zero] * n + [jnp.min(rewards), zero])
        high = jnp.stack([one] * n + [jnp.max(rewards), time])
        return Box(low, high)

    def draw(self, state: MetaMazeState) -> Scene:
        n = self._width
        walls = [[self._is_wall(i, j) for j in range(n)] for i in range(n)]
        x, y = cell_center(state.row, state.column, n)
        # The agent looks where it last went, or tried to.
        is_action = (np.arange(4, dtype=np.int32) == state.last_action).astype(float)
        up, down, left, right = is_action * (state.time > 0).astype(float)
        time = fraction(state.time, self.max_steps)
        paid = state.last_reward
        return Scene(
            (
                Cells(np.array(walls), [WHITE, SLATE]),
                *draw_goal(state.goal_row, state.goal_column, n),
                Rectangle(
                    (x, y),
                    (self.receptive_field, self.receptive_field),
                    ORANGE,
                    outline=0.12,
                ),
                *draw_agent(state.row, state.column, n, (right - left, up - down)),
                Text(
                    "reward {}",
                    (0.1, -0.9),
                    0.6,
                    INK,
                    number=paid,
                    decimals=1,
                    anchor="left",
                ),
                *time_bar(time, 0.6 * n, n - 0.1, -0.9, 0.5),
            ),
            view=(0, -1.7, n, n),
        )
