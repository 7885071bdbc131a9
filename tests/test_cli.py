import json
import os
import subprocess
import sys

import pytest

import eqenvs
from eqenvs import _cli


def run(*arguments, cwd=None):
    """The command in a process of its own: its exit code, output and errors."""
    code = "from eqenvs._cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200"},
    )
    return result.returncode, result.stdout, result.stderr


def test_list():
    code, output, _ = run("list")
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == [*eqenvs.registered()]
    assert "CartPole-v1                Balance a pole on a cart." in output


def test_info():
    code, output, _ = run("info", "CartPole-v1")
    assert code == 0
    assert "**Observation:**" in output and "gravity = 9.8 [m/s²]" in output
    assert (
        "Acceleration due to gravity." in output and "'semi-implicit euler'" in output
    )


def test_train_and_evaluate(tmp_path):
    arguments = ("train", "CartPole-v1", "--num-steps", "9000", "--num-episodes", "7")
    code, output, errors = run(*arguments, cwd=tmp_path)
    assert code == 0, errors
    assert "7 evaluation episodes: mean return" in output
    folder = tmp_path / "runs" / "CartPole-v1-seed0"
    assert sorted(p.name for p in folder.iterdir()) == [
        "agent.eqx", "learning_curve.png", "run.json",
    ]  # fmt: skip
    record = json.loads((folder / "run.json").read_text())
    assert record["id"] == "CartPole-v1" and record["num_steps"] == 9000
    code, again, errors = run(
        "evaluate", "runs/CartPole-v1-seed0", "--num-episodes", "7", cwd=tmp_path
    )
    assert code == 0, errors
    assert again.strip() in output  # The same agent, episodes and seed.


def test_a_second_run_overwrites_nothing(tmp_path):
    first = _cli.new_folder(tmp_path / "runs", "CartPole-v1-seed0")
    second = _cli.new_folder(tmp_path / "runs", "CartPole-v1-seed0")
    assert first.name == "CartPole-v1-seed0" and second.name == "CartPole-v1-seed0-2"


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "agent.eqx"
    _cli.write_safely(path, b"before")

    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        _cli.write_safely(path, b"after")
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["agent.eqx"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("info", "CartPole"), "Did you mean 'CartPole-v1'"),
        (("train", "Cartpole-v1"), "Did you mean 'CartPole-v1'"),
        (("train", "CartPole-v1", "--num-steps", "0"), "num_steps must be at least 1"),
        (("evaluate", "nowhere"), "there is no saved agent in nowhere"),
    ],
)
def test_mistakes(arguments, message, tmp_path):
    code, _, errors = run(*arguments, cwd=tmp_path)
    assert code == 1
    assert message in errors and "Traceback" not in errors
    assert not (tmp_path / "runs").exists()
