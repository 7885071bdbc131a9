"""Hypothesis strategies for environments: states, actions and parameters.

```python
@given(states(env), actions(env), st.integers(0, 2**32 - 1))
def test_energy_is_conserved(state, action, seed):
    ...
```

They need the extra `testing`: `pip install "eqenvs[testing]"`.
"""

import dataclasses
import math
import random
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from .._environment import AbstractEnvironment
from .._parametric import AbstractParametric, described_fields
from ..fields import AbstractParameter
from ..spaces import AbstractSpace, Box, Dict, Discrete, MultiDiscrete, Tuple


try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(
        "eqenvs.testing.strategies needs the package hypothesis: "
        'pip install "eqenvs[testing]"'
    ) from error


_SEEDS = st.integers(0, 2**32 - 1)
# Larger arrays are drawn from a seed: Hypothesis draws number by number.
_MAX_SIZE = 64


def actions(env: AbstractEnvironment) -> st.SearchStrategy[Any]:
    """Actions of an environment, including those on the bounds of a `Box`.

    **Arguments:**

    - `env`: an environment.

    **Returns:**

    A strategy for elements of `env.action_space`.
    """
    return elements(env.action_space)


def elements(space: AbstractSpace) -> st.SearchStrategy[Any]:
    """Elements of a space.

    **Arguments:**

    - `space`: a space.

    **Returns:**

    A strategy for its elements.
    """
    match space:
        case Discrete():
            return st.integers(0, space.n - 1).map(_quietly(jnp.int32))
        case MultiDiscrete():
            entries = st.tuples(*(st.integers(0, n - 1) for n in space.nvec))
            return entries.map(_quietly(lambda x: jnp.array(x, jnp.int32)))
        case Tuple():
            return st.tuples(*map(elements, space.spaces))
        case Dict():
            named = space.spaces
            return st.fixed_dictionaries(
                {name: elements(named[name]) for name in named}
            )
        case Box() if math.prod(space.shape) <= _MAX_SIZE:
            low, high = (np.asarray(x).ravel() for x in (space.low, space.high))
            entries = st.tuples(*map(_entry, low, high))
            return entries.map(
                _quietly(lambda x: jnp.asarray(np.reshape(x, space.shape), low.dtype))
            )
        case _:
            return _SEEDS.map(_quietly(lambda seed: space.sample(jr.key(seed))))


def _quietly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a function so that it leaves the state of Python's `random` unchanged.
    Compiling and caching a program may draw from it, which Hypothesis objects to."""

    def quiet(*args: Any) -> Any:
        state = random.getstate()
        try:
            return function(*args)
        finally:
            random.setstate(state)

    return quiet


def _entry(low: Any, high: Any) -> st.SearchStrategy[Any]:
    kind = low.dtype.kind
    if kind == "b":
        return st.booleans()
    if kind in "iu":
        return st.integers(int(low), int(high))
    bounds = (float(x) if np.isfinite(x) else None for x in (low, high))
    width = 8 * low.dtype.itemsize
    options = {"width": width, "allow_subnormal": False}
    return st.floats(*bounds, allow_nan=False, allow_infinity=False, **options)


def states(env: AbstractEnvironment, *, max_steps: int = 50) -> st.SearchStrategy[Any]:
    """States that random play reaches.

    **Arguments:**

    - `env`: an environment.
    - `max_steps`: the largest number of steps to play.

    **Returns:**

    A strategy for states of `env`, none of which is the last of an episode.
    """
    return st.builds(
        _quietly(lambda seed, count: _play(env, jr.key(seed), jnp.int32(count))),
        _SEEDS,
        st.integers(0, max_steps),
    )


@eqx.filter_jit
def _play(env: AbstractEnvironment, key: Any, count: Any) -> Any:
    start, key = jr.split(key)

    def step(i: Any, state: Any) -> Any:
        action_key, step_key = jr.split(jr.fold_in(key, i))
        action = env.action_space.sample(action_key)
        return env.step(step_key, state, action).state

    return jax.lax.fori_loop(jnp.int32(0), count, step, env.reset(start)[1])


def parameters(
    cls: type[AbstractParametric], **given: Any
) -> st.SearchStrategy[dict[str, Any]]:
    """Parameters of an environment, as keyword arguments of its class.

    Numbers are within their bounds. Without a bound, a number reaches at most ten times
    the default, or 1 if that is 0. A field that holds an environment, a space or a
    function keeps its default.

    **Arguments:**

    - `cls`: a class with described fields, such as `CartPole`.
    - `**given`: parameters that are not drawn. Those without a default must be given.

    **Returns:**

    A strategy for dictionaries: `CartPole(**parameters)` is an environment, if the
    class allows the combination.

    **Raises:**

    `TypeError` if a parameter without a default is not given.
    """
    strategies: dict[str, Any] = {name: st.just(x) for name, x in given.items()}
    for name, field in described_fields(cls).items():
        if name in strategies:
            continue
        strategy = _values(field.parameter, field.default)
        if strategy is not None:
            strategies[name] = strategy
        elif field.default is dataclasses.MISSING:
            raise TypeError(
                f"parameters({cls.__name__}) must be given {name!r}, which has no "
                "default."
            )
    return st.fixed_dictionaries(strategies)


def _values(parameter: AbstractParameter, default: Any) -> Any:
    """A strategy for the values of a parameter; `None` if it keeps its default."""
    has_default = default is not dataclasses.MISSING and default is not None
    match type(parameter).__name__:
        case "_Flag":
            return st.booleans()
        case "_Choice":
            return st.sampled_from(parameter.options)  # pyright: ignore
        case "_Count":
            low = parameter.minimum  # pyright: ignore
            high = max(low + 3, 2 * int(default) if has_default else 0)  # pyright: ignore
            return st.integers(low, high)
        case "_Real" | "_Integer":
            return _numbers(parameter, default if has_default else None)
        case _:
            return None


def _numbers(parameter: Any, default: Any) -> Any:
    if default is None:
        if None in parameter.shape:
            return st.none() if parameter.optional else None
        default = np.zeros(parameter.shape)
    default = np.asarray(default)
    is_integer = type(parameter).__name__ == "_Integer"
    entries = [_number(parameter, float(x), is_integer) for x in default.ravel()]
    if default.shape == ():
        values = entries[0]
    else:
        values = st.tuples(*entries).map(lambda x: np.reshape(x, default.shape))
    return st.none() | values if parameter.optional else values


def _number(parameter: Any, default: float, is_integer: bool) -> Any:
    reach = 10 * abs(default) if default and np.isfinite(default) else 1.0
    low, high = parameter.minimum, parameter.maximum
    if parameter.above is not None:
        # Far enough above to stay above in every dtype.
        low = max(parameter.above + reach / 1000, -np.inf if low is None else low)
    low = -reach if low is None else low
    high = max(reach, low + reach) if high is None else high
    if is_integer:
        return st.integers(math.ceil(low), math.floor(high))
    return st.floats(float(low), float(high), allow_subnormal=False)
