import os
import pathlib
import subprocess
import sys

import pytest


ROOT = pathlib.Path(__file__).parent.parent


def run(*command, cwd):
    result = subprocess.run(
        [sys.executable, "-W", "error", *command],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_getting_started(tmp_path):
    output = run(ROOT / "examples" / "getting_started.py", cwd=tmp_path)
    assert "observations of 1,000 environments: (1000, 4)" in output


@pytest.mark.slow
def test_demo(tmp_path):
    output = run(ROOT / "examples" / "demo.py", cwd=tmp_path)
    assert "million steps per second" in output
    assert "Mean return: 500.0 of 500." in output
    curve = tmp_path / "learning_curve.png"
    assert str(curve) in output
    assert curve.read_bytes().startswith(b"\x89PNG")
