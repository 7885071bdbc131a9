"""Many environments at once, at the price of the resets that really happen."""

import math
from collections.abc import Callable
from typing import Any, Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, Bool, Int32, Key, PyTree, UInt32

from ._environment import (
    AbstractEnvironment,
    Action,
    advance,
    check_key,
    check_state,
    draw_initial_state,
    Observation,
    reset_key,
    select,
    State,
    TimeStep,
)
from .spaces import AbstractSpace


class VectorEnvironment(eqx.Module, Generic[State, Action, Observation]):
    """`num_envs` copies of an environment, stepped together.

    Lane `i` of `step(key, states, actions)` is

    ```python
    env.step(jax.random.fold_in(key, i), states[i], actions[i])
    ```

    and likewise for `reset`. It is faster than `jax.vmap(env.step)`: initial states are
    drawn for the lanes whose episode ended, not for all of them, and keys are derived
    only where something is drawn from them.
    """

    env: AbstractEnvironment[State, Action, Observation]
    num_envs: int = eqx.field(static=True)

    def __init__(
        self, env: AbstractEnvironment[State, Action, Observation], num_envs: int
    ):
        """**Arguments:**

        - `env`: an environment; or one whose leaves `equinox.filter_vmap` has given a
            leading axis of size `num_envs`, so that every lane has its own parameters.
        - `num_envs`: the number of lanes, at least 1.
        """
        if not isinstance(env, AbstractEnvironment):
            raise TypeError(f"env must be an environment; got {env!r}.")
        if isinstance(num_envs, bool) or not isinstance(num_envs, int | np.integer):
            raise TypeError(f"num_envs must be an integer; got {num_envs!r}.")
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1; got {num_envs}.")
        if env.max_steps.ndim > 1 or env.max_steps.shape not in ((), (num_envs,)):
            raise ValueError(
                "the leaves of a batched env must have one leading axis, of size "
                f"num_envs={num_envs}; those of this one have the leading axes "
                f"{env.max_steps.shape}."
            )
        self.env = env
        self.num_envs = int(num_envs)

    @property
    def is_batched(self) -> bool:
        """Whether every lane has its own parameters."""
        return self.env.max_steps.ndim == 1

    @property
    def action_space(self) -> AbstractSpace:
        """The action space of one lane; for a batched `env`, its leaves are batched."""
        return _of_env(self, lambda env: env.action_space)

    @property
    def observation_space(self) -> AbstractSpace:
        """The observation space of one lane, likewise."""
        return _of_env(self, lambda env: env.observation_space)

    def reset(
        self, key: Key[Array, ""] | UInt32[Array, " words"]
    ) -> tuple[Observation, State]:
        """Starts an episode in every lane.

        **Arguments:**

        - `key`: one JAX PRNG key.

        **Returns:**

        The tuple `(observations, states)`, with a leading axis of size `num_envs`.
        """
        return _reset(self, key)

    def step(
        self, key: Key[Array, ""] | UInt32[Array, " words"], states: State, actions: Any
    ) -> TimeStep[State, Observation]:
        """Takes one step in every lane, and starts anew those that are over.

        **Arguments:**

        - `key`: one JAX PRNG key.
        - `states`: the states of the lanes, with a leading axis of size `num_envs`.
        - `actions`: an action for every lane, likewise.

        **Returns:**

        A [`eqenvs.TimeStep`][], each of whose leaves has a leading axis of size
        `num_envs`.
        """
        return _step(self, key, states, actions)

    def observe(self, states: State) -> Observation:
        """What is seen of the states of the lanes."""
        return _map_lanes(self, lambda env, state: env.observe(state), states)


def _of_env(
    envs: VectorEnvironment, get: Callable[[AbstractEnvironment], AbstractSpace]
) -> AbstractSpace:
    return eqx.filter_vmap(get)(envs.env) if envs.is_batched else get(envs.env)


def _map_lanes(
    envs: VectorEnvironment, function: Callable[..., PyTree], *args: PyTree
) -> PyTree:
    """Maps `function(env, *args)` over the lanes."""
    if envs.is_batched:
        return eqx.filter_vmap(function)(envs.env, *args)
    return jax.vmap(lambda *lane: function(envs.env, *lane))(*args)


@eqx.filter_jit
def _reset(envs: VectorEnvironment, key: Any):
    key = check_key(key, "reset")
    states = _map_lanes(
        envs,
        lambda env, lane: draw_initial_state(env, jr.fold_in(key, lane)),
        _all_lanes(envs),
    )
    return envs.observe(states), states


@eqx.filter_jit
def _step(
    envs: VectorEnvironment, key: Any, states: Any, actions: Any
) -> TimeStep[Any, Any]:
    key = check_key(key, "step")
    _check_lanes(envs, "states", states)
    _check_lanes(envs, "actions", actions)

    def step_lane(env, lane, state, action):
        check_state(env, state, jax.eval_shape(env.initial_state, key))
        action = env.action_space.check(action, f"the action of {type(env).__name__}")
        return advance(env, jr.fold_in(key, lane), state, action)

    next_states, reward, terminated, truncated, info = _map_lanes(
        envs, step_lane, _all_lanes(envs), states, actions
    )
    states = _reset_ended(envs, key, next_states, terminated | truncated)
    info = {**info, "final_observation": envs.observe(next_states)}
    return TimeStep(envs.observe(states), states, reward, terminated, truncated, info)


def _all_lanes(envs: VectorEnvironment) -> UInt32[Array, " num_envs"]:
    return jnp.arange(envs.num_envs, dtype=jnp.uint32)


def _reset_ended(
    envs: VectorEnvironment, key: Key[Array, ""], states: Any, ended: Bool[Array, " n"]
) -> Any:
    """Replaces the states of the lanes that ended by initial states."""
    capacity = reset_capacity(envs.num_envs)

    def fresh(env, lane):
        return draw_initial_state(env, reset_key(jr.fold_in(key, lane)))

    def all_lanes():
        initial_states = _map_lanes(envs, fresh, _all_lanes(envs))
        return jax.vmap(select)(ended, initial_states, states)

    def ended_lanes():
        lanes = first_true(ended, capacity)
        env_of_lane = eqx.filter_vmap(fresh, in_axes=(eqx.if_array(0), 0))
        if envs.is_batched:
            env = jax.tree.map(
                lambda x: x.at[lanes].get(mode="clip") if eqx.is_array(x) else x,
                envs.env,
            )
            initial_states = env_of_lane(env, lanes.astype(jnp.uint32))
        else:
            initial_states = jax.vmap(lambda lane: fresh(envs.env, lane))(
                lanes.astype(jnp.uint32)
            )
        return jax.tree.map(
            lambda old, new: old.at[lanes].set(new, mode="drop", unique_indices=True),
            states,
            initial_states,
        )

    if capacity >= envs.num_envs:
        return all_lanes()
    return jax.lax.cond(jnp.sum(ended) <= capacity, ended_lanes, all_lanes)


def reset_capacity(num_envs: int) -> int:
    """How many lanes may end in one step before all of them get a new state."""
    return max(math.ceil(num_envs / 8), min(num_envs, 8))


def first_true(mask: Bool[Array, " n"], size: int) -> Int32[Array, " size"]:
    """The indices of the first `size` true entries, filled up with distinct integers
    from `n` on."""
    return jnp.nonzero(mask, size=size, fill_value=mask.size)[0].astype(jnp.int32)


def _check_lanes(envs: VectorEnvironment, name: str, tree: PyTree) -> None:
    for path, x in jtu.tree_leaves_with_path(tree):
        shape = np.shape(x)
        if len(shape) == 0 or shape[0] != envs.num_envs:
            raise ValueError(
                f"`{name}{jtu.keystr(path)}` must have a leading axis of size "
                f"num_envs={envs.num_envs}; got the shape {shape}."
            )
