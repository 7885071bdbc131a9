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

from ._checks import check_count, check_key
from ._environment import (
    AbstractEnvironment,
    Action,
    advance,
    check_state,
    draw_initial_state,
    Observation,
    reset_key,
    select,
    State,
    TimeStep,
)
from ._jit import jit
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
        check_count("num_envs", num_envs)
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


@jit
def _reset(envs: VectorEnvironment, key: Any):
    key = check_key(key, "reset")
    states = _map_lanes(
        envs,
        lambda env, lane: draw_initial_state(env, jr.fold_in(key, lane)),
        _all_lanes(envs),
    )
    return envs.observe(states), states


@jit
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
    ended = terminated | truncated
    if envs.num_envs > _MIN_CHUNK and _draws_initial_state(envs, key):
        states = _reset_ended_lanes(envs, key, ended, next_states)
    else:
        states = _reset_all_lanes(envs, key, ended, next_states)
    info = {**info, "final_observation": envs.observe(next_states)}
    return TimeStep(envs.observe(states), states, reward, terminated, truncated, info)


# The lanes whose episode ended get a new state in chunks of this part of all lanes, but
# not of fewer lanes than that: for a few words threefry takes JAX's loop, which costs
# more than more words do (see `_threefry.py`).
_CHUNKS = 16
_MIN_CHUNK = 128


def _all_lanes(envs: VectorEnvironment) -> UInt32[Array, " num_envs"]:
    return jnp.arange(envs.num_envs, dtype=jnp.uint32)


def _initial_states(
    envs: VectorEnvironment, key: Key[Array, ""], lanes: UInt32[Array, " lanes"]
) -> PyTree:
    """The states in which the next episodes of some of the lanes begin."""

    def draw(env, lane):
        return draw_initial_state(env, reset_key(jr.fold_in(key, lane)))

    if not envs.is_batched:
        return jax.vmap(lambda lane: draw(envs.env, lane))(lanes)
    leaves, rest = eqx.partition(envs.env, eqx.is_array)
    leaves = jax.tree.map(lambda x: x.at[lanes].get(mode="clip"), leaves)
    return eqx.filter_vmap(draw)(eqx.combine(leaves, rest), lanes)


def _draws_initial_state(envs: VectorEnvironment, key: Key[Array, ""]) -> bool:
    """Whether an initial state is random at all."""

    def draw(key):
        lanes = _all_lanes(envs)
        return _map_lanes(envs, lambda env, _: env.initial_state(key), lanes)

    jaxpr = jax.make_jaxpr(draw)(key).jaxpr
    return any(jaxpr.invars[0] in equation.invars for equation in jaxpr.eqns)


def _reset_all_lanes(
    envs: VectorEnvironment,
    key: Key[Array, ""],
    ended: Bool[Array, " num_envs"],
    states: PyTree,
) -> PyTree:
    """Replaces the states of the lanes that ended, having drawn one for every lane."""
    initial_states = _initial_states(envs, key, _all_lanes(envs))
    return jax.vmap(select)(ended, initial_states, states)


@eqx.filter_custom_jvp
def _reset_ended_lanes(
    envs: VectorEnvironment,
    key: Key[Array, ""],
    ended: Bool[Array, " num_envs"],
    states: PyTree,
) -> PyTree:
    """Replaces the states of the lanes that ended, having drawn only for those.

    Random bits are most of what a step of a cheap environment costs on a CPU. An
    accelerator has them for nothing, but not a loop whose length it has to ask for; and
    a batch of such loops would all wait for the longest.
    """
    leaves, rest = eqx.partition(envs, eqx.is_array)

    def with_(reset):
        return lambda leaves, *args: reset(eqx.combine(leaves, rest), *args)

    @jax.custom_batching.custom_vmap
    def reset(*args):
        return jax.lax.platform_dependent(
            *args, cpu=with_(_reset_in_chunks), default=with_(_reset_all_lanes)
        )

    @reset.def_vmap
    def _(axis_size, in_batched, *args):
        del axis_size
        axes = jax.tree.map(lambda is_batched: 0 if is_batched else None, in_batched)
        states = jax.vmap(with_(_reset_all_lanes), in_axes=tuple(axes))(*args)
        return states, jax.tree.map(lambda _: True, states)

    return reset(leaves, key, ended, states)


@_reset_ended_lanes.def_jvp
def _(primals, tangents):
    # A loop has no reverse-mode derivative; the other way to the same states has.
    return eqx.filter_jvp(_reset_all_lanes, primals, tangents)


def _reset_in_chunks(
    envs: VectorEnvironment,
    key: Key[Array, ""],
    ended: Bool[Array, " num_envs"],
    states: PyTree,
) -> PyTree:
    size = max(_MIN_CHUNK, math.ceil(envs.num_envs / _CHUNKS))
    ended_lanes, count = _true_indices(ended)
    ended_lanes = jnp.pad(ended_lanes, (0, size))

    def reset_chunk(carry):
        start, states = carry
        lanes = jax.lax.dynamic_slice_in_dim(ended_lanes, start, size)
        chunk = _initial_states(envs, key, lanes.astype(jnp.uint32))

        def write(i, states):
            return jax.tree.map(
                lambda old, new: jax.lax.dynamic_update_index_in_dim(
                    old, new[i], lanes[i], axis=0
                ),
                states,
                chunk,
            )

        end = jnp.minimum(size, count - start)
        return start + size, jax.lax.fori_loop(0, end, write, states)

    return jax.lax.while_loop(
        lambda carry: carry[0] < count, reset_chunk, (jnp.int32(0), states)
    )[1]


def _true_indices(
    mask: Bool[Array, " n"],
) -> tuple[Int32[Array, " n"], Int32[Array, ""]]:
    """The indices of the true entries in order, followed by anything; and how many.

    On a CPU a plain loop over scalars takes less than half as long as a cumulative sum
    and a scatter.
    """

    def visit(i, carry):
        indices, count = carry
        indices = jax.lax.dynamic_update_index_in_dim(indices, i, count, axis=0)
        return indices, count + mask[i].astype(jnp.int32)

    indices = jnp.zeros(mask.size, jnp.int32)
    return jax.lax.fori_loop(0, mask.size, visit, (indices, jnp.int32(0)))


def _check_lanes(envs: VectorEnvironment, name: str, tree: PyTree) -> None:
    for path, x in jtu.tree_leaves_with_path(tree):
        shape = np.shape(x)
        if len(shape) == 0 or shape[0] != envs.num_envs:
            raise ValueError(
                f"`{name}{jtu.keystr(path)}` must have a leading axis of size "
                f"num_envs={envs.num_envs}; got the shape {shape}."
            )
