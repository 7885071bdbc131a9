"""`import eqenvs` is light."""

import os
import subprocess
import sys


def test_nothing_optional_is_imported():
    heavy = {
        "beartype", "distreqx", "gymnasium", "gymnax", "matplotlib", "optax", "PIL",
        "pooch", "tqdm", "tyro", "eqenvs.agents", "eqenvs.cli",
    }  # fmt: skip
    code = f"import eqenvs, sys; print(*sorted({heavy!r} & sys.modules.keys()))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []


def test_making_an_environment_compiles_nothing():
    code = "import eqenvs; " + "; ".join(
        f"eqenvs.make({id!r})"
        for id in ("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "Pendulum-v1")
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "JAX_LOG_COMPILES": "1"},
    )
    assert "ompil" not in result.stderr, result.stderr
