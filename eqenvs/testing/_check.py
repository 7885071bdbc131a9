"""Checks that an environment keeps the contract, and the report of those that fail."""

import dataclasses
import io
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jax.interpreters import partial_eval

from .._config import from_config, to_config
from .._environment import AbstractEnvironment, AbstractState
from .._vector import VectorEnvironment
from ..spaces import AbstractSpace
from ._probe import difference, Probe, struct, trace, Walk, walk


class Problem(NamedTuple):
    """Something that is wrong with an environment.

    - `check`: the name of the check that found it, one of `CHECKS`.
    - `message`: the finding, as a sentence.
    """

    check: str
    message: str


class EnvironmentCheckError(AssertionError):
    """An environment does not keep the contract.

    - `problems`: everything that is wrong with it.
    - `skipped`: the checks that could not run because of these problems.
    """

    def __init__(self, name: str, problems: list[Problem], skipped: list[str]):
        self.problems = tuple(problems)
        self.skipped = tuple(skipped)
        lines = [f"{name} does not keep the contract of an environment:"]
        lines += [f"- {problem.check}: {problem.message}" for problem in problems]
        if skipped:
            lines.append(f"Not checked as a result: {', '.join(skipped)}.")
        super().__init__("\n".join(lines))


def check_environment(env: AbstractEnvironment, *, key: Any = 0) -> None:
    """Checks that an environment keeps the contract: traces its code, and plays it for
    a few steps.

    ```python
    def test_my_environment():
        check_environment(MyEnvironment())
    ```

    **Arguments:**

    - `env`: the environment.
    - `key`: a JAX PRNG key or a seed for the steps that are played.

    **Raises:**

    `EnvironmentCheckError` with a list of everything that is wrong; `TypeError` if
    `env` is not an environment.
    """
    problems, skipped = find_problems(Probe(env, key))
    if problems:
        raise EnvironmentCheckError(type(env).__name__, problems, skipped)


def find_problems(
    probe: Probe, checks: Collection[str] | None = None
) -> tuple[list[Problem], list[str]]:
    """Everything that is wrong with an environment.

    **Arguments:**

    - `probe`: the environment, as `Probe(env)`.
    - `checks`: the names of the checks to run; by default, all of `CHECKS`.

    **Returns:**

    The problems, and the names of the checks that could not run because of them.
    """
    problems: list[Problem] = []
    skipped: list[str] = []
    failed: set[str] = set()
    for name, check in CHECKS.items():
        if checks is not None and name not in checks:
            continue
        if failed & set(check.after):
            skipped.append(name)
            failed.add(name)
            continue
        found = check.problems(probe)
        problems += [Problem(name, message) for message in found]
        if found:
            failed.add(name)
    return problems, skipped


class Check(NamedTuple):
    """One check.

    - `function`: finds the problems, and yields a sentence for each.
    - `after`: the names of the checks that must pass first.
    """

    function: Callable[[Probe], Iterator[str]]
    after: tuple[str, ...]

    def problems(self, probe: Probe) -> list[str]:
        """The problems, as sentences."""
        found: list[str] = []
        try:
            found.extend(self.function(probe))
        except Exception as error:  # An author's code may raise anything.
            found.append(_in_short(error))
        return found


CHECKS: dict[str, Check] = {}


def _check(*after: str) -> Callable[[Any], Any]:
    def add(function: Any) -> Any:
        CHECKS[function.__name__.strip("_").replace("_", " ")] = Check(function, after)
        return function

    return add


def _in_short(error: BaseException) -> str:
    """An exception, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # JAX explains its errors at length.
    text = " ".join(lines[:3])
    if len(text) > 400:
        text = text[:397] + "..."
    return f"{type(error).__name__}: {text}"


# The author's functions, checked without running them.


@_check()
def _fields(probe: Probe) -> Iterator[str]:
    """Parameters that are numbers are array leaves."""
    for path, leaf in jtu.tree_leaves_with_path(probe.env):
        if not eqx.is_array(leaf):
            yield (
                f"`{jtu.keystr(path)[1:]}` is {leaf!r}, which is not an array. The "
                "functions of `eqenvs.fields` turn numbers into arrays; a field that "
                "decides a shape or chooses between pieces of code must be static."
            )
    for field in dataclasses.fields(probe.env):
        value = getattr(probe.env, field.name)
        if field.metadata.get("static", False) and isinstance(value, float):
            yield (
                f"`{field.name}` is a real number in a static field, so every new "
                "value recompiles. `eqenvs.fields.real` makes it an array."
            )


@eqx.filter_jit
def _sample(space: AbstractSpace, key: Any) -> Any:
    sample = space.sample(key)
    return sample, space.contains(sample)


@eqx.filter_jit
def _samples(space: AbstractSpace, keys: Any) -> Any:
    return jax.vmap(lambda key: space.sample(key))(keys)


@_check()
def _spaces(probe: Probe) -> Iterator[str]:
    """Both spaces are spaces, and contain their own samples."""
    for name in ("action_space", "observation_space"):
        space = getattr(probe.env, name)
        if not isinstance(space, AbstractSpace):
            yield f"`{name}` must be a space from `eqenvs.spaces`; it is {space!r}."
            continue
        sample, is_inside = _sample(space, probe.sub_key(0))
        space.check(sample, f"a sample of `{name}`")
        if not is_inside:
            yield f"`{name}`, {space}, does not contain its own sample {sample}."


@_check()
def _initial_state(probe: Probe) -> Iterator[str]:
    """`initial_state` returns a state, made of arrays."""

    def start(key: Any) -> Any:
        # The time is read here, where the state has arrays.
        state = probe.env.initial_state(key)
        return state, state.time if isinstance(state, AbstractState) else None

    state, time = eqx.filter_eval_shape(start, jr.key(0))
    if not isinstance(state, AbstractState):
        yield (
            "`initial_state` must return an `eqenvs.AbstractState`; it returned a "
            f"{type(state).__name__}."
        )
        return
    for path, leaf in jtu.tree_leaves_with_path(state):
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            yield (
                f"`{jtu.keystr(path)[1:]}` of the state is {leaf!r}, which is not an "
                "array."
            )
    if isinstance(time, jax.ShapeDtypeStruct) and (
        time.shape != () or time.dtype != jnp.int32
    ):
        yield (
            f"`time` of the state must be an int32 scalar; it is {time.dtype} of shape "
            f"{time.shape}."
        )


@_check("spaces", "initial state")
def _observation(probe: Probe) -> Iterator[str]:
    """Observations have the structure of the observation space."""
    env = probe.env
    observation = eqx.filter_eval_shape(
        lambda key: env.observe(env.initial_state(key)), jr.key(0)
    )
    expected = jax.eval_shape(env.observation_space.sample, jr.key(0))
    yield from _unlike(observation, expected, "the observation", "observation_space")


def _unlike(given: Any, expected: Any, name: str, space: str) -> Iterator[str]:
    if jtu.tree_structure(given) != jtu.tree_structure(expected):
        yield (
            f"{name} must have the structure of {space}, "
            f"{jtu.tree_structure(expected)}; it has {jtu.tree_structure(given)}."
        )
        return
    pairs = zip(
        jtu.tree_leaves_with_path(given), jax.tree.leaves(expected), strict=True
    )
    for (path, x), y in pairs:
        where = f"{name}{jtu.keystr(path)}"
        if not isinstance(x, jax.ShapeDtypeStruct):
            yield f"{where} must be an array; it is {x!r}."
        elif x.shape != y.shape or x.dtype != y.dtype:
            yield (
                f"{where} must be {y.dtype} of shape {y.shape}, like {space}; it is "
                f"{x.dtype} of shape {x.shape}."
            )


def _transition_struct(probe: Probe) -> tuple[Any, Any]:
    """A state and the transition from it, as shapes and dtypes."""
    env = probe.env
    key = jr.key(0)
    state = jax.eval_shape(env.initial_state, key)
    action = jax.eval_shape(env.action_space.sample, key)
    is_named = None

    def take(key: Any, state: Any, action: Any) -> Any:
        nonlocal is_named
        result = env.transition(key, state, action)
        is_named = isinstance(result, tuple)
        return result if not is_named else tuple(result)

    return state, eqx.filter_eval_shape(take, key, state, action)


@_check("spaces", "initial state")
def _transition(probe: Probe) -> Iterator[str]:
    """`transition` returns a state like the previous one."""
    state, result = _transition_struct(probe)
    if not isinstance(result, tuple) or not 2 <= len(result) <= 4:
        yield (
            "`transition` must return an `eqenvs.Transition(state, reward, terminated, "
            f"info)`; it returned {type(result).__name__}."
        )
        return
    if type(result[0]) is not type(state):
        yield (
            f"`transition` must return a {type(state).__name__} as its state; it "
            f"returned a {type(result[0]).__name__}."
        )
        return
    yield from _unlike(result[0], state, "the next state", "the previous state")


@_check("transition")
def _reward(probe: Probe) -> Iterator[str]:
    """Reward and `terminated` are scalars."""
    _, result = _transition_struct(probe)
    for name, value, kinds in (
        ("reward", result[1], "fiub"),
        ("terminated", (*result, False)[2] if len(result) != 2 else False, "b"),
    ):
        is_plain = isinstance(value, bool | int | float)
        shape = np.shape(value) if is_plain else getattr(value, "shape", None)
        dtype = np.asarray(value).dtype if is_plain else getattr(value, "dtype", None)
        is_fine = shape == () and dtype is not None
        if not is_fine or np.dtype(dtype).kind not in kinds:  # pyright: ignore
            what = "a number" if name == "reward" else "a boolean"
            yield (
                f"the {name} of a transition must be {what} of shape (); it is "
                f"{value if shape is None else f'{dtype} of shape {shape}'}."
            )


@_check("transition")
def _info(probe: Probe) -> Iterator[str]:
    """`info` is a dictionary of arrays."""
    _, result = _transition_struct(probe)
    info = result[3] if len(result) == 4 else {}
    if not isinstance(info, dict):
        yield f"the info of a transition must be a dictionary; it is {info!r}."
        return
    if "final_observation" in info:
        yield "`info` must not have the entry 'final_observation', which `step` adds."
    for path, leaf in jtu.tree_leaves_with_path(info):
        is_number = isinstance(leaf, jax.ShapeDtypeStruct | bool | int | float)
        if not is_number:
            yield f"info{jtu.keystr(path)} must be an array; it is {leaf!r}."


@_check("observation", "transition", "reward", "info")
def _weak_types(probe: Probe) -> Iterator[str]:
    """Every array has a definite dtype."""
    env = probe.env
    state, (_, *rest) = _transition_struct(probe)
    parts = {
        "the observation": jax.eval_shape(env.observe, state),
        "info": rest[2] if len(rest) == 3 else {},
    }
    for name, part in parts.items():
        for path, leaf in jtu.tree_leaves_with_path(part):
            if getattr(leaf, "weak_type", True):
                yield (
                    f"{name}{jtu.keystr(path)} is weakly typed, like a Python number: "
                    "it may come from `jnp.where(x, 1.0, 0.0)`. Give it a dtype."
                )


@_check("observation", "transition", "reward", "info")
def _promotion(probe: Probe) -> Iterator[str]:
    """The code mixes neither dtypes nor ranks."""
    for name, context in (
        ("dtypes", jax.numpy_dtype_promotion("strict")),
        ("ranks", jax.numpy_rank_promotion("raise")),
    ):
        with context:
            try:
                trace(probe.env)
            except Exception as error:
                yield f"with strict promotion of {name}, {_in_short(error)}"


@_check("observation", "transition", "reward", "info")
def _precision(probe: Probe) -> Iterator[str]:
    """All of this also holds in the other precision."""
    is_64 = jnp.result_type(float) == jnp.float64
    words = "32-bit" if is_64 else "64-bit"
    with jax.enable_x64(not is_64):
        env = jax.tree.map(
            lambda x: x.astype(float) if eqx.is_inexact_array(x) else x, probe.env
        )
        other = Probe(env, jr.key(0))
        for name in ("initial state", "observation", "transition", "reward", "info"):
            found = CHECKS[name].problems(other)
            yield from (f"with {words} numbers, {message}" for message in found)
            if found:
                return


@_check("observation", "transition", "reward", "info")
def _hidden_state(probe: Probe) -> Iterator[str]:
    """Tracing the code again gives the same program."""
    again = trace(probe.env)
    for name, first in probe.traced.items():
        if _text(first) != _text(again[name]):
            yield (
                f"`{name}` becomes a different program each time it is traced: it "
                "reads or writes something besides its arguments, such as "
                "`numpy.random`, the clock or an attribute."
            )


def _text(expression: Any) -> str:
    """A JAX expression as text, with the constants that it closes over, and without the
    addresses of Python objects."""
    numbers = [
        np.asarray(jr.key_data(x) if _is_key(x) else x).tobytes().hex()
        for x in expression.consts
    ]
    return re.sub(r"0x[0-9a-f]+", "", str(expression.jaxpr)) + " ".join(numbers)


def _is_key(x: Any) -> bool:
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


@_check("hidden state")
def _leaks(probe: Probe) -> Iterator[str]:
    """No traced value outlives the trace."""
    with jax.checking_leaks():
        try:
            trace(probe.env)
        except Exception as error:
            if "leak" not in str(error).lower():
                raise
            yield f"a traced value was kept: {_in_short(error)}"


@_check("hidden state")
def _own_keys(probe: Probe) -> Iterator[str]:
    """All randomness comes from the given key."""
    for name, expression in probe.traced.items():
        jaxpr = expression.jaxpr
        needed, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
        makes = "random_seed" in _primitives(needed)
        used = {id(v) for equation in needed.eqns for v in equation.invars}
        keeps = any(_is_key(v.aval) and id(v) in used for v in needed.constvars)
        if makes or keeps:
            yield (
                f"`{name}` makes a key of its own, so it draws the same numbers every "
                "time. Draw from `key`."
            )


def _primitives(jaxpr: Any) -> set[str]:
    names: set[str] = set()
    for equation in jaxpr.eqns:
        names.add(equation.primitive.name)
        for value in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns")
        ):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                names |= _primitives(inner)
    return names


# The environment at play.


@_check("fields", "observation", "transition", "reward", "info", "hidden state")
def _runs(probe: Probe) -> Iterator[str]:
    """`reset` and `step` can be compiled and run."""
    jax.block_until_ready((probe.reset, probe.step))
    jax.block_until_ready(probe.walk[0])
    yield from ()


@_check("runs", "weak types")
def _structure(probe: Probe) -> Iterator[str]:
    """Shapes and dtypes are the same at every step."""
    step = probe.step
    observation, state = probe.reset
    second = probe.env.step(probe.sub_key(5), step.state, probe.action)
    for name, x, y in (
        ("the observations of `reset` and `step`", observation, step.observation),
        (
            "the observation and the final observation",
            observation,
            step.info["final_observation"],
        ),
        ("the states of `reset` and `step`", state, step.state),
        ("what two steps return", step, second),
    ):
        if struct(x) != struct(y):
            yield f"{name} have different structures: {struct(x)} and {struct(y)}."
    real = jnp.result_type(float)
    for name, x, dtype in (
        ("reward", step.reward, real),
        ("terminated", step.terminated, jnp.bool_),
        ("truncated", step.truncated, jnp.bool_),
    ):
        if x.shape != () or x.dtype != dtype:
            yield f"`{name}` must be a {dtype} scalar; it is {x.dtype}{x.shape}."
    leaves = jax.tree.leaves((observation, state))  # of which a key has no weak type
    if any(getattr(x, "weak_type", False) for x in leaves):
        yield "the observation or the state is weakly typed."


@_check("runs")
def _actions(probe: Probe) -> Iterator[str]:
    """The action space contains its samples."""
    if not probe.walk[1].actions_inside.all():
        yield f"{probe.env.action_space} does not contain all of its own samples."


@_check("runs")
def _observations(probe: Probe) -> Iterator[str]:
    """The observation space contains the observations."""
    env, seen = probe.env, probe.walk[1]
    if not seen.observations_inside.all():
        outside = np.argwhere(~np.asarray(seen.observations_inside))[0]
        final = seen.step.info["final_observation"]
        observation, after = (
            jax.tree.map(lambda x: np.asarray(x[tuple(outside)]), tree)
            for tree in (seen.observations, final)
        )
        yield (
            f"some observations are outside {env.observation_space}, such as "
            f"{observation} or {after}."
        )
    pairs = zip(
        jax.tree.leaves(seen.observations),
        jax.tree.leaves(jax.eval_shape(env.observation_space.sample, jr.key(0))),
        strict=True,
    )
    for observation, expected in pairs:
        shape = observation.shape[2:]
        if shape != expected.shape or observation.dtype != expected.dtype:
            yield (
                f"an observation is {observation.dtype}{shape}, but samples of the "
                f"space are {expected.dtype}{expected.shape}."
            )
    env.observation_space.check(jax.tree.map(lambda x: x[0, 0], seen.observations))


@_check("runs")
def _numbers(probe: Probe) -> Iterator[str]:
    """Rewards and observations are never NaN."""
    seen = probe.walk[1]
    for name, tree in (
        ("rewards", seen.step.reward),
        ("observations", (seen.observations, seen.step.info["final_observation"])),
    ):
        leaves = [x for x in jax.tree.leaves(tree) if eqx.is_inexact_array(x)]
        if any(bool(jnp.isnan(x).any()) for x in leaves):
            yield f"some {name} of a random walk are NaN."


@_check("runs")
def _clock(probe: Probe) -> Iterator[str]:
    """`time` starts at 0 and grows by 1."""
    if (start := int(probe.reset[1].time)) != 0:
        yield f"`time` must be 0 in the state that `reset` returns; it is {start}."
    step = probe.walk[1].step
    time = np.asarray(step.state.time)
    ended = np.asarray(step.terminated | step.truncated)
    before = np.concatenate([np.full_like(time[:1], start), time[:-1]])
    if not np.all(time[ended] == 0):
        yield "`time` must be 0 in the states that `next_initial_state` returns."
    elif not np.all((time == before + 1)[~ended]):
        yield "`transition` must add 1 to `time`."


@_check("clock")
def _time_limit(probe: Probe) -> Iterator[str]:
    """Episodes are truncated at the time limit."""
    step = probe.walk[1].step
    truncated = np.asarray(step.truncated)
    ended = np.asarray(step.terminated) | truncated
    time = np.zeros(probe.walk_lanes, int)
    for t in range(probe.walk_steps):
        time += 1
        if not np.array_equal(truncated[t], time >= probe.time_limit):
            yield (
                f"with a time limit of {probe.time_limit} steps, `truncated` is "
                f"{truncated[t]} after {time} steps."
            )
            return
        time[ended[t]] = 0
        if not np.array_equal(step.state.time[t], time):
            yield f"`time` is {step.state.time[t]} and should be {time}."
            return


@_check("runs")
def _observe(probe: Probe) -> Iterator[str]:
    """`observe` is a function of the state."""
    step = probe.walk[1].step
    env = probe.short
    observe = jax.jit(jax.vmap(jax.vmap(lambda state: env.observe(state))))
    first = observe(step.state)
    if found := difference(first, observe(step.state)):
        yield f"two observations of the same state differ: {found}."
    elif found := difference(first, step.observation, exact=False):
        yield (
            f"the observation of a step is not that of the state it returns: {found}."
        )


@_check("observe")
def _automatic_reset(probe: Probe) -> Iterator[str]:
    """When an episode has ended, `step` starts the next one."""
    seen: Walk = probe.walk[1]
    step = seen.step
    if found := difference(
        jax.tree.map(lambda x: x[:-1], step.observation),
        jax.tree.map(lambda x: x[1:], seen.observations),
    ):
        yield f"a step does not continue from the end of the previous one: {found}."
    same = ~np.asarray(step.terminated | step.truncated)
    final = step.info["final_observation"]
    found = difference(
        jax.tree.map(lambda x: x[same], step.observation),
        jax.tree.map(lambda x: x[same], final),
        exact=False,
    )
    if found:
        yield f"within an episode, observation and final observation differ: {found}."


@_check("clock", "automatic reset")
def _final_observation(probe: Probe) -> Iterator[str]:
    """`step` returns what `transition` followed by `observe` returns."""
    env = eqx.tree_at(lambda env: env.max_steps, probe.short, jnp.int32(1))
    _, state = env.reset(probe.sub_key(0))
    step = env.step(probe.sub_key(2), state, probe.action)

    @eqx.filter_jit
    def by_hand(env: Any, key: Any, state: Any, action: Any) -> Any:
        state, reward, terminated = (*env.transition(key, state, action), False)[:3]
        reward, terminated = jnp.asarray(reward, float), jnp.asarray(terminated, bool)
        return env.observe(state), reward, terminated, state.time

    *expected, time = by_hand(env, probe.sub_key(2), state, probe.action)
    got = [step.info["final_observation"], step.reward, step.terminated]
    for name, x, y in zip(
        ("final observation", "reward", "terminated"), got, expected, strict=True
    ):
        if found := difference(x, y, exact=False):
            yield f"`step` and `transition` disagree about the {name}: {found}."
    if not step.truncated or step.state.time != 0 or time != 1:
        yield "an episode of one step must be truncated, and the next one must begin."


@_check("observe")
def _keys(probe: Probe) -> Iterator[str]:
    """The same key gives the same results, and any kind of key works."""
    env, key, state = probe.env, probe.sub_key(2), probe.reset[1]
    for name, x, y in (
        ("steps", probe.step, env.step(key, state, probe.action)),
        ("resets", probe.reset, env.reset(probe.sub_key(0))),
    ):
        if found := difference(x, y):
            yield f"two {name} with the same key differ: {found}."
            return
    args = (probe.sub_key(3), probe.walk_lanes, probe.walk_steps)
    if found := difference(probe.walk, walk(probe.short, *args)):
        yield f"two random walks with the same key differ: {found}."

    def play(env: Any, words: Any, state: Any, action: Any, impl: str | None) -> Any:
        key = words if impl is None else jr.wrap_key_data(words, impl=impl)
        return env.reset(key), env.step(key, state, action)

    program: Any = eqx.filter_jit(play)
    for impl in ("threefry2x32", "rbg"):
        key = jr.key(2, impl=impl)
        if impl == "threefry2x32" and key.dtype != jr.key(0).dtype:
            continue  # Two words are a raw key of JAX's default implementation.
        args = (env, jr.key_data(key), state, probe.action)
        typed, raw = program.lower(*args, impl), program.lower(*args, None)
        # Two equal programs need not run.
        if typed.as_text() != raw.as_text():
            first, second = typed.compile()(*args, impl), raw.compile()(*args, None)
            if found := difference(first, second):
                yield f"a typed key and its raw words give different results: {found}."
    for impl in ("rbg", "unsafe_rbg"):
        key = jr.key(0, impl=impl)
        reset = jax.eval_shape(env.reset, key)
        step = jax.eval_shape(env.step, key, state, probe.action)
        if struct(reset) != struct(probe.reset) or struct(step) != struct(probe.step):
            yield f"a key of the kind {impl!r} gives different shapes or dtypes."


@_check("keys")
def _transformations(probe: Probe) -> Iterator[str]:
    """`jit` and `vmap` change nothing."""
    env, state, action = probe.env, probe.reset[1], probe.action
    keys = jr.split(probe.sub_key(4), 3)
    stacked = jax.tree.map(lambda x: jnp.stack([x] * 3), (state, action))
    mapped = jax.vmap(env.step)(keys, *stacked)
    for i in range(3):
        one = env.step(keys[i], state, action)
        lane = jax.tree.map(lambda x, i=i: x[i], mapped)
        if found := difference(lane, one, exact=False):
            yield f"`jax.vmap(env.step)` and `env.step` differ: {found}."
            break
    args = (probe.sub_key(2), state, action)
    for name, compiled in (
        ("eqx.filter_jit(env.step)", eqx.filter_jit(env.step)),
        ("jax.jit(env.step)", jax.jit(env.step)),
    ):
        if found := difference(compiled(*args), probe.step, exact=False):
            yield f"`{name}` and `env.step` differ: {found}."
    # If the parameters are constants, the compiler may round differently.
    compiled = jax.jit(env.reset)(probe.sub_key(0))
    if found := difference(compiled[1], probe.reset[1], exact=False):
        yield f"`jax.jit(env.reset)` and `env.reset` differ: {found}."


@_check("keys", "clock")
def _lanes(probe: Probe) -> Iterator[str]:
    """A lane of `VectorEnvironment` is the environment alone, bit for bit."""
    env, num_envs = probe.short, probe.num_lanes
    envs = VectorEnvironment(env, num_envs)
    lanes = jnp.arange(num_envs)

    @eqx.filter_jit
    def by_hand(env: Any, key: Any, states: Any, actions: Any) -> Any:
        keys = jax.vmap(lambda lane: jr.fold_in(key, lane))(lanes)
        return jax.vmap(env.step)(keys, states, actions)

    @eqx.filter_jit
    def reset_by_hand(env: Any, key: Any) -> Any:
        return jax.vmap(lambda lane: env.reset(jr.fold_in(key, lane)))(lanes)

    observations, states = envs.reset(probe.sub_key(0))
    expected = reset_by_hand(env, probe.sub_key(0))
    if found := difference((observations, states), expected):
        yield f"`VectorEnvironment.reset` and its lanes' resets differ: {found}."
        return
    # Some lanes are about to end: more and more of them, and finally all.
    steps = [n for n in (0, 1, 127, 128, 129, 299) if n < num_envs] + [num_envs, 5]
    for t, about_to_end in enumerate(steps):
        time = jnp.where(
            lanes < about_to_end, jnp.int32(probe.time_limit - 1), jnp.int32(2)
        )
        states = with_time(states, time)
        actions = _samples(env.action_space, jr.split(probe.sub_key(100 + t), num_envs))
        step = envs.step(probe.sub_key(t), states, actions)
        expected = by_hand(env, probe.sub_key(t), states, actions)
        ended = step.terminated | step.truncated
        if ended.sum() < min(about_to_end, num_envs):
            yield "a lane does not end at its time limit."
            return
        if found := difference(step, expected):
            yield f"`VectorEnvironment.step` and its lanes' steps differ: {found}."
            return
        states = step.state


def with_time(state: Any, time: Any) -> Any:
    """A state with a different time, wherever its clock is."""
    inner = state
    path = []
    while "time" not in inner.__dataclass_fields__:
        inner = inner.inner
        path.append("inner")

    def clock(state: Any) -> Any:
        for name in path:
            state = getattr(state, name)
        return state.time

    return eqx.tree_at(clock, state, time)


@_check("transformations", "clock")
def _batches(probe: Probe) -> Iterator[str]:
    """Every lane can have its own parameters."""
    state, action = probe.reset[1], probe.action
    limits = jnp.array([1, 2, 3], dtype=jnp.int32)

    def limited(limit: Any) -> Any:
        return eqx.tree_at(lambda env: env.max_steps, probe.short, limit)

    envs = eqx.filter_vmap(limited)(limits)
    expected = [True, False, False]
    in_axes = (eqx.if_array(0), None, None, None)
    step = eqx.filter_vmap(lambda env, *args: env.step(*args), in_axes=in_axes)(
        envs, probe.sub_key(2), state, action
    )
    if step.truncated.tolist() != expected:
        yield f"`eqx.filter_vmap` over max_steps={limits}: truncated={step.truncated}."
    vector = VectorEnvironment(envs, 3)
    _, states = vector.reset(probe.sub_key(0))
    actions = jax.tree.map(lambda x: jnp.stack([x] * 3), action)
    step = vector.step(probe.sub_key(1), states, actions)
    if step.truncated.tolist() != expected:
        yield f"`VectorEnvironment` of max_steps={limits}: truncated={step.truncated}."
    lane_key = jr.fold_in(probe.sub_key(1), 1)
    second = jax.tree.map(lambda x: x[1], states)
    found = difference(
        jax.tree.map(lambda x: x[1], step),
        limited(jnp.int32(2)).step(lane_key, second, action),
        exact=False,
    )
    if found:
        yield f"a lane of a batch and the same environment alone differ: {found}."


@_check("runs")
def _recompilation(probe: Probe) -> Iterator[str]:
    """New values do not recompile."""
    env, state, action = probe.env, probe.reset[1], probe.action
    count = 0

    def traced(env: Any, key: Any, state: Any, action: Any) -> Any:
        nonlocal count
        count += 1
        return env.step(key, state, action)

    step: Any = eqx.filter_jit(traced)
    step.lower(env, probe.sub_key(0), state, action)
    leaves, structure = jtu.tree_flatten(env)
    for i, leaf in enumerate(leaves):
        if jnp.issubdtype(leaf.dtype, jnp.number):
            changed = [x * 2 if i == j else x for j, x in enumerate(leaves)]
            other = jtu.tree_unflatten(structure, changed)
            step.lower(other, probe.sub_key(1), state, action)
    step.lower(env, probe.sub_key(1), probe.step.state, action)
    if count != 1:
        yield (
            "new values of the fields or of the state caused "
            f"{count - 1} recompilations."
        )


@_check("runs")
def _gradients(probe: Probe) -> Iterator[str]:
    """Gradients are finite."""
    env, state, action = probe.env, probe.reset[1], probe.action

    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(inputs: Any) -> Any:
        env, state = inputs
        step = env.step(probe.sub_key(2), state, action)
        floats = [
            jnp.sum(x)
            for x in jax.tree.leaves((step.observation, step.reward))
            if jnp.issubdtype(x.dtype, jnp.floating)
        ]
        return sum(floats, jnp.zeros(()))

    gradients = gradient((env, state))
    for path, x in jtu.tree_leaves_with_path(gradients):
        if not np.isfinite(x).all():
            name = "state" if path[0] == jtu.SequenceKey(1) else "env"
            yield (
                "the gradient of the observation and the reward with respect to "
                f"`{name}{jtu.keystr(path[1:])}` is not finite."
            )


# The environment as a value.


@_check("fields")
def _pytree(probe: Probe) -> Iterator[str]:
    """The environment can be flattened, rebuilt, written and read."""
    env = probe.env
    leaves, structure = jtu.tree_flatten(env)
    if not eqx.tree_equal(env, jtu.tree_unflatten(structure, leaves)):
        yield "`jax.tree.unflatten` of its own leaves gives a different environment."
        return
    changed = [x + x.dtype.type(1) if x.dtype == np.int32 else x for x in leaves]
    changed = jtu.tree_unflatten(structure, changed)
    buffer = io.BytesIO()
    eqx.tree_serialise_leaves(buffer, changed)
    buffer.seek(0)
    if not eqx.tree_equal(eqx.tree_deserialise_leaves(buffer, env), changed):
        yield "`eqx.tree_serialise_leaves` writes a different environment."


@_check("fields")
def _configuration(probe: Probe) -> Iterator[str]:
    """`to_config` describes the whole environment.

    An environment with a function that cannot be imported has no configuration.
    """
    try:
        config = to_config(probe.env)
    except (TypeError, ValueError):
        return
    again = from_config(config)
    if not eqx.tree_equal(again, probe.env):
        yield f"`from_config(to_config(env))` is a different environment: {again!r}."
