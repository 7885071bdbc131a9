"""DiscountingChain: choose one of five delayed rewards, one of which is a little
larger.

The rules are those of `bsuite/environments/discounting_chain.py` in bsuite 0.3.6
(Osband et al., "Behaviour suite for reinforcement learning", ICLR 2020;
https://github.com/google-deepmind/bsuite).

1. The first action chooses one of five chains. No other action matters.
2. Each chain pays once: after 1, 3, 10, 30 or 100 steps. It pays 1, but one of the
   chains, drawn once for the environment, pays 1.1.
3. The episode terminates after 100 steps.

**Deviations:**

- By default, the mapping is that of `mapping_seed=0`. bsuite's default,
  `mapping_seed=None`, draws a new one for each environment.
"""

from collections.abc import Sequence
from typing import Any, cast

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ..._parametric import converted
from ...fields import integer, real, time_limit
from ...random import below
from ...rendering import Disc, Scene, Segment, Text
from ...rendering.colors import BLUE, GRAY, INK, RED, SILVER, SLATE, WHITE, YELLOW
from ...spaces import Box, Discrete
from .._time import fraction
from ._mapping import choose_mapping


class DiscountingChainState(AbstractState):
    """The chain that was chosen; -1 before the first action."""

    context: Int32[Array, ""]
    time: Int32[Array, ""]


class DiscountingChain(
    AbstractEnvironment[DiscountingChainState, Int32[Array, ""], Float[Array, " 2"]]
):
    """Choose between a reward now and a reward later.

    **Observation:** two numbers.

    | index | meaning | range |
    | --- | --- | --- |
    | 0 | the first action, -1 before it | -1 to the number of chains minus 1 |
    | 1 | time / `episode_length` | 0 to 1 |

    **Action:** `Discrete(chains)`, 5 of them by default: the chain to choose. Only the
    first one counts.

    **Reward:** `rewards[chain]` at step `reward_timesteps[chain]`, 0 at all others.

    **Start:** no chain is chosen.

    **Episode end:** terminates after `episode_length` steps; truncated after
    `max_steps`.

    **Mapping:** which chain pays 1.1 and not 1 is drawn once, when the environment is
    made. `rewards` gives all rewards directly; `mapping_seed` chooses the chain
    `mapping_seed % chains`, as in bsuite; `key` draws it from a JAX PRNG key, which can
    be mapped over: `eqx.filter_vmap(lambda key: DiscountingChain(key=key))(keys)`.
    Without any of these it is chain 0.

    **Source:** bsuite 0.3.6, `bsuite/environments/discounting_chain.py`.
    """

    rewards: Float[Array, " chains"] = real(
        description="What each chain pays; drawn if not given.", shape=(None,)
    )
    reward_timesteps: Int32[Array, " chains"] = integer(
        (1, 3, 10, 30, 100),
        "The step at which each chain pays.",
        minimum=1,
        shape=(None,),
    )
    episode_length: Int32[Array, ""] = integer(
        100, "Number of steps in an episode.", minimum=1
    )
    max_steps: Int32[Array, ""] = time_limit(100)

    def __init__(
        self,
        *,
        rewards: ArrayLike | Sequence[float] | None = None,
        mapping_seed: int | None = None,
        key: Any = None,
        reward_timesteps: ArrayLike | Sequence[int] = (1, 3, 10, 30, 100),
        episode_length: ArrayLike = 100,
        max_steps: ArrayLike = 100,
    ):
        reward_timesteps = converted(
            DiscountingChain, "reward_timesteps", reward_timesteps
        )
        if rewards is not None:
            rewards = converted(DiscountingChain, "rewards", rewards)
        num_chains = int(np.size(cast(Any, reward_timesteps)))
        chosen = choose_mapping(
            "DiscountingChain",
            "rewards",
            rewards,
            mapping_seed,
            key,
            default_seed=0,
            from_seed=lambda seed: _rewards(np.int32(seed % num_chains), num_chains),
            from_key=lambda key: _rewards(below(key, num_chains), num_chains),
        )
        if np.shape(chosen) != np.shape(cast(Any, reward_timesteps)):
            raise ValueError(
                "DiscountingChain.rewards and DiscountingChain.reward_timesteps must "
                f"have the same shape; got the shapes {np.shape(chosen)} and "
                f"{np.shape(cast(Any, reward_timesteps))}."
            )
        self.rewards = chosen
        self.reward_timesteps = cast(Array, reward_timesteps)
        self.episode_length = cast(Array, episode_length)
        self.max_steps = cast(Array, max_steps)

    def initial_state(self, key: Key[Array, ""]) -> DiscountingChainState:
        del key
        return DiscountingChainState(context=jnp.int32(-1), time=jnp.int32(0))

    def transition(
        self,
        key: Key[Array, ""],
        state: DiscountingChainState,
        action: Int32[Array, ""],
    ) -> Transition[DiscountingChainState]:
        del key
        state = DiscountingChainState(
            context=jnp.where(state.time == 0, action, state.context),
            time=state.time + 1,
        )
        # One comparison for each chain: a lookup would be done lane by lane.
        reward = jnp.zeros_like(self.rewards[0])
        for chain in range(self.rewards.shape[0]):
            is_due = state.time == self.reward_timesteps[chain]
            is_chosen = state.context == chain
            reward = jnp.where(is_due & is_chosen, self.rewards[chain], reward)
        return Transition(state, reward, state.time == self.episode_length)

    def observe(self, state: DiscountingChainState) -> Float[Array, " 2"]:
        time = fraction(state.time, self.episode_length)
        return jnp.stack([state.context.astype(time.dtype), time])

    @property
    def action_space(self) -> Discrete:
        return Discrete(self.rewards.shape[0])

    @property
    def observation_space(self) -> Box:
        return Box(jnp.array([-1.0, 0.0]), jnp.array([self.rewards.shape[0] - 1.0, 1]))

    def draw(self, state: DiscountingChainState) -> Scene:
        n = self.rewards.shape[0]
        y = (n - 0.5 - np.arange(n)) * 10 / n

        def place(time: Int32[Array, "..."]) -> Float[Array, "..."]:
            # Logarithmic: most chains pay early.
            length = jnp.log1p(self.episode_length.astype(float))
            return 9 * jnp.log1p(jnp.maximum(time, 0).astype(float)) / length

        is_chosen = np.arange(n, dtype=np.int32) == state.context
        is_open = is_chosen | (state.context < 0)
        has_paid = is_chosen & (state.time >= self.reward_timesteps)
        now, coins = place(state.time), place(self.reward_timesteps)
        colors = jnp.where(is_open[:, None], BLUE[None], SILVER[None])
        return Scene(
            (
                Segment((0, y), (9, y), 0.08, SILVER),
                Segment((0, y), (coins, y), 0.14, colors),
                Disc(
                    (coins, y),
                    0.35,
                    jnp.where(has_paid[:, None], WHITE[None], YELLOW[None]),
                ),
                Disc(
                    (coins, y),
                    0.35,
                    jnp.where(is_open[:, None], INK[None], GRAY[None]),
                    outline=0.08,
                ),
                Text(
                    "{}",
                    (10.2, y),
                    0.32,
                    INK,
                    number=self.rewards,
                    digits=2,
                    decimals=1,
                ),
                Segment((now, 0), (now, 10), 0.08, SLATE),
                Disc((now, y), 0.3, RED, is_chosen),
            ),
            view=(-0.5, -0.35, 11.3, 10.3),
        )


def _rewards(bonus: Any, num_chains: int) -> Any:
    is_bonus = np.arange(num_chains, dtype=np.int32) == bonus
    return 1 + 0.1 * is_bonus.astype(float)
