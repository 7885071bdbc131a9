"""`VectorEnvironment`: its law is in test_conformance.py; here is the rest."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array, Float, Int32

import eqenvs
from eqenvs import (
    AbstractEnvironment,
    CartPole,
    Pendulum,
    Transition,
    VectorEnvironment,
)
from eqenvs.environments.classic_control.cartpole import CartPoleState
from eqenvs.fields import real, time_limit
from eqenvs.spaces import Box, Discrete, Tuple

from .trees import assert_close, assert_equal


NUM_ENVS = 300  # resets are made in chunks of 64 lanes


def by_hand(env, key, states, actions):
    keys = jax.vmap(lambda lane: jr.fold_in(key, lane))(jnp.arange(NUM_ENVS))
    return jax.vmap(env.step)(keys, states, actions)


def states_of_which_end(env, num_ending):
    """States in which the time limit ends that many episodes at the next step."""
    _, states = VectorEnvironment(env, NUM_ENVS).reset(jr.key(0))
    lanes = jr.permutation(jr.key(1), NUM_ENVS)
    time = jnp.where(lanes < num_ending, env.max_steps - 1, 0)
    return eqx.tree_at(lambda s: s.time, states, time)


@pytest.mark.parametrize("num_ending", [0, 1, 127, 128, 129, 256, 257, 299, 300])
def test_any_number_of_lanes_may_end(num_ending):
    env = CartPole()
    states = states_of_which_end(env, num_ending)
    actions = jnp.zeros(NUM_ENVS, jnp.int32)
    step = VectorEnvironment(env, NUM_ENVS).step(jr.key(2), states, actions)
    assert step.truncated.sum() == num_ending
    assert_equal(step, by_hand(env, jr.key(2), states, actions))


@pytest.mark.parametrize("num_envs", [1, 2, 128, 129])
def test_few_lanes(num_envs):
    env = CartPole(max_steps=1)
    envs = VectorEnvironment(env, num_envs)
    _, states = envs.reset(jr.key(0))
    actions = jnp.zeros(num_envs, jnp.int32)
    step = envs.step(jr.key(1), states, actions)
    keys = jax.vmap(lambda lane: jr.fold_in(jr.key(1), lane))(jnp.arange(num_envs))
    assert_equal(step, jax.vmap(env.step)(keys, states, actions))
    assert step.truncated.all()


def test_under_vmap():
    env = CartPole()
    envs = VectorEnvironment(env, NUM_ENVS)
    states = states_of_which_end(env, 140)
    actions = jnp.zeros(NUM_ENVS, jnp.int32)
    keys = jr.split(jr.key(3), 3)
    steps = jax.jit(jax.vmap(lambda key: envs.step(key, states, actions)))(keys)
    for i in range(3):
        assert_close(
            jax.tree.map(lambda x, i=i: x[i], steps),
            envs.step(keys[i], states, actions),
        )


def test_under_vmap_over_parameters():
    gravities = jnp.array([5.0, 9.8, 20.0])
    states = states_of_which_end(CartPole(), 140)
    actions = jnp.zeros(NUM_ENVS, jnp.int32)

    @eqx.filter_jit
    @eqx.filter_vmap
    def step(gravity):
        envs = VectorEnvironment(CartPole(gravity=gravity), NUM_ENVS)
        return envs.step(jr.key(3), states, actions)

    steps = step(gravities)
    for i in range(3):
        alone = VectorEnvironment(CartPole(gravity=gravities[i]), NUM_ENVS)
        assert_close(
            jax.tree.map(lambda x, i=i: x[i], steps),
            alone.step(jr.key(3), states, actions),
        )


def test_every_lane_its_own_parameters():
    bounds = jnp.linspace(0.01, 0.9, NUM_ENVS)
    env = eqx.filter_vmap(lambda b: CartPole(initial_bound=b))(bounds)
    envs = VectorEnvironment(env, NUM_ENVS)
    assert envs.is_batched
    assert envs.observation_space.low.shape == (NUM_ENVS, 4)
    states = states_of_which_end(CartPole(), 270)
    actions = jnp.zeros(NUM_ENVS, jnp.int32)
    step = envs.step(jr.key(4), states, actions)
    keys = jax.vmap(lambda lane: jr.fold_in(jr.key(4), lane))(jnp.arange(NUM_ENVS))
    expected = eqx.filter_vmap(CartPole.step)(env, keys, states, actions)
    assert_equal(step, expected)
    assert jnp.abs(step.state.x).max() > 0.2


def test_gradients_flow_through_steps_and_resets():
    """Forwards and backwards, and the same as through `jax.vmap(env.step)`."""
    states = states_of_which_end(CartPole(), 140)
    actions = jnp.ones(NUM_ENVS, jnp.int32)

    def total(gravity_and_bound, step):
        gravity, bound = gravity_and_bound
        env = CartPole(gravity=gravity, initial_bound=bound)
        next_states = step(env, jr.key(5), states, actions).state
        return jnp.sum(next_states.theta_dot**2) + jnp.sum(next_states.x)

    def vector_step(env, key, states, actions):
        return VectorEnvironment(env, NUM_ENVS).step(key, states, actions)

    at = (jnp.array(9.8), jnp.array(0.05))
    backwards = jax.jit(jax.grad(lambda p: total(p, vector_step)))(at)
    forwards = jax.jit(jax.jacfwd(lambda p: total(p, vector_step)))(at)
    expected = jax.jit(jax.grad(lambda p: total(p, by_hand)))(at)
    np.testing.assert_allclose(backwards, expected, rtol=1e-5)
    np.testing.assert_allclose(forwards, expected, rtol=1e-5)
    assert all(g != 0 for g in expected)


def test_observe_gives_what_step_gave():
    envs = VectorEnvironment(Pendulum(), NUM_ENVS)
    observations, states = envs.reset(jr.key(0))
    np.testing.assert_array_equal(envs.observe(states), observations)


def test_it_is_a_pytree_and_compiles_once():
    count = 0

    @eqx.filter_jit
    def reset(envs, key):
        nonlocal count
        count += 1
        return envs.reset(key)

    for gravity in (9.8, 3.7):
        reset(VectorEnvironment(CartPole(gravity=gravity), 3), jr.key(0))
    assert count == 1


def test_a_part_of_the_lanes():
    reset = eqx.filter_jit(lambda envs: envs.reset(jr.key(0)))
    _, all_states = reset(VectorEnvironment(CartPole(), 5))
    _, states = reset(VectorEnvironment(CartPole(), 2, first_lane=3))
    assert_equal(states, jax.tree.map(lambda x: x[3:], all_states))


@pytest.mark.parametrize(
    "first_lane, error", [(-1, ValueError), (1.0, TypeError), (True, TypeError)]
)
def test_no_first_lane(first_lane, error):
    with pytest.raises(error, match="first_lane must be"):
        VectorEnvironment(CartPole(), 2, first_lane=first_lane)


def test_mistakes(unchecked):
    env = CartPole()
    for num_envs in (0, -1):
        with pytest.raises(ValueError, match="num_envs must be at least 1; got"):
            VectorEnvironment(env, num_envs)
    for num_envs in (2.0, "2", None, True):
        with pytest.raises(TypeError, match="num_envs must be an integer; got"):
            VectorEnvironment(env, num_envs)
    with pytest.raises(TypeError, match="env must be an environment; got"):
        VectorEnvironment(CartPole, 3)
    batched = eqx.filter_vmap(CartPole)(jnp.arange(4.0))
    with pytest.raises(ValueError, match=r"num_envs=3; .* \(4,\)"):
        VectorEnvironment(batched, 3)

    envs = VectorEnvironment(env, 3)
    _, states = envs.reset(jr.key(0))
    actions = jnp.zeros(3, jnp.int32)
    with pytest.raises(TypeError, match="PRNG key"):
        envs.reset(0)
    with pytest.raises(TypeError, match="PRNG key"):
        envs.step(0, states, actions)
    with pytest.raises(ValueError, match=r"actions.*num_envs=3; got the shape \(4,\)"):
        envs.step(jr.key(0), states, jnp.zeros(4, jnp.int32))
    with pytest.raises(ValueError, match=r"actions.*num_envs=3; got the shape \(\)"):
        envs.step(jr.key(0), states, jnp.int32(1))
    for action, got in ((1, "1"), (0.5, "0.5"), ([0, 1, 0], "a list of 3"), ("a", "'")):
        match = f"actions of CartPole must be arrays .* num_envs=3; got {got}"
        for step in (envs.step, envs.advance):
            with pytest.raises(TypeError, match=match):
                step(jr.key(0), states, action)
    with pytest.raises(ValueError, match=r"got the shape \(1,\)\. .*with one axis for"):
        envs.step(jr.key(0), states, jnp.zeros((3, 1), jnp.int32))
    with pytest.raises(ValueError, match=r"one JAX PRNG key.* keys of shape \(3,\)"):
        envs.step(jr.split(jr.key(0), 3), states, actions)
    with pytest.raises(ValueError, match=r"states\.x.*num_envs=3; got the shape"):
        envs.step(jr.key(0), jax.tree.map(lambda x: x[:2], states), actions)
    with pytest.raises(TypeError, match="Discrete"):
        envs.step(jr.key(0), states, jnp.zeros(3))
    _, other = VectorEnvironment(Pendulum(), 3).reset(jr.key(0))
    with pytest.raises(TypeError, match="must be a CartPoleState; got a PendulumState"):
        envs.step(jr.key(0), other, actions)
    assert eqenvs.VectorEnvironment is VectorEnvironment


def test_more_lanes_than_a_chunk_with_64_bit_numbers(x64):
    env = CartPole(max_steps=3)
    envs = VectorEnvironment(env, NUM_ENVS)
    assert envs.observation_space.dtype == jnp.float64
    states = states_of_which_end(env, 140)
    actions = jnp.zeros(NUM_ENVS, jnp.int32)
    step = envs.step(jr.key(2), states, actions)
    assert step.truncated.sum() == 140 and step.state.time.dtype == jnp.int32
    assert_equal(step, by_hand(env, jr.key(2), states, actions))
    # `evaluate` and `rollout` play as many.
    assert (eqenvs.evaluate(env, None, 0, 129).episode_length == 3).all()
    result = eqenvs.rollout(env, None, 0, num_envs=129, store=False)
    assert result.finished.all() and result.episode_return.dtype == jnp.float64


class Paid(AbstractEnvironment[CartPoleState, Any, Any]):
    """The second part of the action is the reward."""

    highest: Float[Array, ""] = real(1.0, "Highest action.")
    max_steps: Int32[Array, ""] = time_limit(20)

    def initial_state(self, key):
        return CartPole().initial_state(key)

    def transition(self, key, state, action):
        next_state = eqx.tree_at(lambda s: s.time, state, state.time + 1)
        return Transition(next_state, action[1])

    def observe(self, state):
        return state.x

    @property
    def action_space(self):
        return Tuple((Discrete(2), Box(0.0, self.highest, ())))

    @property
    def observation_space(self):
        return Box(-jnp.inf, jnp.inf, ())


def test_numbers_as_actions_of_a_batch_of_bounds():
    envs = VectorEnvironment(Paid(), 3)
    envs = eqx.tree_at(lambda e: e.env.highest, envs, jnp.array([1.0, 2.0, 3.0]))
    _, states = envs.reset(jr.key(0))
    step = envs.step(jr.key(1), states, (np.array([0, 1, 1]), jnp.full(3, 9.0)))
    np.testing.assert_array_equal(step.reward, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"Paid\[0\] must be in Discrete\(2\); got"):
        envs.step(jr.key(1), states, (np.array([0, 2, 1]), jnp.ones(3)))
    torques = eqx.tree_at(lambda e: e.max_torque, Pendulum(), jnp.array([1.0, 2.0]))
    pendulums = VectorEnvironment(torques, 2)
    _, states = pendulums.reset(jr.key(0))
    with pytest.raises(TypeError, match=r"of Pendulum must be in .* dtype int"):
        pendulums.step(jr.key(1), states, np.ones((2, 1), int))
