"""What an author of an environment gets wrong is said by name, with no word of JAX's
internals; and so is what a policy or a population gets wrong."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from jaxtyping import Array, Float, Int32

from eqenvs import (
    AbstractEnvironment,
    AbstractState,
    CartPole,
    evaluate,
    population_rollout,
    rollout,
    spaces,
    Transition,
    VectorEnvironment,
)
from eqenvs.fields import time_limit
from eqenvs.wrappers import StickyAction


pytestmark = pytest.mark.usefixtures("unchecked")


class Place(AbstractState):
    x: Float[Array, ""]
    time: Int32[Array, ""]


def walk(**changes):
    """An environment that an author wrote, with some of it changed."""
    namespace = {
        "initial_state": lambda self, key: Place(jnp.zeros(()), jnp.int32(0)),
        "transition": lambda self, key, state, action: Transition(
            Place(state.x + 1, state.time + 1), state.x
        ),
        "observe": lambda self, state: state.x,
        "action_space": property(lambda self: spaces.Discrete(2)),
        "observation_space": property(lambda self: spaces.Box(-100, 100)),
        "max_steps": time_limit(5),
        "__annotations__": {"max_steps": Int32[Array, ""]},
    }
    return type("Walk", (AbstractEnvironment,), namespace | changes)


def step(env):
    _, state = env.reset(jr.key(0))
    return env.step(jr.key(1), state, 0)


def after(state):
    return Place(state.x + 1, state.time + 1)


def test_what_is_right_is_taken():
    assert step(walk()()).reward == 0
    # Python numbers for the leaves of a state are fine.
    start = walk(initial_state=lambda self, key: Place(0.0, jnp.int32(0)))()
    assert step(start).state.time.dtype == jnp.int32
    numbers = walk(
        transition=lambda self, key, state, action: (Place(1.5, jnp.int32(3)), 1)
    )()
    assert step(numbers).state.x == 1.5 and step(
        numbers
    ).reward.dtype == jnp.result_type(float)


RETURNED = {
    "one value": (after, "must return an `eqenvs.Transition.*got a Place"),
    "nothing": (lambda s: None, "must return an `eqenvs.Transition.*got None"),
    "one in a tuple": (lambda s: (after(s),), "got a tuple of 1"),
    "five": (lambda s: (after(s), 0.0, False, False, {}), "got a tuple of 5"),
    "observation first": (
        lambda s: (s.x, 0.0, False, {}),
        r"must return a Place as its state; got an array of shape \(\)",
    ),
    "a dtype drifts": (
        lambda s: (Place(s.x.astype(jnp.int32), s.time + 1), 0.0),
        r"`state\.x` of Walk.*`transition`.*dtype float(32|64); got int32",
    ),
    "a shape drifts": (
        lambda s: (Place(jnp.ones(2), s.time + 1), 0.0),
        r"`state\.x` of Walk.*`transition`.*shape \(\); got \(2,\)",
    ),
    "a leaf is missing": (
        lambda s: (Place(None, s.time + 1), 0.0),
        r"`state\.x` of Walk.*`transition`.* is missing",
    ),
    "a leaf is a string": (
        lambda s: (Place("a", s.time + 1), 0.0),
        r"`state\.x` of Walk.*`transition`.* must be an array; got 'a'",
    ),
    "info is a list": (lambda s: (after(s), 0.0, False, [1]), "dictionary; got"),
    "info has a string": (
        lambda s: (after(s), 0.0, False, {"a": {"b": "c"}}),
        r"`info\['a'\]\['b'\]` of Walk's transition must be an array; got 'c'",
    ),
    "final_observation": (
        lambda s: (after(s), 0.0, False, {"final_observation": s.x}),
        "must not have the entry 'final_observation'",
    ),
    "no reward": (lambda s: (after(s), None), "reward of Walk.*real scalar; got None"),
    "a string of reward": (lambda s: (after(s), "a"), "reward of Walk.*; got 'a'"),
    "complex reward": (lambda s: (after(s), 1j), "reward of Walk.*; got 1j"),
    "many rewards": (lambda s: (after(s), jnp.ones(2)), r"reward of.*got.*\(2,\)"),
    "terminated is a number": (
        lambda s: (after(s), 0.0, s.x),
        "terminated of Walk.*boolean scalar; got an array of .* float(32|64)",
    ),
    "terminated is None": (lambda s: (after(s), 0.0, None), "terminated of.*got None"),
    "terminated many times": (
        lambda s: (after(s), 0.0, jnp.zeros(2, bool)),
        r"terminated of Walk.*boolean scalar; got the shape \(2,\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RETURNED)
def test_what_transition_returns(name):
    function, message = RETURNED[name]
    env = walk(transition=lambda self, key, state, action: function(state))()
    with pytest.raises((TypeError, ValueError), match=message):
        step(env)


CHANGED = {
    "no state": (
        {"initial_state": lambda self, key: jnp.zeros(3)},
        r"`initial_state` of Walk must return an `eqenvs.AbstractState`; got an array",
    ),
    "a state without time": (
        {"initial_state": lambda self, key: eqx.nn.Identity()},
        r"`initial_state` of Walk must return an `eqenvs.AbstractState`; got a Ident",
    ),
    "time is a float": (
        {"initial_state": lambda self, key: Place(jnp.zeros(()), jnp.zeros(()))},
        r"`state\.time` of Walk.*int32 scalar.*got an array of .*float(32|64)",
    ),
    "many times": (
        {"initial_state": lambda self, key: Place(0.0, jnp.zeros(3, jnp.int32))},
        r"`state\.time` of Walk.*int32 scalar.*got an array of shape \(3,\)",
    ),
    "a string in a state": (
        {"initial_state": lambda self, key: Place("a", jnp.int32(0))},
        r"`state\.x` of Walk.*`initial_state`.* must be an array; got 'a'",
    ),
    "a wrong next episode": (
        {"next_initial_state": lambda self, key, state: state.x},
        "`next_initial_state` of Walk must return a Place as its state; got an array",
    ),
    "another next episode": (
        {
            "next_initial_state": lambda self, key, state: Place(
                jnp.zeros(3), state.time
            )
        },
        r"`state\.x` of Walk.*`next_initial_state`.*shape \(\); got \(3,\)",
    ),
    "a number of observation": (
        {"observe": lambda self, state: 1.0},
        "`observation` of Walk.*`observe`.* array of dtype float(32|64); got 1.0.*Box",
    ),
    "an observation of another shape": (
        {"observe": lambda self, state: jnp.ones(3)},
        r"`observation` of Walk.*`observe`.*shape \(\); got \(3,\).*Box",
    ),
    "an observation of another dtype": (
        {"observe": lambda self, state: state.time},
        "`observation` of Walk.*`observe`.*dtype float(32|64); got int32.*Box",
    ),
    "an observation of another structure": (
        {"observe": lambda self, state: {"x": state.x}},
        "observation of Walk.*`observe`.*structure.*got.*'x'.*Box",
    ),
    "an observation with another name": (
        {
            "observe": lambda self, state: {"x": state.x, "z": state.x},
            "observation_space": property(
                lambda self: spaces.Dict(
                    {"x": spaces.Box(-100, 100), "y": spaces.Box(-100, 100)}
                )
            ),
        },
        r"`observation\['y'\]` of Walk.*`observe`.* is missing",
    ),
    "no observation space": (
        {"observation_space": property(lambda self: None)},
        "`observation_space` of Walk must be one of `eqenvs.spaces`; got None",
    ),
    "an action space that is a method": (
        {"action_space": lambda self: spaces.Discrete(2)},
        "`action_space` of Walk must be one of .*Is it a property",
    ),
    "truncated is a number": (
        {"truncated": lambda self, state: state.x},
        "what `truncated` of Walk returns must be a boolean scalar; got.*float(32|64)",
    ),
    "truncated many times": (
        {"truncated": lambda self, state: jnp.zeros(2, bool)},
        r"what `truncated` of Walk returns.*boolean scalar; got the shape \(2,\)",
    ),
    "truncated says nothing": (
        {"truncated": lambda self, state: None},
        "what `truncated` of Walk returns must be a boolean scalar; got None",
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_else_an_author_writes(name):
    changes, message = CHANGED[name]
    with pytest.raises((TypeError, ValueError), match=message):
        step(walk(**changes)())


@pytest.mark.parametrize("limit", [10.0, "10", None, [10], {}])
def test_a_time_limit_that_is_none(limit):
    with pytest.raises(TypeError, match=r"Walk\.max_steps must be a time limit.*got"):
        walk(max_steps=limit, __annotations__={"max_steps": int})


def test_a_batch_is_not_one_environment():
    worlds = eqx.filter_vmap(CartPole)(jnp.arange(1.0, 4.0))
    _, state = CartPole().reset(jr.key(0))
    message = r"is a batch of 3 environments.*VectorEnvironment\(env, 3\)"
    for env in (
        worlds,
        StickyAction(worlds),
        eqx.tree_at(lambda env: env.gravity, CartPole(), jnp.arange(3.0)),
    ):
        with pytest.raises(ValueError, match=message):
            env.reset(jr.key(0))
    with pytest.raises(ValueError, match=message):
        worlds.step(jr.key(0), state, 1)
    with pytest.raises(ValueError, match=message):
        worlds.advance(jr.key(0), state, 1)
    with pytest.raises(ValueError, match=r"`gravity` of CartPole .*num_envs=2; got"):
        evaluate(worlds, None, 0, 2)
    with pytest.raises(TypeError, match=r"StickyAction\.env must be an environment"):
        StickyAction(VectorEnvironment(CartPole(), 3))


def test_a_wrapper_of_different_worlds():
    """Lane by lane the same as a wrapper of one world."""
    worlds = eqx.filter_vmap(CartPole)(jnp.array([1.0, 9.8, 20.0]))
    envs = VectorEnvironment(StickyAction(worlds), 3)
    _, states = envs.reset(jr.key(0))
    result = envs.step(jr.key(1), states, jnp.zeros(3, jnp.int32))
    lane = jax.tree.map(lambda x: x[2], states)
    alone = StickyAction(CartPole(20.0)).step(
        jr.fold_in(jr.key(1), 2), lane, jnp.int32(0)
    )
    assert jnp.allclose(result.observation[2], alone.observation, rtol=1e-5)


def test_observing_something_else():
    _, state = CartPole().reset(jr.key(0))
    with pytest.raises(ValueError, match=r"`states\.x` .*num_envs=3; got the shape"):
        VectorEnvironment(CartPole(), 3).observe(state)


CARRIES = {
    "no carry": (lambda carry: 0, "must return `.action, carry.`; got"),
    "another shape": (
        lambda carry: (0, jnp.zeros(3)),
        r"float..\[2\]; got float(32|64)\[3",
    ),
    "another structure": (lambda carry: (0, {"a": carry}), r"float..\[2\]; got .'a'"),
    "another dtype": (lambda carry: (0, carry > 0), r"float..\[2\]; got bool\[2\]"),
}


@pytest.mark.parametrize("name", CARRIES)
def test_the_carry_of_a_policy(name):
    function, message = CARRIES[name]

    class Policy(eqx.Module):
        weight: Array

        def __call__(self, key, observation, carry):
            return function(carry)

    start, one, three = jnp.zeros(2), Policy(jnp.zeros(())), Policy(jnp.zeros(3))
    with pytest.raises(TypeError, match=message):
        rollout(CartPole(), one, 0, num_steps=2, initial_carry=start)
    with pytest.raises(TypeError, match=message):
        evaluate(CartPole(), one, 0, 2, initial_carry=start)
    with pytest.raises(TypeError, match=message):
        population_rollout(CartPole(), three, 0, num_steps=2, initial_carry=start)


def test_a_population_of_no_size():
    class Policy(eqx.Module):
        weight: Array
        bias: Array

        def __call__(self, key, observation):
            return jnp.int32(0)

    for policies in (
        Policy(jnp.zeros(2), jnp.zeros(3)),
        Policy(jnp.zeros(2), jnp.zeros(())),
    ):
        with pytest.raises(ValueError, match="leading axis for the members of the pop"):
            population_rollout(CartPole(), policies, 0, num_steps=2)


def test_states_without_a_trajectory():
    match = r"states=True .* store must be True; got"
    with pytest.raises(ValueError, match=match):
        rollout(CartPole(), None, 0, store=False, states=True)
    policies = jax.tree_util.Partial(lambda bias, key, observation: 0, jnp.zeros(2))
    with pytest.raises(ValueError, match=match):
        population_rollout(CartPole(), policies, 0, states=True)


def test_actions_that_are_too_large_for_a_number():
    """The nearest element of the space, whatever the size: no wrapping around."""
    from eqenvs import Pendulum

    env = Pendulum()
    _, state = env.reset(jr.key(0))
    expected = env.step(jr.key(1), state, 2.0)
    for action in (2**31, 2**32 + 1, 2**40, 10**400, 1e30):
        assert eqx.tree_equal(env.step(jr.key(1), state, action), expected)
    expected = env.step(jr.key(1), state, -2.0)
    for action in (-(2**31) - 1, -(2**32), -(10**400)):
        assert eqx.tree_equal(env.step(jr.key(1), state, action), expected)
