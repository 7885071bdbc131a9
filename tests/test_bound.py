"""Methods can be given to whatever takes a function, and be copied and pickled."""

import copy
import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

import eqenvs
from eqenvs import CartPole, VectorEnvironment
from eqenvs._bound import AbstractValue


def start():
    env = CartPole()
    return env, env.reset(jr.key(0))[1]


def test_pmap():
    env, state = start()
    keys = jr.split(jr.key(0), 1)
    observations, _ = jax.pmap(env.reset)(keys)
    assert observations.shape == (1, 4)
    states = jax.tree.map(lambda x: x[None], state)
    steps = jax.pmap(env.step)(keys, states, jnp.zeros(1, jnp.int32))
    expected = env.step(keys[0], state, 0)
    assert jnp.allclose(steps.observation[0], expected.observation, rtol=1e-6)


def test_a_method_compiles_once():
    env, state = start()
    count = 0

    @jax.jit
    def play(key):
        nonlocal count
        count += 1
        return env.step(key, state, 0).reward

    compiled = jax.jit(env.observe)
    for seed in range(3):
        play(jr.key(seed))
        jax.jit(env.observe)(state)
        compiled(state)
    assert count == 1 and compiled._cache_size() == 1


def pickled(x):
    return pickle.loads(pickle.dumps(x))


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickled])
def test_copies(again):
    env, state = start()
    step = again(env.step)(jr.key(1), state, 1)
    assert eqx.tree_equal(step, env.step(jr.key(1), state, 1))
    for value in (
        env,
        VectorEnvironment(env, 2),
        env.action_space,
        env.observation_space,
        state,
        step,
    ):
        assert eqx.tree_equal(again(value), value)
    key = again(eqenvs.random.key(3))
    assert (jr.bits(key) == jr.bits(eqenvs.random.key(3))).all()


class Doubler(AbstractValue):
    def double(self, number, times=1):
        if times == 2:
            return number + None  # a mistake inside, with its own message
        return 2 * number


@pytest.mark.parametrize(
    "args, kwargs, got",
    [
        ((), {}, "0 positional arguments"),
        ((1, 2, 3), {}, "3 positional arguments"),
        ((), {"seed": 0}, "the keyword 'seed'"),
        ((1,), {"number": 1}, "1 positional argument, the keyword 'number'"),
    ],
)
def test_wrong_arguments_are_named(args, kwargs, got):
    with pytest.raises(TypeError) as caught:
        Doubler().double(*args, **kwargs)
    assert str(caught.value) == f"`Doubler.double` takes (number, times=1); got {got}."
    with pytest.raises(TypeError, match="unsupported operand"):
        Doubler().double(1, times=2)
