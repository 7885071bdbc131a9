"""Tasks of several sizes, padded to one shape so that a single program runs them all.

Entries beyond the true size are always zero. A network's weights for them have no
influence and no gradient.
"""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int32, Key

from ..._environment import (
    AbstractEnvironment,
    AbstractState,
    Action,
    NO_LIMIT,
    State,
    Transition,
)
from ...environments.bsuite import (
    DeepSea,
    DeepSeaState,
    MemoryChain,
    MemoryChainState,
    UmbrellaChain,
)
from ...environments.bsuite.deep_sea import draw_weather
from ...fields import environment, integer, real, time_limit
from ...random import scale_bits
from ...spaces import Box, Discrete
from ...wrappers._wrapper import AbstractStatelessWrapper


def padded(env: AbstractEnvironment, width: int) -> AbstractEnvironment:
    """The same task with its observations padded.

    **Arguments:**

    - `env`: a `DeepSea`, a `MemoryChain` or an `UmbrellaChain`.
    - `width`: the size, number of bits or number of distractors to pad to.
    """
    match env:
        case DeepSea():
            mapping = np.asarray(env.action_mapping).reshape(-1)
            return PaddedDeepSea(
                action_mapping=np.pad(mapping, (0, width**2 - mapping.size)),
                size=env.size,
                stochastic=int(not env.deterministic),
                unscaled_move_cost=env.unscaled_move_cost,
            )
        case MemoryChain():
            wide = MemoryChain(
                memory_length=env.memory_length,
                num_bits=width,
                max_steps=env.max_steps,
            )
            return FewerBits(VisibleEntries(wide, env.num_bits + 2), env.num_bits)
        case UmbrellaChain():
            wide = UmbrellaChain(
                chain_length=env.chain_length,
                num_distractors=width,
                max_steps=env.max_steps,
            )
            return VisibleEntries(wide, env.num_distractors + 3)
        case _:
            raise TypeError(f"{type(env).__name__} cannot be padded.")


class VisibleEntries(AbstractStatelessWrapper[State, Action, Float[Array, " numbers"]]):
    """Zeroes every entry of the observation after the first few."""

    env: AbstractEnvironment[State, Action, Float[Array, " numbers"]] = environment()
    visible: Int32[Array, ""] = integer(
        description="Number of entries to show.", minimum=0
    )

    def observe(self, state: State) -> Float[Array, " numbers"]:
        observation = self.env.observe(state)
        entries = jnp.arange(observation.shape[0], dtype=jnp.int32)
        return jnp.where(entries < self.visible, observation, 0.0)


class FewerBits(
    AbstractStatelessWrapper[
        MemoryChainState, Int32[Array, ""], Float[Array, " numbers"]
    ]
):
    """A `MemoryChain` that asks only for the first bits."""

    env: AbstractEnvironment[
        MemoryChainState, Int32[Array, ""], Float[Array, " numbers"]
    ] = environment()
    num_bits: Int32[Array, ""] = integer(
        description="Number of bits it may ask for.", minimum=1
    )

    def initial_state(self, key: Key[Array, ""]) -> MemoryChainState:
        word = jr.bits(self.own_key(key), dtype=jnp.uint32)
        return eqx.tree_at(
            lambda state: state.query,
            self.env.initial_state(key),
            scale_bits(word, self.num_bits),
        )

    def next_initial_state(
        self, key: Key[Array, ""], last_state: AbstractState
    ) -> MemoryChainState:
        del last_state
        return self.initial_state(key)


class PaddedDeepSea(
    AbstractEnvironment[DeepSeaState, Int32[Array, ""], Float[Array, " cells"]]
):
    """A `DeepSea` whose size is an array instead of a static field.

    Observations are the cells of the grid, row by row, followed by zeros.
    `action_mapping` has the same order.
    """

    action_mapping: Int32[Array, " cells"] = integer(
        description="The action that moves right, for each cell.", shape=(None,)
    )
    size: Int32[Array, ""] = integer(description="Number of rows and columns.")
    stochastic: Int32[Array, ""] = integer(
        description="1 if moves may fail and rewards have noise, else 0."
    )
    unscaled_move_cost: Float[Array, ""] = real(
        0.01, "Cost of moving right in every row of the grid."
    )
    max_steps: Int32[Array, ""] = time_limit(NO_LIMIT)

    def initial_state(self, key: Key[Array, ""]) -> DeepSeaState:
        del key
        return DeepSeaState(column=jnp.int32(0), time=jnp.int32(0))

    def transition(
        self, key: Key[Array, ""], state: DeepSeaState, action: Int32[Array, ""]
    ) -> Transition[DeepSeaState]:
        last = self.size - 1
        size = self.size.astype(self.unscaled_move_cost.dtype)
        row, column = state.time, state.column
        cell = jnp.clip(row * self.size + column, 0, self.size**2 - 1)
        moves_right = action == self.action_mapping[cell]
        treasure = jnp.where((column == last) & moves_right, 1.0, 0.0)
        cost = jnp.where(moves_right, self.unscaled_move_cost / size, 0.0)
        wind, noise = draw_weather(key)
        is_stochastic = self.stochastic == 1
        fails = is_stochastic & (wind <= 1 / size)
        right = jnp.where(fails, column, column + 1)
        in_a_corner = (row == last) & ((column == 0) | (column == last))
        noise = jnp.where(is_stochastic & in_a_corner, noise, 0.0)
        column = jnp.clip(jnp.where(moves_right, right, column - 1), 0, last)
        state = DeepSeaState(column=column, time=row + 1)
        return Transition(state, treasure + noise - cost, state.time == self.size)

    def observe(self, state: DeepSeaState) -> Float[Array, " cells"]:
        cells = jnp.arange(self.action_mapping.shape[0], dtype=jnp.int32)
        here = state.time * self.size + state.column
        is_over = state.time >= self.size
        return ((cells == here) & ~is_over).astype(float)

    @property
    def action_space(self) -> Discrete:
        return Discrete(2)

    @property
    def observation_space(self) -> Box:
        return Box(0, 1, self.action_mapping.shape)
