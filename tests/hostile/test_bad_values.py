"""Every bad value is refused where it is given, by a message that names the argument,
what is allowed and what was given.

The values are made from the descriptions of fields and spaces, so that a new
environment, wrapper or algorithm is tried without a line here.
"""

import inspect
import re
import warnings

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import eqenvs
import eqenvs.agents
import eqenvs.wrappers
from eqenvs import CartPole, spaces, VectorEnvironment
from eqenvs._parametric import AbstractParametric, described_fields

from ..examples import example
from .values import bad_counts, bad_elements, bad_keys, bad_values


pytestmark = pytest.mark.usefixtures("unchecked")
tried = {"refused": 0}


@pytest.fixture(scope="module", autouse=True)
def _count():
    yield
    print(f"\n{tried['refused']} bad inputs were refused.")


def refuse(call, *names, given=None):
    """Calls, and fails unless that is refused by a message that has these names in it,
    says what is allowed, and what was given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, about what was given
        try:
            result = call()
        except (TypeError, ValueError) as error:
            message = str(error)
        else:
            raise AssertionError(f"was taken: {result!r}")
    for name in names:
        assert re.search(name, message), message
    assert "got" in message or repr(given) in message, message
    assert re.search(r"must|takes|has no|cannot|there is no", message), message
    assert "racer" not in message, message  # no internals of JAX's
    tried["refused"] += 1


def described_classes():
    """Every class of described fields that a user can make."""
    found, waiting = [], [AbstractParametric]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        is_concrete = not cls.__name__.lstrip("_").startswith("Abstract")
        is_adapter = cls.__module__.startswith("eqenvs.adapters.")
        if is_concrete and cls.__module__.startswith("eqenvs.") and not is_adapter:
            found.append(cls)
    return sorted(found, key=lambda cls: cls.__qualname__)


def good_value(parameter):
    """A value of a field that has no default."""
    match type(parameter).__name__:
        case "_Instance" if "environment" in parameter.allowed:
            return CartPole()
        case "_Instance":
            return spaces.Box(-1.0, 1.0, (4,))
        case "_Function":
            return jnp.negative
        case "_Count":
            return max(parameter.minimum, 3)
        case "_Real" | "_Integer":
            shape = [2 if size is None else size for size in parameter.shape]
            return np.full(shape, parameter.minimum or 1)
    raise NotImplementedError(f"no value for {parameter.name}")


def required(cls):
    """The arguments of a constructor that have no default, or need a data set."""
    if cls is eqenvs.MNISTBandit:
        return {"images": np.zeros((2, 4, 4), np.uint8), "labels": np.array([0, 9])}
    if cls is eqenvs.wrappers.StartFrom:
        keys = jr.split(jr.key(0), 2)
        return {"env": CartPole(), "states": jax.vmap(CartPole().reset)(keys)[1]}
    if cls is eqenvs.wrappers.DrawnEnvironment:
        return {"sample": lambda key: CartPole(gravity=jr.uniform(key))}
    parameters = inspect.signature(cls).parameters
    if cls is eqenvs.wrappers.RescaleAction:
        return {"env": eqenvs.Pendulum()}
    if cls is eqenvs.wrappers.DiscretizeAction:
        return {"env": eqenvs.Pendulum(), "num_bins": 3}
    if cls is eqenvs.wrappers.PixelObservation:
        return {"env": CartPole(), "size": 8}
    return {
        name: good_value(field.parameter)
        for name, field in described_fields(cls).items()
        if name in parameters and parameters[name].default is inspect.Parameter.empty
    }


@pytest.mark.parametrize("cls", described_classes(), ids=lambda cls: cls.__name__)
def test_fields(cls):
    others, parameters = required(cls), inspect.signature(cls).parameters
    for name, field in described_fields(cls).items():
        if name not in parameters:
            continue
        for value in bad_values(field.parameter):
            if value is None and parameters[name].default is None:
                continue
            is_bound = cls is eqenvs.wrappers.RescaleAction and name != "env"
            is_number = isinstance(value, float | np.ndarray) and np.ndim(value) == 0
            if is_bound and is_number and value == 1:
                continue  # It takes one number for all.
            refuse(
                lambda name=name, value=value: cls(**{**others, name: value}),
                rf"{cls.__name__}\.{name}",
            )
    refuse(lambda: cls(**others, nonsense=1), cls.__name__, given="nonsense")


@pytest.mark.parametrize("id", eqenvs.registered())
def test_names_that_make_knows(id):
    cls = eqenvs.spec(id).factory
    for name, field in described_fields(cls).items():
        if name in inspect.signature(cls).parameters:
            value = bad_values(field.parameter)[1]
            refuse(lambda n=name, v=value: example(id, **{n: v}), rf"\.{name}")
    refuse(lambda: eqenvs.make(id, nonsense=1), id, given="nonsense")


# Spaces.


SPACES = {
    "Discrete": spaces.Discrete(3),
    "MultiDiscrete": spaces.MultiDiscrete((2, 3)),
    "Box": spaces.Box(-1.0, 1.0, (2,)),
    "scalar Box": spaces.Box(-1.0, 1.0),
    "integer Box": spaces.Box(-3, 3, (2,), jnp.int32),
    "boolean Box": spaces.Box(False, True, (2,), bool),
    "Tuple": spaces.Tuple((spaces.Discrete(2), spaces.Box(0.0, 1.0, (2,)))),
    "Dict": spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(0.0, 1.0)}),
}


@pytest.mark.parametrize("name", SPACES)
def test_elements_of_spaces(name):
    space = SPACES[name]
    for value in bad_elements(space, numbers=False):
        refuse(lambda v=value: space.check(v, "my_value"), "my_value")
    for key in bad_keys():
        refuse(lambda k=key: space.sample(k), rf"{type(space).__name__}\.sample")


def test_making_spaces():
    for size in bad_counts():
        refuse(lambda n=size: spaces.Discrete(n), r"Discrete\.n")
        refuse(lambda n=size: spaces.MultiDiscrete((2, n)), r"MultiDiscrete\.nvec\[1\]")
        is_vector = isinstance(size, list) or np.shape(size) == (1,)
        if not is_vector:
            refuse(lambda n=size: spaces.MultiDiscrete(n), r"MultiDiscrete\.nvec")
        refuse(
            lambda n=size: spaces.Tuple((spaces.Discrete(2), n)), r"Tuple\.spaces\[1\]"
        )
        refuse(lambda n=size: spaces.Dict({"a": n}), r"Dict\.spaces\['a'\]")
        if not isinstance(size, tuple | list):
            refuse(lambda n=size: spaces.Tuple(n), r"Tuple\.spaces")
        if not isinstance(size, tuple | list) and size is not None:
            refuse(lambda n=size: spaces.Box(0, 1, n), r"Box\.shape")
        if not isinstance(size, dict):
            refuse(lambda n=size: spaces.Dict(n), r"Dict\.spaces")
    numbers = ["a", "", None, 1j, object(), int, {}, [[1], [1, 2]], jr.key(0), np.nan]
    for bound in numbers:
        for dtype in (float, jnp.int32, jnp.uint8, bool):
            refuse(lambda b=bound, d=dtype: spaces.Box(b, 1, (), d), r"Box\.low")
            refuse(lambda b=bound, d=dtype: spaces.Box(0, b, (), d), r"Box\.high")
    for dtype in (jnp.int8, jnp.uint8, jnp.int16, jnp.uint16, jnp.int32, jnp.uint32):
        low, high = int(jnp.iinfo(dtype).min), int(jnp.iinfo(dtype).max)
        for bad in (low - 1, -np.inf, low + 0.5, -(10**30)):
            refuse(lambda b=bad, d=dtype: spaces.Box(b, 5, (), d), r"Box\.low")
        for bad in (high + 1, np.inf, high - 0.5, 10**30):
            refuse(lambda b=bad, d=dtype: spaces.Box(0, b, (), d), r"Box\.high")
    for dtype in (
        complex,
        "nonsense",
        str,
        object,
        5,
        "datetime64[s]",
        jr.key(0).dtype,
    ):
        refuse(lambda d=dtype: spaces.Box(0, 1, (), d), r"Box\.dtype")
    for low, high in ((1, 0), (0.5, 0.4), ([0, 2], [1, 1]), (np.inf, np.inf)):
        refuse(lambda a=low, b=high: spaces.Box(a, b), r"Box\.low")


# The loop.


def some_state(env):
    """A state of the right shapes, without compiling anything."""
    _, state = jax.eval_shape(env.reset, jr.key(0))
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), state)


@pytest.mark.parametrize("id", eqenvs.registered())
def test_actions_and_states(id):
    env = example(id)
    state, action = some_state(env), env.action_space.sample(jr.key(0))
    for bad in bad_elements(env.action_space):
        refuse(lambda bad=bad: env.step(jr.key(0), state, bad), "action")
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        name = jax.tree_util.keystr(path)
        for bad in (leaf[None], leaf.astype(jnp.int8), "x", 0.5):
            wrong = jax.tree_util.tree_map_with_path(
                lambda p, x, path=path, bad=bad: bad if p == path else x, state
            )
            refuse(
                lambda s=wrong: env.step(jr.key(0), s, action),
                re.escape(f"state{name}"),
            )
    for bad in (None, 3, "state", (), {}, action):
        refuse(lambda s=bad: env.step(jr.key(0), s, action), "state of", "State")


def zero(action):
    return jnp.int32(0)


@pytest.mark.parametrize("name", SPACES)
def test_actions_of_every_space(name):
    env = eqenvs.wrappers.TransformAction(CartPole(), zero, SPACES[name])
    state = some_state(env)
    for bad in bad_elements(SPACES[name]):
        refuse(lambda bad=bad: env.step(jr.key(0), state, bad), "action")


def test_keys_of_the_loop():
    env, envs = CartPole(), VectorEnvironment(CartPole(), 2)
    state = some_state(env)
    states = some_state(envs)
    for key in bad_keys():
        refuse(lambda k=key: env.reset(k), "reset")
        refuse(lambda k=key: env.step(k, state, 0), "step")
        refuse(lambda k=key: env.advance(k, state, 0), "advance")
        refuse(lambda k=key: envs.reset(k), "reset")
        refuse(lambda k=key: envs.step(k, states, np.zeros(2, np.int32)), "step")
        refuse(lambda k=key: envs.sample_actions(k), "sample_actions")
    for key in bad_keys(takes_seeds=True):
        refuse(lambda k=key: eqenvs.evaluate(env, None, k, 2), "key|seed")
        refuse(lambda k=key: eqenvs.rollout(env, None, k, num_steps=2), "key|seed")


def test_arguments_of_whole_runs():
    env = CartPole()
    for bad in bad_counts():
        refuse(lambda n=bad: VectorEnvironment(env, n), "num_envs")
        refuse(lambda n=bad: eqenvs.evaluate(env, None, 0, n), "num_episodes")
        if bad is not None:
            refuse(lambda n=bad: eqenvs.rollout(env, None, 0, num_steps=n), "num_steps")
            refuse(lambda n=bad: eqenvs.rollout(env, None, 0, num_envs=n), "num_envs")
    for bad in ("no", 1, 0, None, [], 1.0):
        refuse(lambda x=bad: eqenvs.rollout(env, None, 0, store=x), "store")
        refuse(lambda x=bad: eqenvs.rollout(env, None, 0, states=x), "states")
    envs = VectorEnvironment(env, 2)
    for bad in (None, 3, "CartPole-v1", CartPole, envs, jnp.zeros(3), {}):
        refuse(lambda x=bad: eqenvs.rollout(x, None, 0), "env")
        refuse(lambda x=bad: eqenvs.evaluate(x, None, 0, 2), "env")
        refuse(lambda x=bad: eqenvs.population_rollout(x, None, 0), "env")
        refuse(lambda x=bad: VectorEnvironment(x, 2), "env")
    one, three = (lambda observation: 0), (lambda key, observation, carry: (0, carry))
    for bad in (3, "policy", [], jnp.zeros(2), one, three):
        refuse(lambda x=bad: eqenvs.rollout(env, x, 0), "policy")
        refuse(lambda x=bad: eqenvs.evaluate(env, x, 0, 2), "policy")
    for bad in ("a", object(), {"x": "a"}, [int]):
        refuse(
            lambda x=bad: eqenvs.rollout(env, three, 0, initial_carry=x),
            "initial_carry",
        )


# Registry and configurations.


def test_registry():
    for bad in ("", None, 5, b"CartPole-v1", [], ()):
        refuse(lambda x=bad: eqenvs.register(x, CartPole), "id")
    for bad in (None, 5, "", "no colon", "a:b:c", int, eqenvs.AbstractState, []):
        refuse(lambda x=bad: eqenvs.register("Hostile-v0", x), "entry point")
    for bad in ("", None, 5, "CartPol-v1", "nonsense", [], {}):
        refuse(lambda x=bad: eqenvs.make(x), "id", given=bad)
        refuse(lambda x=bad: eqenvs.spec(x), "id", given=bad)


def test_configurations():
    for bad in (None, 5, "eqenvs:CartPole", {}, {"class": 5}, [], CartPole, object()):
        refuse(lambda x=bad: eqenvs.from_config(x), "configuration")
        refuse(lambda x=bad: eqenvs.to_config(x), "to_config")
    for bad in ("os:getcwd", "eqenvs", "eqenvs:", "eqenvs:Nothing", "nothing:X", ""):
        refuse(lambda x=bad: eqenvs.from_config({"class": x}), "class", given=bad)
    config = eqenvs.to_config(CartPole())
    for name, field in described_fields(CartPole).items():
        for bad in bad_values(field.parameter):
            is_list = isinstance(bad, list) and bad == [1, 2]
            if is_list or isinstance(bad, np.ndarray | jax.Array):
                continue  # as a batch has it
            refuse(
                lambda n=name, x=bad: eqenvs.from_config({**config, n: x}),
                rf"CartPole\.{name}",
            )
    refuse(
        lambda: eqenvs.from_config({**config, "gravty": 9.8}), "gravity", given="gravty"
    )
