"""`use_cores`, each time in a program of its own."""

import os
import subprocess
import sys

import pytest

import eqenvs


# Two cores; what a program says about them.
_BEFORE = """
import os
if hasattr(os, "sched_getaffinity"):
    os.sched_getaffinity = lambda pid: {0, 1}
else:
    os.cpu_count = lambda: 2
import jax
import eqenvs
"""


def _run(program, **variables):
    process = subprocess.run(
        [sys.executable, "-c", _BEFORE + program],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "XLA_FLAGS": "", **variables},
    )
    return process.returncode, process.stdout.strip(), process.stderr


def test_cores_become_devices_with_the_same_numbers():
    code, output, errors = _run("""
import numpy as np
mesh = eqenvs.use_cores()
assert eqenvs.use_cores() == mesh  # A second call changes nothing.
assert os.environ["XLA_FLAGS"].count("small_while_loop") == 1
env = eqenvs.CartPole()
options = dict(num_steps=30, num_envs=32)
spread = eqenvs.rollout(env, None, 0, mesh=mesh, **options)
alone = eqenvs.rollout(env, None, 0, **options)
assert len(spread.episode_return.sharding.device_set) == 2
jax.tree.map(np.testing.assert_array_equal, spread, alone)
print(mesh.axis_names, mesh.size)
""")
    assert code == 0, errors
    assert output == "('lanes',) 2"


@pytest.mark.parametrize("flags", ("", "--xla_cpu_multi_thread_eigen=false"))
def test_loops_are_compiled_as_one_function(flags):
    program = """
eqenvs.use_cores()
loop = lambda x: jax.lax.fori_loop(0, 1_000, lambda i, x: x[::-1] * 2, x)
compiled = jax.jit(loop).lower(jax.numpy.ones(2_000)).compile()
print("xla_cpu_small_call" in compiled.as_text())
"""
    code, output, errors = _run(program, XLA_FLAGS=flags)
    assert (code, output) == (0, "True"), errors


# The fused computations of a compiled program, each of them as text.
_FUSED = """
import re

def fused_computations(compiled):
    return re.findall("^%fused_computation.*?^}", compiled.as_text(), re.M | re.S)

def has_several_outputs(fused):
    return "ROOT %tuple" in fused
"""

# A rollout of random actions, by keys in an array that a scan goes through.
_ROLLOUT = (
    _FUSED
    + """
eqenvs.use_cores(1, multi_output_fusion=True)
env = eqenvs.make(ID)
envs = eqenvs.VectorEnvironment(env, 2_000)

def play(key):
    def body(states, keys):
        step = envs.step(keys[0], states, envs.sample_actions(keys[1]))
        return step.state, step.reward

    start = envs.reset(key)[1]
    return jax.lax.scan(body, start, jax.random.split(key, (50, 2)))

fused = fused_computations(jax.jit(play).lower(eqenvs.random.key(0)).compile())
"""
)


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ("1", "[False, False]"),
        ("1, multi_output_fusion=False", "[False, False]"),
        ("1, multi_output_fusion=True", "[True]"),
    ],
)
def test_outputs_of_the_same_inputs_share_a_loop(arguments, expected):
    code, output, errors = _run(
        _FUSED
        + f"""
import jax.numpy as jnp
eqenvs.use_cores({arguments})
two_outputs = lambda x: (x * x + 1, x * x - 2)
fused = fused_computations(jax.jit(two_outputs).lower(jnp.ones(2_000)).compile())
print([has_several_outputs(text) for text in fused])
"""
    )
    assert (code, output) == (0, expected), errors


# Such a fusion would copy the arrays whole for every element that is written.
def test_resets_are_written_in_place():
    code, output, errors = _run(
        "ID = 'CartPole-v1'"
        + _ROLLOUT
        + """
writes = [text for text in fused if "dynamic-update-slice(" in text]
assert len(writes) >= 5
print(any(map(has_several_outputs, writes)))
"""
    )
    assert (code, output) == (0, "False"), errors


# Such a fusion is not vectorized.
def test_keys_are_not_looked_up_for_every_lane():
    code, output, errors = _run(
        "ID = 'DiscountingChain-bsuite'"
        + _ROLLOUT
        + """
lookups = [text for text in fused if "dynamic-slice(" in text and "u32[50" in text]
print(any("[2000]" in text for text in lookups))
"""
    )
    assert (code, output) == (0, "False"), errors


def test_one_core():
    code, output, errors = _run("print(eqenvs.use_cores(1).size, jax.device_count())")
    assert (code, output) == (0, "1 1"), errors


@pytest.mark.parametrize("num_cores", (None, 1, 3))
def test_too_late(num_cores):
    code, _, errors = _run(f"jax.devices()\neqenvs.use_cores({num_cores})")
    assert code == 1
    expected = f"use_cores({num_cores or 2}) must be called before anything else uses"
    assert expected in errors


@pytest.mark.parametrize(
    "num_cores, error", ((0, ValueError), (-1, ValueError), (1.5, TypeError))
)
def test_wrong_numbers(num_cores, error, unchecked):
    with pytest.raises(error, match="num_cores"):
        eqenvs.use_cores(num_cores)
