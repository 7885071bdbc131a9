"""Checks of what users and authors pass in, at the latest while a program is traced."""

import functools as ft
from typing import Any, NamedTuple, TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, Bool, Key, PyTree

from ._parametric import leaf_ranks
from .random import key as key_from_seed
from .random._threefry import write_out


if TYPE_CHECKING:
    from ._environment import AbstractEnvironment


# Keys.


def check_key(key: Any, caller: str, *, takes_seeds: bool = False) -> Key[Array, ""]:
    """Returns `key` as a typed key, or raises if it is not exactly one key."""
    fix = f"`{caller}` takes one JAX PRNG key, such as `jax.random.key(0)`"
    fix += ", or an integer seed" if takes_seeds else ""
    if not isinstance(key, jax.Array | np.ndarray):
        raise TypeError(f"{fix}; got {key!r}.{_seed_hint(key, takes_seeds)}")
    typed: Any = key
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        if key.dtype != np.uint32:
            raise TypeError(f"{fix}; got an array of dtype {key.dtype}.")
        if key.ndim == 0:
            raise TypeError(f"{fix}; got a number.{_seed_hint(key, takes_seeds)}")
        typed = _wrap_raw_key(key, fix)
    if typed.shape != ():
        raise ValueError(
            f"{fix}; got an array of keys of shape {typed.shape}. (For a batch, use "
            "`jax.vmap`, or `VectorEnvironment` with one key.)"
        )
    return write_out(typed)


def _seed_hint(key: Any, takes_seeds: bool) -> str:
    is_seed = isinstance(key, int | np.integer) and not isinstance(key, bool)
    if takes_seeds or not is_seed:
        return ""
    return (
        f" (Make a key of a seed: `eqenvs.random.key({key})`. Only whole runs take "
        "an integer seed: `rollout`, `evaluate` and `train`.)"
    )


def _wrap_raw_key(key: Any, fix: str) -> Key[Array, "..."]:
    try:
        return jr.wrap_key_data(jnp.asarray(key))
    except (TypeError, ValueError):
        pass
    # Not a key of the default implementation: 4 words make one of `rbg`, 2 of threefry.
    impl = {4: "rbg", 2: "threefry2x32"}.get(key.shape[-1])
    if impl is None:
        raise TypeError(f"{fix}; got a uint32 array of shape {key.shape}.")
    return jr.wrap_key_data(jnp.asarray(key), impl=impl)


def as_key(key: Any, caller: str) -> Key[Array, ""]:
    """One key; an integer becomes a fast key."""
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        return key_from_seed(int(key))
    return check_key(key, caller, takes_seeds=True)


def as_keys(key: Any, caller: str) -> Key[Array, "..."]:
    """One key, or an array of keys if one was given."""
    if isinstance(key, jax.Array | np.ndarray):
        keys: Any = key
        is_typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
        if is_typed and key.ndim == 1:
            return write_out(keys)
        if not is_typed and key.dtype == np.uint32 and key.ndim == 2:
            return jax.vmap(lambda k: check_key(k, caller))(jnp.asarray(keys))
    return as_key(key, caller)


# Numbers.


def check_count(name: str, count: Any) -> None:
    """Raises an error unless `count` is a positive integer that fits an int32."""
    if isinstance(count, bool) or not isinstance(count, int | np.integer):
        raise TypeError(f"{name} must be an integer; got {count!r}.")
    if count < 1:
        raise ValueError(f"{name} must be at least 1; got {count}.")
    if count >= 2**31:
        raise ValueError(f"{name} must be less than 2**31; got {count}.")


def check_flag(name: str, flag: Any) -> None:
    """Raises an error unless `flag` is a Python or NumPy bool."""
    if not isinstance(flag, bool | np.bool_):
        raise TypeError(f"{name} must be True or False; got {flag!r}.")


def _is_number(value: Any) -> bool:
    """Whether `value` is an array of numbers or keys, or a number."""
    if isinstance(value, jax.Array | jax.ShapeDtypeStruct):
        return True
    is_number = isinstance(value, np.ndarray | np.generic | bool | int | float)
    return is_number and np.asarray(value).dtype.kind not in "OSUmM"


def show(value: Any) -> str:
    """What was given, in a few words."""
    if isinstance(value, jax.Array | np.ndarray | jax.ShapeDtypeStruct):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if isinstance(value, eqx.Module):
        return f"a {type(value).__name__}"
    if isinstance(value, tuple | list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return repr(value)


# The pieces of an environment.


class Struct(NamedTuple):
    """The structures, shapes and dtypes that an environment works with."""

    state: PyTree[jax.ShapeDtypeStruct]
    observation: PyTree[jax.ShapeDtypeStruct]


def struct_of(env: "AbstractEnvironment") -> Struct:
    """The shapes and dtypes of the states and the observations of an environment.

    **Raises:**

    `TypeError` or `ValueError` if `env` is a batch of environments, or if its methods
    do not fit together.
    """
    leaves, structure = jtu.tree_flatten(env)
    arrays = tuple(
        jax.ShapeDtypeStruct(x.shape, x.dtype) if eqx.is_array(x) else x for x in leaves
    )
    x64 = bool(jax.config.jax_enable_x64)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        hash((structure, arrays))
    except TypeError:
        return _struct_of.__wrapped__(structure, arrays, x64)
    return _struct_of(structure, arrays, x64)


@ft.lru_cache(maxsize=1024)
def _struct_of(structure: Any, arrays: tuple[Any, ...], x64: bool) -> Struct:
    del x64  # The dtypes depend on it.
    env = jtu.tree_unflatten(structure, arrays)
    name = type(env).__name__
    batched = [
        array.shape[0]
        for array, (_, rank) in zip(arrays, leaf_ranks(env), strict=True)
        if isinstance(array, jax.ShapeDtypeStruct) and rank == array.ndim - 1
    ]
    if batched:
        raise ValueError(
            f"this {name} is a batch of {batched[0]} environments. Step it with "
            f"`VectorEnvironment(env, {batched[0]})`, or map over it with "
            "`eqx.filter_vmap`."
        )

    from .spaces import AbstractSpace  # which imports this module

    space = ""

    def look(env: Any, key: Any) -> tuple[Any, Any, Any]:
        nonlocal space
        state = _initial_state(env, key)
        for space_name in ("action_space", "observation_space"):
            space = getattr(env, space_name)
            if not isinstance(space, AbstractSpace):
                hint = " Is it a property?" if callable(space) else ""
                raise TypeError(
                    f"`{space_name}` of {name} must be one of `eqenvs.spaces`; got "
                    f"{space!r}.{hint}"
                )
        return state, env.observe(state), space.sample(key)

    state, observation, sample = eqx.filter_eval_shape(look, env, jr.key(0))
    _check_like(
        observation,
        sample,
        "observation",
        f"{name}, what its `observe` returns,",
        f"Its observation_space is {space}.",
    )
    return Struct(state, observation)


def _initial_state(env: "AbstractEnvironment", key: Key[Array, ""]) -> Any:
    """`env.initial_state(key)`; raises an error if that is not a state."""
    name = type(env).__name__
    state: Any = env.initial_state(key)
    if not isinstance(state, eqx.Module) or not hasattr(state, "time"):
        raise TypeError(
            f"`initial_state` of {name} must return an `eqenvs.AbstractState`; got "
            f"{show(state)}."
        )
    check_leaves(state, "state", f" of {name}, what its `initial_state` returns,")
    state = without_weak_types(state)
    if state.time.shape != () or state.time.dtype != np.int32:
        raise TypeError(
            f"`state.time` of {name}, what its `initial_state` returns, must be an "
            f"int32 scalar, such as `jnp.int32(0)`; got {show(state.time)}."
        )
    return state


def check_leaves(tree: PyTree, name: str, owner: str = "") -> None:
    """Raises an error unless every leaf is a number or an array of numbers or keys."""
    for path, leaf in jtu.tree_leaves_with_path(tree):
        if not _is_number(leaf):
            raise TypeError(
                f"`{name}{jtu.keystr(path)}`{owner} must be an array; got {leaf!r}."
            )


def check_state(env: "AbstractEnvironment", state: Any, like: PyTree) -> None:
    """Raises an error unless `state` has the type, shapes and dtypes of `like`."""
    name = type(env).__name__
    if type(state) is not type(like):
        raise TypeError(
            f"the state of {name} must be a {type(like).__name__}; got {show(state)}."
        )
    why = "It must be like what `reset` returns."
    batch = "For a batch, use `jax.vmap` or `VectorEnvironment`."
    _check_like(state, like, "state", name, why, batch)


def _check_like(
    given: PyTree, like: PyTree, name: str, owner: str, why: str, batch: str = ""
) -> None:
    """Raises an error unless `given` has the structure, shapes and dtypes of `like`.

    For the message, `name` is how an expression for it begins, `owner` says whose it
    is, `why` is a sentence about what it must be, and `batch` a sentence about an extra
    leading axis.
    """
    given_leaves, given_structure = jtu.tree_flatten_with_path(given)
    leaves, structure = jtu.tree_flatten_with_path(like)
    if given_structure != structure:
        given_paths = {jtu.keystr(path) for path, _ in given_leaves}
        paths = {jtu.keystr(path) for path, _ in leaves}
        if given_paths and "" not in given_paths | paths:
            for path in sorted(paths - given_paths):
                raise TypeError(f"`{name}{path}` of {owner} is missing. ({why})")
            for path in sorted(given_paths - paths):
                raise TypeError(f"{owner} has no `{name}{path}`; got one. ({why})")
        raise TypeError(
            f"the {name} of {owner} must have the structure {structure}; got "
            f"{given_structure}. ({why})"
        )
    for (path, x), (_, y) in zip(given_leaves, leaves, strict=True):
        leaf = f"`{name}{jtu.keystr(path)}` of {owner}"
        if not isinstance(x, jax.Array | np.ndarray | jax.ShapeDtypeStruct):
            raise TypeError(
                f"{leaf} must be an array of dtype {y.dtype}; got {x!r}. ({why})"
            )
        if x.shape != y.shape:
            if x.shape[1:] == y.shape and batch:
                why = f"{why} {batch}"
            raise ValueError(
                f"{leaf} must have the shape {y.shape}; got {x.shape}. ({why})"
            )
        if x.dtype != y.dtype:
            raise TypeError(
                f"{leaf} must have the dtype {y.dtype}; got {x.dtype}. ({why})"
            )


def check_transition(
    env: "AbstractEnvironment", transition: Any, state: PyTree
) -> tuple[Any, Array, Array, dict[str, Any]]:
    """The state, reward, `terminated` and `info` that `env.transition` returned.

    **Arguments:**

    - `env`: the environment.
    - `transition`: the value that its method returned.
    - `state`: the previous state, whose shapes and dtypes the next one must have.

    **Raises:**

    `TypeError` or `ValueError` if the transition is not what it should be.
    """
    name = type(env).__name__
    if not isinstance(transition, tuple) or not 2 <= len(transition) <= 4:
        raise TypeError(
            f"`transition` of {name} must return an `eqenvs.Transition(state, reward, "
            f"terminated, info)`; got {show(transition)}."
        )
    next_state, reward, terminated, info = (*transition, False, {})[:4]
    if len(transition) == 3:
        info = {}
    next_state = check_next_state(env, next_state, state, "transition")
    if not isinstance(info, dict):
        raise TypeError(
            f"the info of {name}'s transition must be a dictionary; got {info!r}."
        )
    if "final_observation" in info:
        raise ValueError(
            f"the info of {name}'s transition must not have the entry "
            "'final_observation', which `step` writes."
        )
    check_leaves(info, "info", f" of {name}'s transition")
    return (
        next_state,
        _check_scalar(f"the reward of {name}'s transition", reward, float),
        _check_scalar(f"the terminated of {name}'s transition", terminated, bool),
        without_weak_types(info),  # `jax.vmap` gives numbers no axis for the lanes
    )


def check_next_state(
    env: "AbstractEnvironment", next_state: Any, state: PyTree, method: str
) -> Any:
    """The state that a method of `env` returned; raises an error if it is not like
    `state`, the previous one."""
    name = type(env).__name__
    if type(next_state) is not type(state):
        raise TypeError(
            f"`{method}` of {name} must return a {type(state).__name__} as its state; "
            f"got {show(next_state)}."
        )
    owner = f"{name}, what its `{method}` returns,"
    check_leaves(next_state, "state", f" of {owner}")
    next_state = without_weak_types(next_state)
    _check_like(next_state, state, "state", owner, "It must be like the state before.")
    return next_state


def check_truncated(env: "AbstractEnvironment", truncated: Any) -> Bool[Array, ""]:
    """The value that `env.truncated` returned; raises an error if it is not a boolean
    scalar."""
    name = f"what `truncated` of {type(env).__name__} returns"
    return _check_scalar(name, truncated, bool)


def without_weak_types(state: Any) -> Any:
    """The same state, with dtypes that do not depend on how it was made."""
    # A weakly typed leaf would make a scan's carry change its type.
    return jax.tree.map(
        lambda x: jax.lax.convert_element_type(x, jnp.asarray(x).dtype), state
    )


def _check_scalar(name: str, value: Any, dtype: type) -> Array:
    kinds: tuple[Any, ...] = (jnp.bool_,)
    what = "a boolean scalar"
    if dtype is float:
        kinds = (jnp.bool_, jnp.integer, jnp.floating)
        what = "a real scalar"
    is_right = _is_number(value) and any(
        jnp.issubdtype(jnp.asarray(value).dtype, kind) for kind in kinds
    )
    if not is_right:
        raise TypeError(f"{name} must be {what}; got {show(value)}.")
    if np.shape(value) != ():
        raise ValueError(f"{name} must be {what}; got the shape {np.shape(value)}.")
    return jnp.asarray(value, dtype)
