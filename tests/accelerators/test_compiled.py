"""Programs for a GPU and a TPU, which compile without one.

Nothing runs here. What counts is that everything compiles, and that no step of a loop
waits for the host: on a GPU, that takes longer than the step.
"""

import os


os.environ.setdefault("JAX_PLATFORMS", "cpu")

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import eqenvs
from benchmarks.accelerators.devices import as_on_a_cpu, compiled_text, mesh
from benchmarks.accelerators.program import Program
from eqenvs import agents, wrappers
from eqenvs.agents._devices import as_lanes_mesh
from eqenvs.agents._updates import Job, run_updates, start
from eqenvs.random import _threefry


pytestmark = pytest.mark.accelerators
# Its data set is not in the package.
IDS = [id for id in eqenvs.registered() if id != "MNISTBandit-bsuite"]
BETWEEN_DEVICES = (
    "all-gather",
    "all-reduce",
    "all-to-all",
    "collective-permute",
    "reduce-scatter",
)
# Functions, since one of them needs a package that other tests do without.
SMALL = {
    "A2C": lambda: agents.A2C(num_envs=8),
    "APG": lambda: agents.APG(num_envs=8, rollout_steps=4),
    "EvolutionStrategy": lambda: agents.EvolutionStrategy(
        population_size=16, episode_steps=8
    ),
    "PPO": lambda: agents.PPO(num_envs=8, rollout_steps=8, num_minibatches=2),
    "PPO, GRU": lambda: agents.PPO(
        num_envs=16, rollout_steps=8, num_minibatches=2, memory="gru"
    ),
    "PQN": lambda: agents.PQN(num_envs=8),
}


@pytest.fixture(params=["gpu", "tpu"])
def kind(request):
    skip_without(request.param)
    return request.param


def skip_without(kind):
    """Skips a test where a compiler is not installed, or refuses to start."""
    try:
        mesh(kind)
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"{type(error).__name__}: {error}")


def step_of(kind, env, key=None, **options):
    """The cost of a step of a rollout with random actions."""
    key = jr.key(0) if key is None else key
    return Program(rollout_text(kind, 1, env, key, **options)).step()


def rollout_text(kind, num_devices, env, key, num_envs=64, **options):
    devices = mesh(kind, num_devices)

    def play(key):
        over = devices if num_devices > 1 else None
        return eqenvs.rollout(
            env, None, key, num_steps=20, num_envs=num_envs, mesh=over, **options
        )

    return compiled_text(play, devices, key)


@pytest.mark.parametrize("id", IDS)
def test_no_step_waits_for_the_host(kind, id):
    assert step_of(kind, eqenvs.make(id)).waits == []


@pytest.mark.parametrize(
    "id, most",
    [
        ("Breakout-MinAtar", 2),
        ("Catch-bsuite", 2),
        ("Pendulum-v1", 3),
        ("CartPole-v1", 4),
    ],
)
def test_a_step_takes_few_kernels(id, most):
    """One for the step, one for the loop's counter; others for keys and random numbers
    that several parts of the step use."""
    skip_without("gpu")
    assert step_of("gpu", eqenvs.make(id), num_envs=65_536, store=False).kernels <= most


def test_what_is_meant_for_a_cpu_would_wait(kind):
    with as_on_a_cpu():
        assert step_of(kind, eqenvs.CartPole(), num_envs=192).waits != []


@pytest.mark.parametrize("id", ["CartPole-v1", "Asterix-MinAtar", "Pong-misc"])
def test_fast_keys(kind, id):
    assert step_of(kind, eqenvs.make(id), eqenvs.random.key(0)).waits == []


@pytest.mark.parametrize("make_key", [jr.key, eqenvs.random.key])
def test_keys_of_a_step_take_no_loop(kind, make_key):
    """In a loop of the user's own; `rollout` makes those of all steps beforehand."""
    envs = eqenvs.VectorEnvironment(eqenvs.CartPole(), 1_024)
    actions = jnp.zeros(1_024, jnp.int32)

    def play(key):
        def body(states, time):
            return envs.step(jr.fold_in(key, time), states, actions).state, None

        _, states = envs.reset(key)
        return jax.lax.scan(body, states, jnp.arange(50, dtype=jnp.uint32))[0]

    program = Program(compiled_text(play, mesh(kind), make_key(0)))
    assert program.loops()
    for loop in program.loops():
        inside = {x.kind for x in everything(program, loop.called("body"))}
        assert inside.isdisjoint({"conditional", "while"})


def test_threefry_written_out_would_cost_a_tpu_more(monkeypatch):
    skip_without("tpu")

    def cycles():
        jax.clear_caches()
        return step_of("tpu", eqenvs.MountainCar(), num_envs=65_536, store=False).cycles

    found = cycles()
    monkeypatch.setattr(_threefry, "_by_jax", _threefry._written_out)
    assert found < cycles()
    jax.clear_caches()


@pytest.mark.parametrize("id", ["CartPole-v1", "Breakout-MinAtar"])
def test_pixels(kind, id):
    env = wrappers.PixelObservation(eqenvs.make(id), 40)
    assert step_of(kind, wrappers.FrameStack(env, 2), num_envs=16).waits == []


def test_gradients_through_a_rollout(kind):
    env = eqenvs.Pendulum()

    def loss(gain, key):
        def policy(key, observation):
            return gain * observation[1:2]

        return eqenvs.rollout(env, policy, key, num_steps=8, num_envs=8).episode_return

    gradient = jax.grad(lambda gain, key: loss(gain, key).sum())
    program = Program(compiled_text(gradient, mesh(kind), jnp.array(1.0), jr.key(0)))
    assert program.loops()
    for loop in program.loops():
        assert program.cost(loop.called("body")).waits == []


@pytest.mark.parametrize("id", ["CartPole-v1", "Breakout-MinAtar"])
def test_lanes_on_eight_devices_do_not_talk(kind, id):
    text = rollout_text(kind, 8, eqenvs.make(id), jr.key(0))
    program = Program(text)
    assert program.step().waits == []
    for loop in program.loops():
        inside = {x.kind for x in everything(program, loop.called("body"))}
        assert not any(kind.startswith(BETWEEN_DEVICES) for kind in inside)


def everything(program, computation):
    """All operations of a computation and of those that it runs."""
    for operation in program.computations[computation]:
        yield operation
        for attribute in ("body", "calls", "to_apply"):
            if operation.called(attribute) in program.computations:
                yield from everything(program, operation.called(attribute))


def test_evaluation_on_eight_devices(kind):
    devices = mesh(kind, 8)

    def play(key):
        return eqenvs.evaluate(
            eqenvs.CartPole(), None, key, num_episodes=64, mesh=devices
        )

    assert "while(" in compiled_text(play, devices, jr.key(0))


@pytest.mark.parametrize("num_devices", [1, 8])
@pytest.mark.parametrize("name", SMALL)
def test_training(kind, name, num_devices):
    id = "Pendulum-v1" if name == "APG" else "CartPole-v1"
    devices = mesh(kind, num_devices)
    over = as_lanes_mesh(devices) if num_devices > 1 else None
    algorithm, env = SMALL[name](), eqenvs.make(id)
    one = Job(algorithm, env, jr.key(0))
    learner = eqx.filter_eval_shape(start, one, None, jnp.array(4, jnp.int32))
    arrays, rest = eqx.partition(learner, lambda x: isinstance(x, jax.ShapeDtypeStruct))

    def train(arrays, key):
        learner = eqx.combine(arrays, rest)
        job = Job(algorithm, env, key, over)
        target, count = jnp.asarray(jnp.inf), jnp.asarray(4, jnp.int32)
        piece = run_updates(job, learner, target, count, 4)
        return eqx.filter(piece, eqx.is_array)

    text = compiled_text(train, devices, arrays, jr.key(0))
    kinds = {x.kind for all in Program(text).computations.values() for x in all}
    talks = any(kind.startswith(BETWEEN_DEVICES) for kind in kinds)
    assert talks == (num_devices > 1)


def test_a_program_of_a_known_cost(kind):
    def play(x, rows):
        def body(x, row):
            return jnp.sin(x) + row, None

        return jax.lax.scan(body, x, rows)[0]

    x, rows = np.zeros(10_000, np.float32), np.zeros((50, 10_000), np.float32)
    step = Program(compiled_text(play, mesh(kind), x, rows)).step()
    assert step.waits == []
    if kind == "gpu":
        # One for the step, one for the loop's counter.
        assert step.kernels == 2
        # x and a row are read, x is written.
        assert 3 * 40_000 <= step.bytes <= 3 * 40_000 + 100
    else:
        assert step.cycles > 0
