import importlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import eqenvs


ROOT = pathlib.Path(__file__).parent.parent


def run(*command, cwd, **variables):
    result = subprocess.run(
        [sys.executable, "-W", "error", *command],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_getting_started(tmp_path):
    output = run(ROOT / "examples" / "getting_started.py", cwd=tmp_path)
    assert "observations of 1,000 environments: (1000, 4)" in output


@pytest.mark.parametrize(
    "name, steps, says",
    [
        ("gradients", "512", "from 1.00 kg to 0.3000 kg"),
        ("meta_rl", "800", "5 meta-learners in"),
        # To compile them takes long enough to leave them to `make test-trained`.
        pytest.param(
            "memory",
            "1024",
            "The last of the 11 rewards is",
            marks=pytest.mark.trained,
        ),
        pytest.param(
            "levels",
            "1",
            "uniform: of the levels played last,",
            marks=pytest.mark.trained,
        ),
        pytest.param("sweep", "512", "36 agents in", marks=pytest.mark.trained),
        pytest.param("anakin", "4096", "8 seeds", marks=pytest.mark.trained),
        pytest.param(
            "evolution",
            "800",
            "Trained on many Acrobots: mean return",
            marks=pytest.mark.trained,
        ),
    ],
)
def test_a_walkthrough_runs_shortened(name, steps, says, tmp_path):
    output = run(ROOT / "examples" / f"{name}.py", cwd=tmp_path, STEPS=steps)
    assert says in output
    for curve in tmp_path.glob("*.png"):
        assert str(curve) in output
        assert curve.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_demo(tmp_path):
    output = run(ROOT / "examples" / "demo.py", cwd=tmp_path)
    assert "million steps per second" in output
    assert "Mean return: 500.0 of 500." in output
    curve = tmp_path / "learning_curve.png"
    assert str(curve) in output
    assert curve.read_bytes().startswith(b"\x89PNG")


@pytest.mark.interop
def test_planning(tmp_path):
    """`make test-interop` has the package that it needs."""
    pytest.importorskip("mctx", reason="examples/planning.py needs the package mctx")
    result = subprocess.run(
        [sys.executable, ROOT / "examples" / "planning.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "EQENVS_SHORT": "1"},
    )
    assert result.returncode == 0, result.stderr
    random, planned = (
        float(line.partition("for ")[2].split()[0])
        for line in result.stdout.splitlines()
    )
    assert planned > 50 > random


def test_value_iteration():
    """The values are those that Gymnasium's transition tables have."""
    pytest.importorskip("gymnasium")
    import gymnasium

    sys.path.insert(0, str(ROOT / "examples"))
    try:
        value_iteration = importlib.import_module("value_iteration")
    finally:
        sys.path.pop(0)
    for id, states in value_iteration.TASKS.items():
        table = gymnasium.make(id).unwrapped.P  # pyright: ignore
        # Entries that a list of outcomes lacks have no probability.
        entries = np.zeros((len(table), len(table[0]), 3, 4))
        for state, actions in table.items():
            for action, outcomes in actions.items():
                entries[state, action, : len(outcomes)] = outcomes
        probability, after, reward, ended = np.moveaxis(entries, -1, 0)
        values, change = np.zeros(len(table)), 1.0
        while change > 1e-6:
            later = 0.99 * values[after.astype(int)] * (1 - ended)
            new = (probability * (reward + later)).sum(axis=2).max(axis=1)
            values, change = new, np.max(np.abs(new - values))
        env = eqenvs.make(id)
        ours, _ = value_iteration.optimal_values(env, states)
        np.testing.assert_allclose(ours, values, rtol=1e-3, atol=1e-3)
