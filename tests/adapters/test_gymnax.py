"""gymnax: there and back again, bit for bit; and its own environments here."""

import equinox as eqx
import gymnax
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import eqenvs
from eqenvs import CartPole, FrozenLake, Pendulum, StickyAction
from eqenvs.adapters import from_gymnax, to_gymnax


ENVIRONMENTS = [CartPole(max_steps=4), Pendulum(max_steps=4), FrozenLake(max_steps=4)]


@pytest.mark.parametrize("env", ENVIRONMENTS, ids=lambda env: type(env).__name__)
class TestThere:
    def test_six_values(self, env):
        adapter, params = to_gymnax(env)
        observation, state = adapter.reset(jr.key(0), params)
        expected_observation, expected = env.reset(jr.key(0))
        assert eqx.tree_equal((observation, state), (expected_observation, expected))
        for t in range(9):
            action = env.action_space.sample(jr.key(t))
            values = adapter.step(jr.key(t), state, action, params)
            step = env.step(jr.key(t), state, action)
            assert eqx.tree_equal(values[:5], tuple(step[:5]))
            assert values[5]["terminated"] == step.terminated
            assert values[5]["truncated"] == step.truncated
            assert values[5]["discount"] == 1 - step.terminated
            state = values[1]

    def test_five_values(self, env):
        adapter, params = to_gymnax(env, num_values=5)
        _, state = adapter.reset(jr.key(0), params)
        done = [False]
        for t in range(4):
            action = adapter.action_space(params).sample(jr.key(t))
            _, state, _, d, info = adapter.step(jr.key(t), state, action, params)
            done.append(bool(d))
            assert "final_observation" in info
        assert any(done)

    def test_and_back_again(self, env):
        back = from_gymnax(*to_gymnax(env))
        _, x = env.reset(jr.key(0))
        _, y = back.reset(jr.key(0))
        for t in range(9):
            action = env.action_space.sample(jr.key(t))
            first = env.step(jr.key(t), x, action)
            second = back.step(jr.key(t), y, action)
            for name in ("observation", "reward", "terminated", "truncated"):
                np.testing.assert_array_equal(
                    getattr(first, name), getattr(second, name)
                )
            x, y = first.state, second.state
            assert eqx.tree_equal(x, y.inner)


class TestParameters:
    def test_read_and_replaced(self):
        adapter, params = to_gymnax(CartPole())
        assert params.gravity == jnp.array(9.8) and params.max_steps_in_episode == 500
        changed = params.replace(gravity=3.0, max_steps_in_episode=2)
        assert changed.env.gravity == 3 and changed.env.max_steps == 2
        assert changed.env.max_steps.dtype == jnp.int32
        with pytest.raises(TypeError, match="no parameter 'gravty'"):
            params.replace(gravty=1)
        assert adapter.default_params.env is not None

    def test_values_that_are_not_allowed(self):
        _, params = to_gymnax(CartPole())
        for values, message in (
            ({"max_steps_in_episode": 0}, r"CartPole\.max_steps_in_episode must be"),
            ({"max_steps_in_episode": np.int64(2**32 + 500)}, "fit 32 bits"),
            ({"max_steps": 0}, r"CartPole\.max_steps must be .*; got 0"),
            ({"gravity": float("nan")}, "CartPole.gravity must be .*; got nan"),
            ({"cart_mass": -1.0}, "CartPole.cart_mass must be .*; got -1"),
        ):
            with pytest.raises(ValueError, match=message):
                params.replace(**values)
        _, params = to_gymnax(StickyAction(CartPole()))
        with pytest.raises(TypeError, match="no parameter 'max_steps_in_episode'"):
            params.replace(max_steps_in_episode=3)

    def test_mapped_over_as_in_gymnax(self):
        adapter, params = to_gymnax(CartPole())
        gravities = jnp.array([1.0, 20.0])
        _, state = adapter.reset(jr.key(0), params)

        def step(gravity):
            changed = params.replace(gravity=gravity)
            return adapter.step(jr.key(1), state, 1, changed)[0]

        observations = jax.vmap(step)(gravities)
        assert observations.shape == (2, 4)
        assert (observations[0] != observations[1]).any()

    def test_a_program_in_gymnaxs_style(self):
        adapter, params = to_gymnax(CartPole())

        @jax.jit
        def rollout(key):
            observation, state = adapter.reset(key, params)

            def body(carry, key):
                observation, state = carry
                action = adapter.action_space(params).sample(key)
                observation, state, reward, *_ = adapter.step(
                    key, state, action, params
                )
                return (observation, state), reward

            return jax.lax.scan(body, (observation, state), jr.split(key, 20))[1]

        assert rollout(jr.key(0)).sum() == 20
        assert adapter.num_actions == 2 and adapter.name == "CartPole"
        assert adapter.observation_space(params).shape == (4,)

    def test_mistakes(self, unchecked):
        with pytest.raises(TypeError, match="env must be an environment; got"):
            to_gymnax(CartPole)
        with pytest.raises(ValueError, match="5 or 6; got 4"):
            to_gymnax(CartPole(), num_values=4)
        with pytest.raises(TypeError, match="environment of gymnax; got"):
            from_gymnax(CartPole())


@pytest.mark.parametrize(
    "id",
    ["CartPole-v1", "Catch-bsuite", "FourRooms-misc", "BernoulliBandit-misc"],
)
def test_gymnaxs_environments_here(id):
    theirs, params = gymnax.make(id)
    env = from_gymnax(theirs, params)
    assert env.max_steps == params.max_steps_in_episode
    envs = eqenvs.VectorEnvironment(env, 3)
    observations, states = envs.reset(jr.key(0))
    assert envs.observation_space.contains(observations)
    for t in range(3):
        actions = envs.sample_actions(jr.key(t))
        step = envs.step(jr.key(t), states, actions)
        lane_keys = jax.vmap(lambda i, t=t: jr.fold_in(jr.key(t), i))(jnp.arange(3))
        # gymnax wants JAX's own keys for some of its environments.
        expected = jax.vmap(theirs.step_env, (0, 0, 0, None))(
            lane_keys, states.inner, actions, env._params
        )
        np.testing.assert_allclose(step.reward, expected[2], rtol=1e-6)
        np.testing.assert_allclose(
            step.info["final_observation"], expected[0], rtol=1e-6, atol=1e-6
        )
        states = step.state
