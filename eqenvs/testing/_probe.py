"""An environment under test, and what it does in a few compiled programs.

Compilation dominates the cost of a check, so the checks share these programs, each of
which runs when a check first asks for it.
"""

import functools as ft
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, Key, PyTree

from .._checks import as_key
from .._environment import AbstractEnvironment, TimeStep
from ..wrappers import AbstractWrapper, TimeLimit
from ..wrappers.time_limit import truncates_only_at_max_steps


class Probe:
    """An environment under test, and the programs that the checks share.

    **Arguments:**

    - `env`: the environment.
    - `key`: a JAX PRNG key or a seed.
    - `short`: the same environment with a time limit of `time_limit` steps; made
        automatically by default.
    - `num_lanes`: the number of lanes in which `VectorEnvironment` is checked. It
        resets differently from 128 lanes on.
    """

    time_limit = 7
    walk_lanes = 4
    walk_steps = 60

    def __init__(
        self,
        env: AbstractEnvironment,
        key: Any = 0,
        *,
        short: AbstractEnvironment | None = None,
        num_lanes: int = 300,
    ):
        if not isinstance(env, AbstractEnvironment):
            raise TypeError(f"env must be an environment; got {env!r}.")
        self.env = env
        self.name = type(env).__name__
        self.key = as_key(key, "check_environment")
        self.given_short = short
        self.num_lanes = num_lanes

    def sub_key(self, number: int) -> Key[Array, ""]:
        """Key number `number` of those from which everything is drawn."""
        return jr.fold_in(self.key, number)

    @ft.cached_property
    def short(self) -> AbstractEnvironment:
        """The environment with a short time limit."""
        if self.given_short is not None:
            return self.given_short
        if has_plain_limit(self.env):
            # It has the same structure, so it shares compiled programs with `env`.
            limit = jnp.int32(self.time_limit)
            return eqx.tree_at(lambda env: env.max_steps, self.env, limit)
        wrapper: Any = TimeLimit
        return wrapper(self.env, self.time_limit)

    @ft.cached_property
    def reset(self) -> tuple[Any, Any]:
        """The observation and state that `reset` returned."""
        return self.env.reset(self.sub_key(0))

    @ft.cached_property
    def action(self) -> Any:
        """An action."""
        return jax.jit(lambda key: self.env.action_space.sample(key))(self.sub_key(1))

    @ft.cached_property
    def step(self) -> TimeStep[Any, Any]:
        """The first step after `reset`."""
        return self.env.step(self.sub_key(2), self.reset[1], self.action)

    @ft.cached_property
    def walk(self) -> "tuple[Any, Walk]":
        """A random walk of `short`, and where it ended."""
        return walk(self.short, self.sub_key(3), self.walk_lanes, self.walk_steps)

    @ft.cached_property
    def traced(self) -> dict[str, Any]:
        """The author's functions as JAX expressions."""
        return trace(self.env)


def has_plain_limit(env: Any) -> bool:
    """Whether episodes are truncated at `max_steps`, which can be replaced, and nowhere
    else."""
    inner = env
    while isinstance(inner, AbstractWrapper) and not isinstance(inner, TimeLimit):
        inner = inner.env
    is_field = "max_steps" in inner.__dataclass_fields__
    return is_field and truncates_only_at_max_steps(env)


class Walk(eqx.Module):
    """A random walk in a few lanes. The first two axes of everything except `start` are
    steps and lanes.

    - `start`: the observations and states at the start of the walk, with an axis of
        lanes.
    - `observations`, `actions`: the observation before each step, and its action.
    - `actions_inside`, `observations_inside`: whether these, and the final
        observations, are in their spaces.
    - `step`: what each step returned.
    """

    start: Any
    observations: PyTree[Array]
    actions: PyTree[Array]
    actions_inside: Array
    observations_inside: Array
    step: Any


@eqx.filter_jit
def walk(
    env: AbstractEnvironment, key: Any, num_lanes: int, num_steps: int
) -> tuple[Any, Walk]:
    """Random steps in some lanes, and the last observations and states."""
    reset_key, key = jr.split(key)
    start = jax.vmap(env.reset)(jr.split(reset_key, num_lanes))
    contains = jax.vmap(env.observation_space.contains)

    def body(carry, key):
        observations, states = carry
        keys = jr.split(key, (2, num_lanes))
        actions = jax.vmap(lambda key: env.action_space.sample(key))(keys[0])
        step = jax.vmap(env.step)(keys[1], states, actions)
        inside = contains(observations) & contains(step.info["final_observation"])
        actions_inside = jax.vmap(env.action_space.contains)(actions)
        out = Walk(None, observations, actions, actions_inside, inside, step)
        return (step.observation, step.state), out

    end, steps = jax.lax.scan(body, start, jr.split(key, num_steps))
    is_none = lambda x: x is None  # noqa: E731
    return end, eqx.tree_at(lambda x: x.start, steps, start, is_leaf=is_none)


def trace(env: AbstractEnvironment) -> dict[str, Any]:
    """The author's functions as JAX expressions."""
    dynamic, static = eqx.partition(env, eqx.is_array)
    key = jr.key(0)

    def initial_state(dynamic: Any, key: Any) -> Any:
        return eqx.combine(dynamic, static).initial_state(key)

    def next_initial_state(dynamic: Any, key: Any, state: Any) -> Any:
        return eqx.combine(dynamic, static).next_initial_state(key, state)

    def transition(dynamic: Any, key: Any, state: Any, action: Any) -> Any:
        return tuple(eqx.combine(dynamic, static).transition(key, state, action))

    def observe(dynamic: Any, state: Any) -> Any:
        return eqx.combine(dynamic, static).observe(state)

    state = jax.eval_shape(initial_state, dynamic, key)
    action = jax.eval_shape(env.action_space.sample, key)
    return {
        "initial_state": expression(initial_state, dynamic, key),
        "next_initial_state": expression(next_initial_state, dynamic, key, state),
        "transition": expression(transition, dynamic, key, state, action),
        "observe": expression(observe, dynamic, state),
    }


def expression(function: Any, *args: Any) -> Any:
    """A function as a JAX expression."""
    return jax.make_jaxpr(function)(*args)


def struct(tree: Any) -> Any:
    """The shapes, dtypes and weak types of a tree."""
    return jax.tree.map(
        lambda x: (x.shape, x.dtype, getattr(x, "weak_type", False)), tree
    )


def difference(x: Any, y: Any, *, exact: bool = True) -> str:
    """Describes the first difference between two trees of arrays; empty if there is
    none.

    With `exact=False`, numbers may differ by rounding, as between two programs.
    """
    if jtu.tree_structure(x) != jtu.tree_structure(y):
        return f"the structures {jtu.tree_structure(x)} and {jtu.tree_structure(y)}"
    leaves = zip(jtu.tree_leaves_with_path(x), jtu.tree_leaves(y), strict=True)
    for (path, a), b in leaves:
        if a.dtype != b.dtype or a.shape != b.shape:
            where = jtu.keystr(path)
            return f"{a.dtype}{a.shape} and {b.dtype}{b.shape} at `{where}`"
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jr.key_data(a), jr.key_data(b)
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype == bool or exact:
            same = (a == b) | ((a != a) & (b != b))
        else:
            same = np.isclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
        if not np.all(same):
            at = tuple(int(i) for i in np.argwhere(~same)[0])
            where = jtu.keystr(path) + (str(list(at)) if at else "")
            return f"{a[at]} and {b[at]} at `{where}`"
    return ""
