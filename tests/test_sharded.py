"""Lanes on several devices, in `jax.shard_map` with its own checks: the same numbers.

The devices are eight of the host's, which JAX has to be told before it starts; so this
runs in a process of its own.
"""

import os
import subprocess
import sys
import textwrap

import pytest


HEAD = """
import functools as ft, sys
import equinox as eqx, jax, jax.numpy as jnp, jax.random as jr, numpy as np
from jax.sharding import NamedSharding, PartitionSpec as P
import eqenvs
from tests.examples import example

assert eqenvs.__file__.startswith(sys.argv[1]), eqenvs.__file__
mesh = jax.make_mesh((4, 2), ("device", "copy"))
split = P("device")
sharded = ft.partial(jax.shard_map, mesh=mesh, in_specs=split, out_specs=split)
keys = jax.device_put(jr.split(jr.key(0), 4), NamedSharding(mesh, split))
"""


def run(code):
    env = dict(os.environ, JAX_PLATFORMS="cpu")
    env["XLA_FLAGS"] += " --xla_force_host_platform_device_count=8"
    env["PYTHONPATH"] = os.getcwd()
    command = [sys.executable, "-c", HEAD + textwrap.dedent(code), os.getcwd()]
    result = subprocess.run(command, capture_output=True, text=True, env=env)
    assert result.returncode == 0, result.stderr[-3000:]


def test_lanes_spread_over_a_mesh():
    """The same numbers, bit for bit, of lanes that end at different times."""
    run("""
        class Count(eqx.Module):
            weight: jax.Array

            def __call__(self, key, observation, carry):
                action = jr.randint(key, (), 0, 2, jnp.int32) | (carry & self.weight)
                return action, carry + 1

        def same(got, expected):
            for x, y in zip(
                jax.tree.leaves(got), jax.tree.leaves(expected), strict=True
            ):
                np.testing.assert_array_equal(x, y)

        # A parameter that differs from lane to lane, and more lanes than are reset
        # together on a device.
        gravities = jnp.linspace(9.0, 10.0, 1056)
        env = eqx.tree_at(lambda e: e.gravity, example("CartPole-v1"), gravities)
        policy = Count(jnp.int32(1))
        play = ft.partial(
            eqenvs.rollout, env, policy, jr.key(1), num_steps=14, num_envs=1056,
            initial_carry=jnp.int32(0),
        )
        got = play(mesh=mesh)
        assert len(got.state.time.sharding.device_set) == 8
        assert got.finished.any() and not got.finished.all()
        same(got, play())

        # Each device stops when its own lanes have finished.
        env = example("CartPole-v1", max_steps=12)
        play = ft.partial(eqenvs.evaluate, env, None, jr.key(1), 32)
        same(play(mesh=mesh), play())
    """)


@pytest.mark.exhaustive
def test_every_environment_traces():
    """Above and below the number of lanes from which on resets are made in a loop."""
    run("""
        def play(env, num_envs, keys):
            key = keys[0]
            envs = eqenvs.VectorEnvironment(env, num_envs)
            _, states = envs.reset(key)
            step = envs.step(key, states, envs.sample_actions(key))
            # Here the states are the same on all devices, and the actions differ.
            _, states = envs.reset(jr.key(0))
            mixed = envs.step(jr.key(1), states, envs.sample_actions(key))
            return step, mixed

        cases = [(id, 130) for id in eqenvs.registered()] + [("CartPole-v1", 4)]
        for id, num_envs in cases:
            try:
                jax.eval_shape(sharded(ft.partial(play, example(id), num_envs)), keys)
            except Exception as error:
                raise AssertionError(id, num_envs) from error
    """)


@pytest.mark.slow
def test_the_numbers_are_those_of_one_device():
    run("""
        class Policy(eqx.Module):
            def __call__(self, key, observation, carry):
                action = jr.randint(key, (), 0, 2, jnp.int32) | (carry & 1)
                return action, carry + 1

        def play(env, keys):
            key = keys[0]
            weight = jr.randint(key, (), 0, 2, jnp.int32)

            def policy(key, observation):  # holds what is none of its leaves
                return weight ^ jr.randint(key, (), 0, 2, jnp.int32)

            results = (
                eqenvs.rollout(env, policy, jr.key(1), num_steps=6, num_envs=130),
                eqenvs.rollout(
                    env, Policy(), key, num_steps=6, num_envs=3, initial_carry=0
                ),
                eqenvs.evaluate(env, policy, jr.key(1), 130),
            )
            return jax.tree.map(lambda x: x[None], results)

        for id in ("CartPole-v1", "Freeway-MinAtar"):
            env = example(id, max_steps=4)
            got = jax.device_get(jax.jit(sharded(ft.partial(play, env)))(keys))
            alone = jax.jit(ft.partial(play, env))
            for i, key in enumerate(jr.split(jr.key(0), 4)):
                expected = alone(key[None])
                for x, y in zip(
                    jax.tree.leaves(got), jax.tree.leaves(expected), strict=True
                ):
                    np.testing.assert_allclose(x[i], y[0], rtol=1e-5, atol=1e-6)
    """)
