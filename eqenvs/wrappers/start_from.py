"""Episodes that start in states of your choice.

A curriculum, an archive or a level designer hands an environment a buffer of states:
Salimans & Chen, "Learning Montezuma's Revenge from a single demonstration"
(2018, arXiv:1812.03381); Ecoffet, Huizinga, Lehman, Stanley & Clune, "First return,
then explore" (Nature, 2021); Jiang, Grefenstette & Rocktäschel, "Prioritized level
replay" (ICML 2021).
"""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, Float, Key, PyTree, Shaped

from .._checks import struct_of
from .._environment import AbstractEnvironment, Action, Observation, State
from .._parametric import batch_axes, is_batched
from ..fields import AbstractParameter, environment, flag, real
from ..random import below
from ._wrapper import AbstractStatelessWrapper, AbstractWrapper


class _Rows(AbstractParameter):
    """Arrays with one row for every state. Their rank is always 2, whatever their own
    shapes, so a batch of buffers can be told from a single buffer."""

    rank = 2

    @property
    def allowed(self) -> str:
        return "states of `env`, with a leading axis"

    def __call__(self, value: Any) -> Any:
        return value


class StartFrom(AbstractStatelessWrapper[State, Action, Observation]):
    """Draws the first state of every episode from a buffer of states.

    ```python
    env = StartFrom(FourRooms(), states, weights=1 / (1 + visits))
    ```

    The states are arrays, so changing the contents of the buffer, but not its size,
    does not recompile. What wrappers inside this one remember is part of the states,
    so put `EpisodeStatistics` around it: inside, returns would go on from those in the
    buffer.
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()
    _rows: PyTree[Shaped[Array, "states _"]] = _Rows(
        "States of `env`, with a leading axis."
    ).field()
    weights: Float[Array, " states"] = real(
        None,
        "Relative probability of each state; None for equal ones.",
        minimum=0,
        shape=(None,),
        optional=True,
    )
    keep_time: bool = flag(
        False,
        "Whether an episode starts at the `time` of the state, which leaves fewer "
        "steps, instead of at 0.",
    )

    def __init__(
        self,
        env: AbstractEnvironment[State, Action, Observation],
        states: State,
        weights: Any = None,
        keep_time: bool = False,
    ):
        """**Arguments:**

        - `env`: the environment that is wrapped.
        - `states`: its states, with a leading axis.
        - `weights`: relative probability of each state; `None` for equal ones.
        - `keep_time`: whether an episode starts at the `time` of the state, which
            leaves fewer steps, instead of at 0.

        **Raises:**

        `TypeError` or `ValueError` if these are not states of `env`, or the weights do
        not match them.
        """
        self.env, self.weights, self.keep_time = env, weights, keep_time
        if isinstance(env, AbstractEnvironment) and not is_batched(batch_axes(env)):
            _check_states(struct_of(env).state, states)
        self._rows = jax.tree.map(lambda x: x.reshape(len(x), -1), states)

    def __check_init__(self):
        if self.weights is None or isinstance(self.weights, jax.core.Tracer):
            return
        weights = np.asarray(self.weights)
        if weights.shape != (self.num_states,) or not np.sum(weights) > 0:
            raise ValueError(
                f"StartFrom.weights must be one number for each of the "
                f"{self.num_states} states, and not all 0; got {weights}."
            )

    def _write_parts(self, parts: dict[str, Any]) -> dict[str, Any]:
        """What a configuration has: the leaves of the states by their paths."""
        del parts["_rows"]
        if is_batched(batch_axes(self)):
            raise ValueError(
                "a batch of StartFrom cannot be written to a configuration."
            )
        leaves = jtu.tree_leaves_with_path(self.states)
        return {**parts, "states": {jtu.keystr(path): x for path, x in leaves}}

    @classmethod
    def _read_parts(cls, parts: dict[str, Any]) -> dict[str, Any]:
        """What `_write_parts` wrote, as the constructor takes it."""
        like = struct_of(parts["env"]).state
        given = parts.get("states")
        paths, structure = jtu.tree_flatten_with_path(like)
        names = [jtu.keystr(path) for path, _ in paths]
        if not isinstance(given, Mapping) or set(given) != set(names):
            raise ValueError(
                "the states of a configuration of StartFrom must be a dictionary of "
                f"the arrays {', '.join(names)}; got {given!r}."
            )
        leaves = [jnp.asarray(given[jtu.keystr(path)], x.dtype) for path, x in paths]
        return {**parts, "states": jtu.tree_unflatten(structure, leaves)}

    @property
    def num_states(self) -> int:
        """The number of states in the buffer."""
        return len(jax.tree.leaves(self._rows)[0])

    @property
    def states(self) -> State:
        """The states, with a leading axis."""
        like = struct_of(self.env).state
        return jax.tree.map(
            lambda x, like: x.reshape(len(x), *like.shape), self._rows, like
        )

    def initial_state(self, key: Key[Array, ""]) -> State:
        key = self.own_key(key)
        if self.weights is None:
            index = below(key, self.num_states)
        else:
            cumulative = jnp.cumsum(self.weights)
            # Above 0, so a state with weight 0 is never drawn.
            point = cumulative[-1] * (1 - jr.uniform(key, dtype=cumulative.dtype))
            index = jnp.searchsorted(cumulative, point)
        state = jax.tree.map(lambda x: x[index], self.states)
        return state if self.keep_time else _at_time_zero(state)

    def next_initial_state(self, key: Key[Array, ""], last_state: State) -> State:
        del last_state
        return self.initial_state(key)

    def _same_task(self, key: Key[Array, ""], last_state: State) -> State:
        state, env = self.initial_state(key), self.env

        def task(state: Any) -> Any:
            inner_env: Any = env
            while isinstance(inner_env, AbstractWrapper):
                state, inner_env = inner_env.inner_state(state), inner_env.env
            return [getattr(state, name) for name in self.task_fields]

        return eqx.tree_at(task, state, task(last_state))


def _at_time_zero(state: Any) -> Any:
    """A state with its clock, and the clocks of the states inside it, set to 0."""
    if "time" in state.__dataclass_fields__:
        state = eqx.tree_at(lambda s: s.time, state, jnp.zeros_like(state.time))
    if "inner" in state.__dataclass_fields__:
        state = eqx.tree_at(lambda s: s.inner, state, _at_time_zero(state.inner))
    return state


def _check_states(like: Any, states: Any) -> None:
    allowed = "StartFrom.states must be states of `env`, with a leading axis"
    if jtu.tree_structure(like) != jtu.tree_structure(states):
        raise TypeError(f"{allowed}; got {states!r}.")
    sizes = {np.shape(x)[:1] for x in jax.tree.leaves(states)}
    for (path, x), expected in zip(
        jtu.tree_leaves_with_path(states), jax.tree.leaves(like), strict=True
    ):
        is_fine = np.shape(x)[1:] == expected.shape and x.dtype == expected.dtype
        if not is_fine or len(sizes) != 1 or np.shape(x)[:1] in [(), (0,)]:
            raise ValueError(
                f"{allowed}; `states{jtu.keystr(path)}` must have the shape (n, "
                f"{', '.join(map(str, expected.shape))}) and the dtype "
                f"{expected.dtype}; got {np.shape(x)} and {x.dtype}."
            )
