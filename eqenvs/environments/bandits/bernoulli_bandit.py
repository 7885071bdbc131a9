"""BernoulliBandit: learn within an episode which of its arms pays more often.

The task family of Wang et al., "Learning to reinforcement learn" (CogSci 2017,
https://arxiv.org/abs/1611.05763), as in the code of
https://github.com/RobertTLange/minimal-meta-rl (`bandits/`), which also says what an
agent observes.

1. An episode draws the probability with which each arm pays.
2. Pulling an arm pays 1 with that probability, and 0 otherwise.
3. The agent observes its last reward, its last action and the time. With a memory, it
   can find the better arm within an episode.

The paper's easy, medium and hard dependent bandits are `kind="dependent"` with a
`reward_probability` of 0.1, 0.25 and 0.4.

**Deviations:**

- Observations are in gymnax's order, reward, action, time; the code's is reward, time,
  action.
- The paper's bandit with eleven arms, one of which reveals the best other one, is
  omitted: its rewards are not 0 and 1, and the released code cannot run it.
"""

from typing import Literal

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import choice, count, flag, real, time_limit
from ...rendering import Disc, Rectangle, Scene, Text
from ...rendering.colors import BLUE, INK, ORANGE, SILVER, SLATE, YELLOW
from ...spaces import Box, Discrete
from ._pull import draw_time, observe_pull, space_of_pulls


class BernoulliBanditState(AbstractState):
    """The arms of this episode, and what happened last."""

    reward_probabilities: Float[Array, " arms"]
    last_action: Int32[Array, ""]
    last_reward: Float[Array, ""]
    time: Int32[Array, ""]


class BernoulliBandit(
    AbstractEnvironment[
        BernoulliBanditState, Int32[Array, ""], Float[Array, " numbers"]
    ]
):
    """Find the better arm of a new bandit in every episode.

    **Observation:** `2 + num_arms` numbers.

    | index | meaning | range |
    | --- | --- | --- |
    | 0 | last reward, 0 at the start | 0 or 1 |
    | 1, ..., `num_arms` | last action, one-hot; action 0 at the start | 0 or 1 |
    | `num_arms + 1` | time, from -1 at the start to 1 after `max_steps` steps; with `normalize_time=False` the number of steps | -1 to 1; 0 to `max_steps` |

    **Action:** `Discrete(num_arms)`: the arm to pull.

    **Reward:** 1 with the probability of the pulled arm, otherwise 0.

    **Start:** with `kind="dependent"`, one of the two arms, drawn uniformly, pays with
    probability `reward_probability`, and the other with 1 - `reward_probability`. With
    `"dependent-uniform"`, the first arm's probability is uniform from 0 to 1, and the
    second's is 1 minus that. With `"independent"`, every arm has a uniform probability
    of its own.

    **Episode end:** never terminates; truncated after `max_steps`.

    **Source:** Wang et al. (2017), as in minimal-meta-rl.
    """  # noqa: E501

    reward_probability: Float[Array, ""] = real(
        0.1,
        "Probability that one of the arms of a dependent bandit pays.",
        minimum=0,
        maximum=1,
    )
    max_steps: Int32[Array, ""] = time_limit(100)
    kind: Literal["dependent", "dependent-uniform", "independent"] = choice(
        "dependent",
        "How the arms' probabilities are drawn.",
        options=("dependent", "dependent-uniform", "independent"),
    )
    num_arms: int = count(2, "Number of arms; dependent bandits have 2.")
    normalize_time: bool = flag(True, "Whether the observed time runs from -1 to 1.")

    task_fields = ("reward_probabilities",)

    def __check_init__(self):
        if self.kind != "independent" and self.num_arms != 2:
            raise ValueError(
                f"BernoulliBandit.num_arms must be 2 for the kind {self.kind!r}; got "
                f"{self.num_arms}."
            )

    def initial_state(self, key: Key[Array, ""]) -> BernoulliBanditState:
        return BernoulliBanditState(
            reward_probabilities=self._draw_arms(key),
            last_action=jnp.int32(0),
            last_reward=jnp.zeros(()),
            time=jnp.int32(0),
        )

    def _draw_arms(self, key: Key[Array, ""]) -> Float[Array, " arms"]:
        if self.kind == "independent":
            return jr.uniform(key, (self.num_arms,))
        first = jr.uniform(key)
        if self.kind == "dependent":
            p = self.reward_probability
            first = jnp.where(first < 0.5, p, 1 - p)
        return jnp.stack([first, 1 - first])

    def transition(
        self, key: Key[Array, ""], state: BernoulliBanditState, action: Int32[Array, ""]
    ) -> Transition[BernoulliBanditState]:
        is_pulled = jnp.arange(self.num_arms, dtype=jnp.int32) == action
        probability = jnp.sum(jnp.where(is_pulled, state.reward_probabilities, 0))
        reward = jnp.where(self._draw(key) < probability, 1.0, 0.0)
        state = BernoulliBanditState(
            reward_probabilities=state.reward_probabilities,
            last_action=action,
            last_reward=reward,
            time=state.time + 1,
        )
        return Transition(state, reward, jnp.array(False))

    def _draw(self, key: Key[Array, ""]) -> Float[Array, ""]:
        return jr.uniform(key)

    def observe(self, state: BernoulliBanditState) -> Float[Array, " numbers"]:
        return observe_pull(
            state.last_reward,
            state.last_action,
            state.time,
            num_arms=self.num_arms,
            max_steps=self.max_steps,
            normalize_time=self.normalize_time,
        )

    @property
    def action_space(self) -> Discrete:
        return Discrete(self.num_arms)

    @property
    def observation_space(self) -> Box:
        return space_of_pulls(
            0.0,
            1.0,
            num_arms=self.num_arms,
            max_steps=self.max_steps,
            normalize_time=self.normalize_time,
        )

    def draw(self, state: BernoulliBanditState) -> Scene:
        n = self.num_arms
        x, width = (np.arange(n) + 0.5) * 10 / n, min(8 / n, 2.4)
        heights = 6 * state.reward_probabilities
        is_last = (np.arange(n, dtype=np.int32) == state.last_action) & (state.time > 0)
        colors = jnp.where(is_last[:, None], ORANGE[None], BLUE[None])
        has_paid = is_last & (state.last_reward > 0)
        coin = min(0.6, width / 2)
        return Scene(
            (
                Rectangle((x, 3), (width, 6), SILVER),
                Rectangle((x, heights / 2), (width, heights), colors),
                Text(
                    "{}",
                    (x, -0.7),
                    min(0.6, width / 4),
                    INK,
                    number=state.reward_probabilities,
                    digits=1,
                    decimals=2,
                ),
                Disc((x, 7), coin, YELLOW, has_paid),
                Disc((x, 7), coin, SLATE, is_last, outline=coin / 4),
                *draw_time(state.time, self.max_steps),
            ),
            view=(0, -2.6, 10, 9.2),
        )
