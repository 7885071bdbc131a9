"""MemoryChain: see a few bits, wait, and then recall one of them.

The rules are those of `bsuite/environments/memory_chain.py` in bsuite 0.3.6 (Osband et
al., "Behaviour suite for reinforcement learning", ICLR 2020;
https://github.com/google-deepmind/bsuite).

1. An episode draws `num_bits` bits and the index of the bit to ask for.
2. A clock counts up. The bits are shown while it is 0, the index while it is
   `memory_length - 1`, and the time left always.
3. The clock is 0 after the reset and after the first step; every later step adds 1.
4. The step after the index was shown terminates the episode. Its action is the answer:
   the reward is 1 if it is right and -1 if it is wrong. No other action matters.

**Deviations:** none.

**Kept:**

- The first observation is shown twice, after the reset and after the first step, so an
  episode has `memory_length + 1` steps.
"""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import count, integer, time_limit
from ...random import scale_bits
from ...rendering import Disc, Rectangle, Scene, Segment, Text
from ...rendering.colors import BLUE, INK, ORANGE, PAPER, SILVER, SLATE, WHITE
from ...spaces import Box, Discrete
from .._time import fraction
from ._coins import fair_coins, words_for


class MemoryChainState(AbstractState):
    """The bits, and which of them to ask for."""

    context: Bool[Array, " bits"]
    query: Int32[Array, ""]
    time: Int32[Array, ""]


class MemoryChain(
    AbstractEnvironment[MemoryChainState, Int32[Array, ""], Float[Array, " numbers"]]
):
    """Remember what was shown at the start.

    **Observation:** `2 + num_bits` numbers. The clock is 0 after the reset and after
    the first step; every later step adds 1.

    | index | meaning | range |
    | --- | --- | --- |
    | 0 | time left: 1 - clock / `memory_length` | 0 to 1 |
    | 1 | the index of the bit asked for if the clock is at `memory_length - 1`, else 0 | 0 to `num_bits - 1` |
    | 2, ... | the bits as -1 and 1 if the clock is at 0, else 0 | -1 to 1 |

    **Action:** `Discrete(2)`: the answer. Only the last one counts.

    **Reward:** at the last step, 1 if the action is the bit asked for and -1 if it is
    not; 0 at all earlier steps.

    **Start:** fair bits, and an index drawn uniformly.

    **Episode end:** terminates after `memory_length + 1` steps; truncated after
    `max_steps`.

    **Source:** bsuite 0.3.6, `bsuite/environments/memory_chain.py`.
    """  # noqa: E501

    memory_length: Int32[Array, ""] = integer(
        5, "Number of steps between seeing the bits and the answer.", minimum=1
    )
    num_bits: int = count(1, "Number of bits to remember.")
    max_steps: Int32[Array, ""] = time_limit(1000)

    def initial_state(self, key: Key[Array, ""]) -> MemoryChainState:
        num_words = words_for(self.num_bits)
        if self.num_bits == 1:
            words = jr.bits(key, (1,), dtype=jnp.uint32)
            query = jnp.int32(0)
        else:
            words = jr.bits(key, (num_words + 1,), dtype=jnp.uint32)
            query = scale_bits(words[-1], self.num_bits)
        context = fair_coins(words[:num_words], self.num_bits)
        return MemoryChainState(context=context, query=query, time=jnp.int32(0))

    def transition(
        self, key: Key[Array, ""], state: MemoryChainState, action: Int32[Array, ""]
    ) -> Transition[MemoryChainState]:
        del key
        is_asked = jnp.arange(self.num_bits, dtype=jnp.int32) == state.query
        bit = jnp.any(state.context & is_asked)
        answer = jnp.where((action == 1) == bit, 1.0, -1.0)
        state = MemoryChainState(
            context=state.context, query=state.query, time=state.time + 1
        )
        is_over = state.time == self.memory_length + 1
        return Transition(state, jnp.where(is_over, answer, 0.0), is_over)

    def observe(self, state: MemoryChainState) -> Float[Array, " numbers"]:
        clock = jnp.maximum(state.time - 1, 0)
        time_left = fraction(self.memory_length - clock, self.memory_length)
        query = jnp.where(clock == self.memory_length - 1, state.query, 0)
        context = jnp.where(clock == 0, jnp.where(state.context, 1, -1), 0)
        return jnp.concatenate(
            [time_left[None], query[None].astype(float), context.astype(float)]
        )

    @property
    def action_space(self) -> Discrete:
        return Discrete(2)

    @property
    def observation_space(self) -> Box:
        bits = jnp.ones(self.num_bits)
        low = jnp.concatenate([jnp.zeros(2), -bits])
        high = jnp.concatenate([jnp.array([1.0, self.num_bits - 1.0]), bits])
        return Box(low, high)

    def draw(self, state: MemoryChainState) -> Scene:
        clock = jnp.maximum(state.time - 1, 0)
        is_over = state.time > self.memory_length
        shows_bits = clock == 0
        asks = (clock == self.memory_length - 1) & ~is_over
        # What the agent does not observe now is pale.
        n = self.num_bits
        x, width = (np.arange(n) + 0.5) * 10 / n, min(9 / n, 2.4)
        is_asked = np.arange(n, dtype=np.int32) == state.query
        fill = jnp.where(state.context[:, None], INK[None], WHITE[None])
        ink = jnp.where(state.context[:, None], WHITE[None], INK[None])
        time = state.time.astype(float) / (self.memory_length + 1).astype(float)
        now = 0.5 + 9 * jnp.clip(time, 0.0, 1.0)
        return Scene(
            (
                Disc((x, 6), 0.4 * width, fill),
                Disc((x, 6), 0.4 * width, INK, outline=0.05 * width),
                Text("{}", (x, 6), 0.34 * width, ink, number=state.context, digits=1),
                Rectangle((5, 6), (10, 2.6), PAPER, jnp.where(shows_bits, 0.0, 0.6)),
                Rectangle(
                    (x, 6),
                    (width, width),
                    ORANGE,
                    jnp.where(is_asked, jnp.where(asks, 1.0, 0.4), 0.0),
                    outline=0.1 * width,
                ),
                Segment((0.5, 2), (9.5, 2), 0.2, SILVER),
                Segment((0.5, 2), (now, 2), 0.2, SLATE),
                Disc(([0.5, 9.5], 2), 0.25, SLATE),
                Disc((now, 2), 0.5, BLUE),
                *[
                    Text(text, (5, 0), 0.8, INK, is_now)
                    for text, is_now in (
                        ("remember", shows_bits & ~asks),
                        ("wait", ~shows_bits & ~asks & ~is_over),
                        ("which was it?", asks),
                        ("over", is_over),
                    )
                ],
            ),
            view=(-0.2, -1.3, 10.2, 8.2),
        )
