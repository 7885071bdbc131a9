"""Many environments at once, computing only the resets that happen."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, Bool, Int32, Integer, Key, PyTree, UInt32

from ._checks import check_count, check_key
from ._environment import (
    AbstractEnvironment,
    AbstractLoop,
    Action,
    KeyLike,
    next_state_after,
    Observation,
    select,
    State,
    TimeStep,
)
from ._fusion import key_computed_once
from ._parametric import batch_axes, is_batched, map_leaves
from ._varying import vary, varying_axes
from .spaces import AbstractSpace, batch, hull, is_held


class VectorEnvironment(AbstractLoop[State, Action, Observation]):
    """`num_envs` copies of an environment, stepped together.

    Lane `i` of `step(key, states, actions)` is

    ```python
    env.step(jax.random.fold_in(key, i), states[i], actions[i])
    ```

    and the same holds for `reset` and `advance`. Every leaf of arguments and results
    has a leading axis of size `num_envs`, except for the single key. It is faster than
    `jax.vmap(env.step)`, because initial states are drawn only for lanes whose episode
    ended, and keys are derived only where they are used.
    """

    env: AbstractEnvironment[State, Action, Observation]
    num_envs: int = eqx.field(static=True)
    first_lane: UInt32[Array, ""] | None

    def __init__(
        self,
        env: AbstractEnvironment[State, Action, Observation],
        num_envs: int,
        *,
        first_lane: Any = None,
    ):
        """**Arguments:**

        - `env`: an environment. Each of its leaves may have an extra leading axis of
            size `num_envs`, for a different value in every lane: all of them as
            `equinox.filter_vmap` makes it, or some as in
            `eqx.tree_at(lambda env: env.gravity, env, gravities)`.
        - `num_envs`: the number of lanes, at least 1.
        - `first_lane`: the number of the first lane, if these lanes are part of a
            larger batch, such as one device's share; an integer that may be traced.
            Lane `i` then draws its random numbers as lane `first_lane + i`.

        **Raises:**

        `TypeError` or `ValueError` if an argument is not as described above; the
        message names the leaf.
        """
        if not isinstance(env, AbstractEnvironment):
            raise TypeError(f"env must be an environment; got {env!r}.")
        check_count("num_envs", num_envs)
        batch_axes(env, num_envs, "num_envs=")
        if first_lane is not None:
            first_lane = _as_lane(first_lane)
        self.env = env
        self.num_envs = int(num_envs)
        self.first_lane = first_lane

    @property
    def is_batched(self) -> bool:
        """Whether parameters differ between lanes."""
        return is_batched(self._axes)

    @property
    def _axes(self) -> PyTree[int | None]:
        return batch_axes(self.env, self.num_envs)

    @property
    def single_action_space(self) -> AbstractSpace:
        """The action space of one lane; that of all lanes if they differ."""
        return self._single_space(lambda env: env.action_space)

    @property
    def single_observation_space(self) -> AbstractSpace:
        """The observation space of one lane; that of all lanes if they differ."""
        return self._single_space(lambda env: env.observation_space)

    @property
    def action_space(self) -> AbstractSpace:
        """The space of the actions of all lanes together."""
        return self._batch_space(lambda env: env.action_space)

    @property
    def observation_space(self) -> AbstractSpace:
        """The space of the observations of all lanes together."""
        return self._batch_space(lambda env: env.observation_space)

    def _single_space(
        self, get: Callable[[AbstractEnvironment], AbstractSpace]
    ) -> AbstractSpace:
        return hull(self._map_lanes(get)) if self.is_batched else get(self.env)

    def _batch_space(
        self, get: Callable[[AbstractEnvironment], AbstractSpace]
    ) -> AbstractSpace:
        if self.is_batched:
            return batch(self._map_lanes(get), self.num_envs, is_batched=True)
        return batch(get(self.env), self.num_envs)

    def sample_actions(self, key: KeyLike) -> Action:
        """Draws an action for every lane; lane `i` from `fold_in(key, i)`.

        **Arguments:**

        - `key`: one JAX PRNG key.

        **Returns:**

        Actions, with a leading axis of size `num_envs`.
        """
        key = key_computed_once(check_key(key, "sample_actions"))
        return self._map_lanes(
            lambda env, lane: env.action_space.sample(jr.fold_in(key, lane)),
            all_lanes(self),
        )

    def observe(self, state: State) -> Observation:
        """The observations of the lanes.

        **Arguments:**

        - `state`: the states of the lanes, with a leading axis of size `num_envs`.

        **Returns:**

        Observations, with the same leading axis.
        """
        _check_lanes(self, "states", state)
        return self._map_lanes(lambda env, state: env.observe(state), state)

    def _map_lanes(self, function: Callable[..., PyTree], *args: PyTree) -> PyTree:
        """Maps `function(env, *args)` over the lanes."""
        return eqx.filter_vmap(
            function,
            in_axes=(self._axes, *(eqx.if_array(0) for _ in args)),
            axis_size=self.num_envs,
        )(self.env, *args)

    def _start(self, key: Key[Array, ""]) -> State:
        return self._map_lanes(
            lambda env, lane: env._start(jr.fold_in(key, lane)), all_lanes(self)
        )

    def _advance(
        self, key: Key[Array, ""], state: State, action: Action
    ) -> TimeStep[State, Observation]:
        _check_lanes(self, "states", state)
        _check_lanes(self, "actions", action)
        key = key_computed_once(key)
        return self._map_lanes(
            lambda env, lane, *args: env._advance(jr.fold_in(key, lane), *args),
            all_lanes(self),
            state,
            action,
        )

    def _restart(
        self, key: Key[Array, ""], ended: Bool[Array, " num_envs"], state: State
    ) -> State:
        if self.num_envs > _FEW_LANES and _draws_initial_state(self, key, state):
            axes = varying_axes((self, key, ended, state))
            ended, state = vary((ended, state), axes)
            return _reset_ended_lanes(self, key, ended, state)
        return _reset_all_lanes(self, key, ended, state)

    @property
    def _lane(self) -> AbstractEnvironment[State, Action, Observation]:
        try:
            self.env.action_space  # noqa: B018
        except (TypeError, ValueError):  # the bounds of a Box are a batch
            return map_leaves(lambda x: x[0], self.env, self._axes)
        return self.env


# Up to so many lanes, every lane draws an initial state in every step: to find out
# which of them need one takes longer.
_FEW_LANES = 128

# Otherwise, the lanes whose episode ended draw theirs in chunks of about this fraction
# of all lanes, a multiple of a size at which threefry is written out (see
# `_threefry.py`).
_CHUNKS = 16
_CHUNK_UNIT = 64

_WORD_BITS = 32


def all_lanes(envs: VectorEnvironment) -> UInt32[Array, " num_envs"]:
    """The number of every lane, from which it draws."""
    return _numbers(envs, jnp.arange(envs.num_envs, dtype=jnp.uint32))


def _numbers(
    envs: VectorEnvironment, indices: Integer[Array, " lanes"]
) -> UInt32[Array, " lanes"]:
    """The numbers of some of the lanes."""
    lanes = indices.astype(jnp.uint32)
    return lanes if envs.first_lane is None else lanes + envs.first_lane


def _as_lane(number: Any) -> UInt32[Array, ""]:
    """Checks the number of a lane."""
    if isinstance(number, jax.Array | np.ndarray):
        is_integer = number.ndim == 0 and jnp.issubdtype(number.dtype, jnp.integer)
    else:
        is_integer = isinstance(number, int | np.integer)
        is_integer &= not isinstance(number, bool)
    if not is_integer:
        raise TypeError(f"first_lane must be an integer; got {number!r}.")
    if not isinstance(number, jax.Array) and not 0 <= number < 2**31:
        raise ValueError(f"first_lane must be from 0 to 2**31 - 1; got {number}.")
    return jnp.asarray(number).astype(jnp.uint32)


def _next_states(
    envs: VectorEnvironment,
    key: Key[Array, ""],
    lanes: UInt32[Array, " lanes"],
    last_states: PyTree,
) -> PyTree:
    """The states in which the next episodes of some of the lanes begin.

    **Arguments:**

    - `envs`: one environment for each of the `lanes`.
    - `key`: the key of the step.
    - `lanes`: the numbers of the lanes.
    - `last_states`: the final states of their last episodes.
    """
    return envs._map_lanes(
        lambda env, lane, last_state: next_state_after(
            env, jr.fold_in(key, lane), last_state
        ),
        lanes,
        last_states,
    )


def _draws_initial_state(
    envs: VectorEnvironment, key: Key[Array, ""], states: PyTree
) -> bool:
    """Whether an initial state is random at all."""

    def draw(key: Any) -> PyTree:
        return envs._map_lanes(
            lambda env, state: env.next_initial_state(key, state), states
        )

    jaxpr = jax.make_jaxpr(draw)(key).jaxpr
    return any(jaxpr.invars[0] in equation.invars for equation in jaxpr.eqns)


def _reset_all_lanes(
    envs: VectorEnvironment,
    key: Key[Array, ""],
    ended: Bool[Array, " num_envs"],
    states: PyTree,
) -> PyTree:
    """Replaces the states of lanes that ended, drawing a new one for every lane."""
    next_states = _next_states(envs, key, all_lanes(envs), states)
    return jax.vmap(select)(ended, next_states, states)


@eqx.filter_custom_jvp
def _reset_ended_lanes(
    envs: VectorEnvironment,
    key: Key[Array, ""],
    ended: Bool[Array, " num_envs"],
    states: PyTree,
) -> PyTree:
    """Replaces the states of lanes that ended, drawing only for those.

    On a CPU, random bits are most of the cost of a step of a cheap environment. On an
    accelerator they are cheap, but a loop whose length the host has to ask for is not,
    and a batch of such loops would wait for the longest.
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
    # A loop has no reverse-mode derivative; the other way to the same states does.
    return eqx.filter_jvp(_reset_all_lanes, primals, tangents)


def _reset_in_chunks(
    envs: VectorEnvironment,
    key: Key[Array, ""],
    ended: Bool[Array, " num_envs"],
    states: PyTree,
) -> PyTree:
    size = _CHUNK_UNIT * math.ceil(envs.num_envs / (_CHUNKS * _CHUNK_UNIT))
    ended_lanes, count = _true_indices(ended, padding=size)

    def reset_chunk(carry):
        start, states = carry
        lanes = jax.lax.dynamic_slice_in_dim(ended_lanes, start, size)

        # The compiler drops the lookups that nothing depends on.
        def take(x: Array) -> Array:
            return x.at[lanes].get(mode="clip")

        chunk = _next_states(
            VectorEnvironment(map_leaves(take, envs.env, envs._axes), size),
            key,
            _numbers(envs, lanes),
            jax.tree.map(take, states),
        )

        end = jnp.minimum(jnp.int32(size), count - start)

        # One array at a time: XLA would copy arrays whole if it fused their writes.
        def write(old: Array, new: Array) -> Array:
            def write_lane(i, old):
                lane = lanes[i]
                return jax.lax.dynamic_update_index_in_dim(old, new[i], lane, axis=0)

            return jax.lax.fori_loop(jnp.int32(0), end, write_lane, old)

        states = jax.tree.map(write, states, chunk)
        return start + jnp.int32(size), states

    start = vary(jnp.int32(0), varying_axes(count))
    return jax.lax.while_loop(
        lambda carry: carry[0] < count, reset_chunk, (start, states)
    )[1]


def _true_indices(
    mask: Bool[Array, " n"], padding: int
) -> tuple[Int32[Array, " indices"], Int32[Array, ""]]:
    """The indices of the true entries, in order, with zeros after them, and their
    number. There must be at least 32 entries.

    On a CPU, plain loops over scalars take less time than a cumulative sum and a
    scatter. These go from one true entry to the next, in words of 32 bits.
    """
    num_words = math.ceil(mask.size / _WORD_BITS)
    places = jnp.arange(_WORD_BITS, dtype=jnp.uint32)

    def visit_word(i, carry):
        # Here, and not before the loop, where the compiler would compute the mask again
        # for this sum. The last word begins earlier, so as not to go beyond the end.
        start = jnp.minimum(_WORD_BITS * i, mask.size - _WORD_BITS)
        is_new = start + places.astype(jnp.int32) >= _WORD_BITS * i
        bits = is_new & jax.lax.dynamic_slice_in_dim(mask, start, _WORD_BITS)
        word = jnp.sum(bits.astype(jnp.uint32) << places, dtype=jnp.uint32)

        def visit_bit(carry):
            word, indices, count = carry
            place = jax.lax.population_count((word & -word) - 1).astype(jnp.int32)
            indices = jax.lax.dynamic_update_index_in_dim(
                indices, start + place, count, axis=0
            )
            return word & (word - 1), indices, count + 1

        _, *carry = jax.lax.while_loop(
            lambda carry: carry[0] != 0, visit_bit, (word, *carry)
        )
        return tuple(carry)

    indices = jnp.zeros(mask.size + padding, jnp.int32)
    init = vary((indices, jnp.int32(0)), varying_axes(mask))
    return jax.lax.fori_loop(jnp.int32(0), jnp.int32(num_words), visit_word, init)


def _check_lanes(envs: VectorEnvironment, name: str, tree: PyTree) -> None:
    for path, x in jtu.tree_leaves_with_path(tree, is_leaf=is_held):
        shape = np.shape(x.value if is_held(x) else x)
        if len(shape) == 0 or shape[0] != envs.num_envs:
            raise ValueError(
                f"`{name}{jtu.keystr(path)}` must have a leading axis of size "
                f"num_envs={envs.num_envs}; got the shape {shape}."
            )
