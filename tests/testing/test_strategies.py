import contextlib

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings, strategies as st

from eqenvs import Acrobot, CartPole, FourRooms, Pendulum
from eqenvs.spaces import Box, Dict, Discrete, MultiDiscrete, Tuple
from eqenvs.testing.strategies import actions, elements, parameters, states
from eqenvs.wrappers import StickyAction


ENV = CartPole()
SPACE = Dict(
    {
        "a": Tuple([Discrete(3), MultiDiscrete((2, 5))]),
        "b": Box(jnp.array([-1.0, -jnp.inf]), jnp.array([1.0, 3.0])),
        "c": Box(-2, 7, (2, 2), jnp.int32),
        "d": Box(False, True, (3,), bool),
        "e": Box(0.0, 1.0, (9, 9)),
    }
)


@settings(max_examples=20)
@given(elements(SPACE))
def test_elements(value):
    assert SPACE.contains(value)
    SPACE.check(value)


@settings(max_examples=20)
@given(actions(Pendulum()))
def test_actions(action):
    assert Pendulum().action_space.contains(action)


def test_actions_on_the_bounds():
    seen = set()

    @settings(max_examples=200)
    @given(actions(Pendulum()))
    def collect(action):
        seen.add(float(action[0]))

    collect()
    assert {-2.0, 2.0} & seen and len(seen) > 20


def test_states():
    times = []

    @settings(max_examples=25)
    @given(states(ENV, max_steps=9))
    def collect(state):
        times.append(int(state.time))
        ENV.step(jax.random.key(0), state, 0)  # which checks that it is a state
        assert not ENV.truncated(state)

    collect()
    assert len(set(times)) > 4 and max(times) <= 9


@pytest.mark.parametrize("cls", [CartPole, Acrobot, Pendulum, FourRooms])
def test_parameters(cls):
    seen = []

    @settings(max_examples=40)
    @given(parameters(cls))
    def collect(values):
        with contextlib.suppress(ValueError):  # a combination that is not allowed
            seen.append(cls(**values))

    collect()
    assert len({repr(env) for env in seen}) > 3


def test_given_parameters():
    with pytest.raises(TypeError, match="must be given 'env'"):
        parameters(StickyAction)

    @settings(max_examples=5)
    @given(parameters(StickyAction, env=ENV), st.booleans())
    def collect(values, _):
        env = StickyAction(**values)
        assert env.env is ENV and 0 <= env.probability <= 1

    collect()
