import json
import os
import pathlib
import subprocess
import sys
import tomllib

import pytest

import eqenvs


# The folder that `eqenvs` is imported from, wherever the command runs.
ROOT = pathlib.Path(eqenvs.__file__).parents[1]
VARIABLES = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT)}


def run(*arguments, cwd=None, code=None):
    """The command in a process of its own: its exit status, output and errors."""
    start = ["-m", "eqenvs"] if code is None else ["-c", code]
    result = subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=VARIABLES,
    )
    return result.returncode, result.stdout, result.stderr


def test_list():
    status, output, _ = run("list")
    assert status == 0
    assert [line.split()[0] for line in output.splitlines()] == [*eqenvs.registered()]
    assert "CartPole-v1                Balance a pole on a cart." in output


def test_info():
    status, output, _ = run("info", "CartPole-v1")
    assert status == 0
    assert "**Observation:**" in output and "gravity = 9.8 [m/s²]" in output
    assert (
        "Acceleration due to gravity." in output and "'semi-implicit euler'" in output
    )


def test_version():
    assert run("--version") == (0, f"eqenvs {eqenvs.__version__}\n", "")


def test_the_script_is_the_same_command():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"eqenvs": "eqenvs.cli:main"}


def test_output_that_is_not_read_to_the_end_is_no_error():
    code = "import sys; sys.stdin.readline(); from eqenvs.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "list"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=VARIABLES,
    )
    process.stdout.close()  # Before the command writes to it.
    _, errors = process.communicate("go\n")
    assert (process.returncode, errors) == (0, "")


WITHOUT = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from eqenvs.cli import main
main()
"""


@pytest.mark.parametrize(
    "package, arguments",
    [
        ("tyro", ()),
        ("tyro", ("list",)),
        ("optax", ("train", "CartPole-v1")),
        ("matplotlib", ("train", "CartPole-v1")),
    ],
)
def test_without_the_extras(package, arguments, tmp_path):
    code = WITHOUT.format(package=package)
    status, output, errors = run(*arguments, code=code, cwd=tmp_path)
    assert (status, output) == (1, "")
    [line] = errors.splitlines()
    assert package in line and 'pip install "eqenvs[cli]"' in line
    assert [*tmp_path.iterdir()] == []


def test_the_version_needs_no_extra():
    status, output, _ = run("--version", code=WITHOUT.format(package="tyro"))
    assert status == 0 and output.startswith("eqenvs ")


def test_train_and_evaluate(tmp_path):
    arguments = ("train", "CartPole-v1", "--num-steps", "9000", "--num-episodes", "7")
    status, output, errors = run(*arguments, cwd=tmp_path)
    assert status == 0, errors
    assert "7 evaluation episodes: mean return" in output
    folder = tmp_path / "runs" / "CartPole-v1-seed0"
    assert sorted(p.name for p in folder.iterdir()) == [
        "learner.eqx", "learning_curve.png", "metrics.csv", "run.json",
    ]  # fmt: skip
    record = json.loads((folder / "run.json").read_text())
    assert record["id"] == "CartPole-v1" and record["num_steps"] == 9000
    assert record["versions"]["eqenvs"] == eqenvs.__version__
    assert record["versions"].keys() == {"eqenvs", "jax", "jaxlib", "equinox"}
    status, again, errors = run(
        "evaluate", "runs/CartPole-v1-seed0", "--num-episodes", "7", cwd=tmp_path
    )
    assert status == 0, errors
    assert again.strip() in output  # The same agent, episodes and seed.


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("info", "CartPole"), "Did you mean 'CartPole-v1'"),
        (("train", "Cartpole-v1"), "Did you mean 'CartPole-v1'"),
        (("train", "CartPole-v1", "--num-steps", "0"), "num_steps must be at least 1"),
        (
            ("train", "CartPole-v1", "--num-episodes", "0"),
            "num_episodes must be at least 1",
        ),
        (("train", "CartPole-v1", "--seed", 2**64), "got 18446744073709551616"),
        (("train", "CartPole-v1", "--output", "file"), "file: Not a directory"),
        (("train", "CartPole-v1", "--output", "/proc/x"), "/proc/x: No such file"),
        (("train", "CartPole-v1", "--num-envs", "0"), "num_envs must be"),
        (("train", "CartPole-v1", "--parameters", "gravty=3"), "gravity"),
        (("train", "CartPole-v1", "--parameters", "gravity=nan"), "a real number"),
        (("train", "CartPole-v1", "--parameters", "gravity"), "given as name=value"),
        (
            ("train", "CartPole-v1", "--parameters", "gravity=1", "gravity=2"),
            "given twice",
        ),
        (("evaluate", "nowhere"), "there is no saved agent in nowhere"),
        (("evaluate", ".", "--num-episodes", "0"), "num_episodes must be at least 1"),
        (("evaluate", ".", "--seed", 2**64), "got 18446744073709551616"),
    ],
)
def test_mistakes(arguments, message, tmp_path):
    (tmp_path / "file").write_text("")
    status, output, errors = run(*arguments, cwd=tmp_path)
    assert (status, output) == (1, "")
    [line] = errors.splitlines()
    assert message in line and line.startswith("eqenvs: ")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "arguments", [(), ("play",), ("train",), ("train", "CartPole-v1", "--seed", "x")]
)
def test_mistakes_of_usage(arguments, tmp_path):
    status, output, errors = run(*arguments, cwd=tmp_path)
    assert (status, output) == (2, "")
    assert "eqenvs" in errors and "Traceback" not in errors


TRAIN = """
import sys
from eqenvs import agents

{prepare}
from eqenvs.cli import main
sys.argv = ["eqenvs", "train", "CartPole-v1", "--num-steps", "4096"]
main()
"""


def test_an_agent_is_saved_before_it_is_evaluated(tmp_path):
    prepare = """
import eqenvs.cli._report
def fail(*_):
    raise ValueError("the evaluation failed")
eqenvs.cli._report.evaluate = fail
"""
    status, _, errors = run(code=TRAIN.format(prepare=prepare), cwd=tmp_path)
    assert status == 1 and errors.endswith("eqenvs: the evaluation failed\n")
    folder = tmp_path / "runs" / "CartPole-v1-seed0"
    assert {p.name for p in folder.iterdir()} == {
        "learner.eqx", "learning_curve.png", "metrics.csv", "run.json",
    }  # fmt: skip
    assert "evaluation" not in json.loads((folder / "run.json").read_text())


def test_an_interrupted_training_leaves_no_folder(tmp_path):
    prepare = """
def interrupt(*_, **__):
    raise KeyboardInterrupt
agents.PPO.train = interrupt
"""
    status, _, errors = run(code=TRAIN.format(prepare=prepare), cwd=tmp_path)
    assert (status, errors) == (130, "eqenvs: interrupted.\n")
    assert [*(tmp_path / "runs").iterdir()] == []


def test_an_interrupted_training_goes_on(tmp_path):
    prepare = """
train = agents.PPO.train
def interrupt(row):
    raise KeyboardInterrupt
agents.PPO.train = lambda *args, **options: train(*args, log=interrupt, **options)
"""
    status, _, errors = run(code=TRAIN.format(prepare=prepare), cwd=tmp_path)
    folder = pathlib.Path("runs", "CartPole-v1-seed0")
    assert status == 130 and f"is saved in {folder}" in errors
    assert errors.endswith(f"To continue: eqenvs train --resume {folder}\n")
    arguments = ("--resume", folder, "--num-episodes", 2)
    status, output, errors = run("train", *arguments, "--num-steps", 8192, cwd=tmp_path)
    assert status == 0, errors
    assert "2 evaluation episodes" in output and f"in {folder}" in output
    record = json.loads((tmp_path / folder / "run.json").read_text())
    assert (record["status"], record["steps"]) == ("finished", 8192)
    assert record["evaluation"]["num_episodes"] == 2
    status, _, errors = run("train", *arguments, "--learning-rate", 0.1, cwd=tmp_path)
    assert status == 1 and "keeps the learning_rate of the run" in errors


def test_parameters_of_the_environment(tmp_path):
    arguments = ("--num-steps", 4096, "--num-episodes", 2, "--parameters")
    values = ("max_steps=3", "integrator=semi-implicit euler")
    status, output, errors = run(
        "train", "CartPole-v1", *arguments, *values, cwd=tmp_path
    )
    assert status == 0, errors
    assert "mean length 3.0" in output
    status, again, _ = run(
        "evaluate", "runs/CartPole-v1-seed0", "--num-episodes", 2, cwd=tmp_path
    )
    assert again.strip() in output


def test_the_largest_seed(tmp_path):
    arguments = ("--num-steps", 4096, "--num-episodes", 1, "--seed", 2**64 - 1)
    status, _, errors = run("train", "CartPole-v1", *arguments, cwd=tmp_path)
    assert status == 0, errors
