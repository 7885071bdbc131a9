"""`eqenvs bench`"""

import json
import math
import os
import statistics
import subprocess
import sys

import pytest

from .test_cli import call, run


def test_bench(tmp_path):
    arguments = ("--num-envs", 20, "--num-steps", 10, "--repeats", 3)
    status, output, errors = run(
        "bench", "CartPole-v1", "Catch-bsuite", *arguments, cwd=tmp_path
    )
    assert status == 0, errors
    lines = output.splitlines()
    lines = lines[lines.index("") + 1 :]
    assert [line.split()[0] for line in lines[:3]] == [
        "environment", "CartPole-v1", "Catch-bsuite",
    ]  # fmt: skip
    path = tmp_path / "runs" / "bench" / "results.json"
    assert lines[3] == "Saved runs/bench/results.json."
    assert [*path.parent.iterdir()] == [path]
    results = json.loads(path.read_text())
    assert results["machine"]["cores"] >= 1
    assert {"python", "jax", "equinox"} <= results["versions"].keys()
    for id, line in zip(("CartPole-v1", "Catch-bsuite"), lines[1:], strict=False):
        found = results["environments"][id]
        for way in ("vmap", "vector", "fast"):
            assert len(found["seconds"][way]) == 3
            rate = 200 / statistics.median(found["seconds"][way])
            assert math.isclose(found["steps_per_second"][way], rate)
            assert f"{rate / 1e6:#.3g}" in line
            assert 0 < found["compile_seconds"][way] < 100
        assert 0 < found["seconds_per_call"] < 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("Cartpole-v1",), "Did you mean 'CartPole-v1'"),
        (("CartPole-v1", "--repeats", "0"), "repeats must be at least 1"),
        (("CartPole-v1", "--num-envs", "0"), "num_envs must be at least 1"),
        (("CartPole-v1", "--output", "file"), "file: File exists"),
    ],
)
def test_mistakes_are_found_before_anything_runs(arguments, message, tmp_path):
    (tmp_path / "file").write_text("")
    status, output, errors = call("bench", *arguments, cwd=tmp_path)
    assert (status, output) == (1, "")
    assert message in errors and len(errors.splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_programs_on_disk_are_not_used(tmp_path):
    # Even if they are in use already.
    code = """
import jax, pathlib, sys
from eqenvs.cli import _measure

def compiled(number):
    jax.jit(lambda x: x + number)(1.0)
    return len(list(pathlib.Path(sys.argv[1]).iterdir()))

first, second = compiled(1), compiled(2)
_measure.ignore_compilation_cache()
print(first > 0, second > first, compiled(3) == second)
"""
    environment = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "-c", code, str(tmp_path)]
    output = subprocess.run(
        command, env=environment, text=True, check=True, stdout=subprocess.PIPE
    ).stdout
    assert output.split() == ["True", "True", "True"]
