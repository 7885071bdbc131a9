"""An environment sent out through an adapter and back behaves the same, bit for bit.

What is compared is what the adapters do, and not how a compiler fuses it.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import CartPole, ContinuousMountainCar, FrozenLake

from .trees import assert_same


def test_gymnax():
    pytest.importorskip("gymnax")
    from eqenvs.adapters import from_gymnax, to_gymnax

    for env in (CartPole(), FrozenLake()):
        back = from_gymnax(*to_gymnax(env))
        _, x = env.reset(jr.key(0))
        _, y = back.reset(jr.key(0))
        for t in range(9):
            action = env.action_space.sample(jr.key(t))
            first = env.step(jr.key(t), x, action)
            second = back.step(jr.key(t), y, action)
            assert_same(first[0], second[0])
            assert_same(first[2:5], second[2:5])
            x, y = first.state, second.state


@pytest.mark.parametrize("env", [CartPole(), ContinuousMountainCar()], ids=str)
def test_brax(env):
    """Brax's state carries the key of the next step."""
    pytest.importorskip("brax")
    from eqenvs.adapters import from_brax, to_brax

    back = from_brax(to_brax(env), max_steps=env.max_steps)
    words = jr.PRNGKey(7)
    # One operation after the other: a compiler may round two programs differently.
    with jax.disable_jit():
        now, later = jr.split(words)
        observation, state = env.reset(now)
        other, theirs = back.reset(words)
        assert_same(observation, other)
        for t in range(12):
            now, later = jr.split(later)
            action = env.action_space.sample(jr.key(t))
            numbers = jax.nn.one_hot(action, 2) if isinstance(env, CartPole) else action
            expected = env.advance(now, state, action)
            step = back.advance(jr.key(99), theirs, numbers)
            assert_same(expected.observation, step.observation)
            assert_same(expected[2:5], step[2:5])
            state, theirs = expected.state, step.state


@pytest.mark.parametrize("env", [CartPole(), FrozenLake()], ids=str)
def test_gymnasium(env):
    """Gymnasium's state carries the key of the next step, drawn from its seed."""
    pytest.importorskip("gymnasium")
    from eqenvs.adapters import from_gymnasium, to_gymnasium

    there = to_gymnasium(env)
    back = from_gymnasium(lambda: to_gymnasium(env), max_steps=env.max_steps)
    observation, state = back.reset(jr.key(3))
    expected, _ = there.reset(seed=int(state.seed))
    assert_same(observation, jnp.asarray(expected).astype(observation.dtype))
    for t in range(20):
        action = int(env.action_space.sample(jr.key(t)))
        step = back.advance(jr.key(99), state, action)
        expected, *rest, _ = there.step(action)
        assert_same(step.observation, np.asarray(expected, step.observation.dtype))
        assert_same(step[2:5], jax.tree.map(np.asarray, tuple(rest)))
        state = step.state
        if step.terminated:
            break
