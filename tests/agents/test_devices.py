"""Training on several devices and in several processes: up to rounding, it learns what
it would learn on one device."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import textwrap

import jax
import numpy as np
import pytest

import eqenvs
from eqenvs import CartPole
from eqenvs.agents import load, PPO, resume, train

from .walk import Walk


ROOT = pathlib.Path(eqenvs.__file__).parents[1]
SMALL = dict(num_envs=8, rollout_steps=8, num_minibatches=2, num_epochs=2)


def start(*arguments, num_devices):
    # Compiled with few optimizations, in half the time.
    flags = (
        f"--xla_force_host_platform_device_count={num_devices}",
        "--xla_backend_optimization_level=0",
        "--xla_llvm_disable_expensive_passes=true",
    )
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": " ".join(flags)},
    )


def output_of(process):
    try:
        output, errors = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, errors[-3000:]
    return output


def assert_close(ours, expected):
    assert ours.keys() == expected.keys()
    for name, x in expected.items():
        np.testing.assert_allclose(ours[name], x, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.trained
def test_two_processes_with_two_devices_each(tmp_path):
    folder = tmp_path / "run"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    module = ("-m", "tests.agents.train_on_devices")
    processes = [start(*module, i, port, folder, num_devices=2) for i in (0, 1)]
    first, second = (json.loads(output_of(x).splitlines()[-1]) for x in processes)
    assert first["devices"] == second["devices"] == 4
    assert (first["rows"], second["rows"]) == (5, 0)
    np.testing.assert_array_equal(first["return"], second["return"])
    assert first["action"] == second["action"]

    run = load(folder)
    expected = train(PPO(**SMALL), CartPole(), 0, 5 * 64)
    assert_close(run.metrics, expected.metrics)
    assert run.learner.states.x.shape == (8,)
    # It can go on with one device, and on a mesh of one.
    mesh = jax.make_mesh((1,), ("devices",))
    rest = resume(folder, num_steps=7 * 64, mesh=mesh)
    assert len(rest.metrics["steps"]) == 7
    assert load(folder).record["status"] == "finished"


def test_seeds_are_spread_and_mistakes_are_named(unchecked):
    with pytest.raises(TypeError, match=r"mesh must be a jax.sharding.Mesh"):
        train(Walk(), CartPole(), 0, 10, mesh=jax.devices())
    output_of(start("-c", textwrap.dedent(CODE), num_devices=4))


CODE = """
    import equinox as eqx, jax, jax.random as jr, numpy as np, pytest
    from jax.sharding import AxisType, PartitionSpec as P
    from eqenvs import CartPole
    from eqenvs.agents import A2C, EvolutionStrategy, PPO, train
    from tests.agents.walk import Walk

    mesh = jax.make_mesh((4,), ("devices",), axis_types=(AxisType.Auto,))
    env = CartPole()

    # Seeds on several devices, each of which trains agents of its own.
    def train_one(key):
        return train(Walk(), env, key, 30).learner.weight

    spread = jax.shard_map(
        jax.vmap(train_one), mesh=mesh, in_specs=P("devices"), out_specs=P("devices")
    )
    keys = jr.split(jr.key(0), 8)
    weights = jax.jit(spread)(keys)
    expected = [train_one(key) for key in keys]
    np.testing.assert_allclose(weights, expected, rtol=1e-5)

    # Spread lanes under another transformation.
    def with_mesh(key):
        return train(Walk(), env, key, 30, mesh=mesh).learner.weight

    np.testing.assert_allclose(jax.vmap(with_mesh)(keys), expected, rtol=1e-5)

    update = Walk.update

    def update_alone(self, env, learner, key):
        learner, metrics = update(self, env, learner, key)
        device = jax.lax.axis_index(jax.sharding.get_abstract_mesh().axis_names)
        weight = learner.weight + device.astype(float)
        return eqx.tree_at(lambda l: l.weight, learner, weight), metrics

    Walk.update = update_alone
    mistakes = {
        "num_envs must be a multiple of the 4 devices of the mesh; got 6":
            A2C(num_envs=6),
        "lanes on each device must be a multiple of 4; got 2":
            PPO(num_envs=8, rollout_steps=2, num_minibatches=8),
        "population_size must be a multiple of the 4 devices of the mesh; got 6":
            EvolutionStrategy(population_size=6),
        "Walk cannot spread its lanes .*: `learner.weight` would differ":
            Walk(),
    }
    for message, algorithm in mistakes.items():
        with pytest.raises((TypeError, ValueError), match=message):
            train(algorithm, env, 0, 10, mesh=mesh)
"""
