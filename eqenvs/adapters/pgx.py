"""Pgx's games in eqenvs: for one player, or against given opponents.

Written for Pgx 2.6 (https://github.com/sotetsuk/pgx). The agent is player 0, who in
most games moves first in some episodes and later in others. One step is a move of the
agent and the following moves of its opponents, until it is the agent's turn again.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, ArrayLike, Bool, Int32, PyTree, UInt32

from .._environment import NO_LIMIT
from ..fields import AbstractParameter, flag, time_limit
from ..spaces import AbstractSpace, Box, Dict, Discrete
from ._foreign import (
    AbstractForeignEnvironment,
    library,
    limit_of,
    Original,
    original,
    Outcome,
    seedless_key,
    unbounded_box,
)


AGENT = 0


class _Opponent(AbstractParameter):
    """A policy, or the name of one."""

    @property
    def allowed(self) -> str:
        return "None, 'random', or a function `(key, observation, legal_action_mask)`"

    def __call__(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, str) and value == "random":
            value = random_legal_action
        if not callable(value):
            raise TypeError(f"{self.name} must be {self.allowed}; got {value!r}.")
        is_leaf = jax.tree.leaves(value) == [value]
        return jax.tree_util.Partial(value) if is_leaf else value


class FromPgx(AbstractForeignEnvironment):
    """A game of Pgx, which [`eqenvs.adapters.from_pgx`][] returns.

    **Observation:** that of player 0. With `action_mask`, it is a dictionary with the
    entries `"observation"` and `"action_mask"`, which says what actions are legal.

    **Action, start and end:** those of the original. An illegal action ends the game.

    **Reward:** the sum of player 0's rewards in its own move and in the following moves
    of its opponents.

    **Source:** Pgx.
    """

    original: Original = original()
    opponent: Callable[..., Any] | None = _Opponent(
        "The policy of the other players; None in games for one player."
    ).field(None)
    action_mask: bool = flag(
        False, "Whether observations include a mask of the legal actions."
    )
    max_steps: Int32[Array, ""] = time_limit(NO_LIMIT)

    def __check_init__(self):
        players = self.original.env.num_players
        if (players > 1) != (self.opponent is not None):
            needed = "an opponent" if players > 1 else "no opponent"
            raise ValueError(
                f"a game of {players} player{'s' * (players > 1)} needs {needed}; got "
                f"opponent={self.opponent!r}."
            )

    def _start_original(
        self, env: Any, key: UInt32[Array, " words"]
    ) -> tuple[Any, Any]:
        first, second = jr.split(key)
        state = env.init(first)
        state, _ = self._play_others(env, second, state)
        return state, self._look(env, state)

    def _step_original(
        self, env: Any, key: UInt32[Array, " words"], inner: Any, action: Any
    ) -> Outcome:
        first, second = jr.split(key)
        state = env.step(inner, action, first)
        state, reward = self._play_others(env, second, state)
        observation = self._look(env, state)
        return Outcome(state, observation, reward, state.terminated, state.truncated)

    def _play_others(
        self, env: Any, key: UInt32[Array, " words"], state: Any
    ) -> tuple[Any, Array]:
        """Lets the others move until it is the agent's turn: `(state, reward)`."""
        reward = state.rewards[AGENT]
        opponent = self.opponent
        if opponent is None:
            return state, reward

        def is_others_turn(carry: Any) -> Bool[Array, ""]:
            _, state, _ = carry
            is_over = state.terminated | state.truncated
            return (state.current_player != AGENT) & ~is_over

        def move(carry: Any) -> Any:
            key, state, reward = carry
            key, choice, chance = jr.split(key, 3)
            mask = state.legal_action_mask
            action = opponent(choice, state.observation, mask)
            new_state = env.step(state, jnp.asarray(action, jnp.int32), chance)
            new_state = jax.tree.map(
                lambda new, old: jnp.asarray(new).astype(old.dtype), new_state, state
            )
            return key, new_state, reward + new_state.rewards[AGENT]

        state = jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), state)
        _, state, reward = jax.lax.while_loop(
            is_others_turn, move, (key, state, reward)
        )
        return state, reward

    def _look(self, env: Any, state: Any) -> PyTree[Array]:
        observation = state.observation
        if env.num_players > 1:
            # At the end of a game it may be an opponent's turn.
            observation = env._observe(state, jnp.asarray(AGENT, jnp.int32))
        if not self.action_mask:
            return observation
        return {"observation": observation, "action_mask": state.legal_action_mask}

    @property
    def observation_space(self) -> AbstractSpace:
        space = self.original.observation_space
        if not self.action_mask:
            return space
        size = self.original.env.num_actions
        mask = Box(False, True, (size,), bool)
        return Dict({"observation": space, "action_mask": mask})


def random_legal_action(
    key: UInt32[Array, " words"], observation: Any, legal_action_mask: Bool[Array, " n"]
) -> Int32[Array, ""]:
    """A policy that chooses uniformly among the legal actions.

    **Arguments:**

    - `key`: a JAX PRNG key.
    - `observation`: the player's observation, which is not used.
    - `legal_action_mask`: which actions are legal, as booleans.

    **Returns:**

    An action.
    """
    del observation
    logits = jnp.where(legal_action_mask, 0.0, -jnp.inf)
    return jr.categorical(key, logits).astype(jnp.int32)


def from_pgx(
    env: Any,
    opponent: Callable[..., Any] | str | None = None,
    *,
    action_mask: bool = False,
    max_steps: ArrayLike | None = None,
) -> FromPgx:
    """Turns a game of Pgx into an environment.

    ```python
    env = from_pgx(pgx.make("connect_four"), opponent="random", action_mask=True)
    ```

    The opponent is a value like the rest of the environment: if it is an
    `equinox.Module`, its arrays are leaves, so playing against a newer copy of the
    agent does not recompile.

    **Arguments:**

    - `env`: a game that `pgx.make` returned.
    - `opponent`: the policy of the other players: `"random"` for random legal actions,
        or a function `(key, observation, legal_action_mask) -> action`. `None` in games
        for one player.
    - `action_mask`: whether observations include a mask of the legal actions.
    - `max_steps`: a time limit; none by default.

    **Returns:**

    An environment.

    **Raises:**

    `TypeError` or `ValueError` if `env` is not a game of Pgx, or needs an opponent and
    has none.
    """
    pgx = library("pgx", "eqenvs.adapters.from_pgx", "pgx")
    if not isinstance(env, pgx.Env):
        raise TypeError(f"env must be a game of Pgx; got {env!r}.")
    return _from_pgx(env, opponent, action_mask, max_steps, None)


def _from_pgx(
    env: Any, opponent: Any, action_mask: bool, max_steps: ArrayLike | None, made: Any
) -> FromPgx:
    held = Original(env, _look, made)
    return FromPgx(held, opponent, action_mask, limit_of(max_steps, None))


def _look(env: Any) -> tuple[AbstractSpace, AbstractSpace]:
    state = jax.eval_shape(env.init, seedless_key())
    observation = state.observation
    return (
        Discrete(state.legal_action_mask.shape[0]),
        unbounded_box(observation.shape, observation.dtype),
    )


def make(
    name: str,
    *,
    opponent: Callable[..., Any] | str | None = None,
    action_mask: bool = False,
    max_steps: ArrayLike | None = None,
) -> FromPgx:
    """Makes `"pgx:NAME"` for [`eqenvs.make`][].

    **Arguments:**

    - `name`: a name that `pgx.make` knows.
    - `opponent`, `action_mask`, `max_steps`: as for [`eqenvs.adapters.from_pgx`][]. In
        games for several players, the opponent is `"random"` by default.

    **Returns:**

    An environment.

    **Raises:**

    `ValueError` if Pgx has no such game.
    """
    pgx = library("pgx", f"pgx:{name}", "pgx")
    if name not in pgx.available_envs():
        raise ValueError(
            f"Pgx has no game {name!r}; it has {', '.join(pgx.available_envs())}."
        )
    env = pgx.make(name)
    if opponent is None and env.num_players > 1:
        opponent = "random"
    return _from_pgx(env, opponent, action_mask, max_steps, (f"pgx:{name}", {}))
