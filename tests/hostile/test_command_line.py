"""The command refuses bad input in a sentence, before it trains, and writes nothing."""

import inspect
import json
import subprocess
import sys

import pytest

import eqenvs
import eqenvs.agents
from eqenvs._parametric import described_fields

from .values import bad_values


pytest.importorskip("tyro")
pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.fixture
def refuse(monkeypatch, capsys, tmp_path):
    """Calls the command, and fails unless it ends with an error that has these words in
    it and is no traceback."""

    def train(*_, **__):
        raise AssertionError("began to train")

    monkeypatch.setattr(eqenvs.agents.PPO, "train", train)

    def call(*arguments, says=()):
        from eqenvs.cli import main

        if arguments[0] == "train":
            arguments = (*arguments, "--output", str(tmp_path / "runs"))
        monkeypatch.setattr(sys, "argv", ["eqenvs", *arguments])
        with pytest.raises(SystemExit) as exit:
            main()
        captured = capsys.readouterr()
        message = captured.err + (
            exit.value.code if isinstance(exit.value.code, str) else ""
        )
        assert exit.value.code not in (0, None), arguments
        assert "Traceback" not in message and "racer" not in message
        for words in says:
            assert words in message, (arguments, message)
        assert not list(tmp_path.rglob("*.*")), arguments

    return call


def in_json(values):
    """Those of the values that can be written on the command line."""
    for value in values:
        try:
            yield json.dumps(value)
        except (TypeError, ValueError):
            continue


@pytest.mark.parametrize("id", ["CartPole-v1", "FrozenLake-misc", "Freeway-MinAtar"])
def test_parameters_of_an_environment(id, refuse):
    cls = eqenvs.spec(id).factory
    defaults = {n: p.default for n, p in inspect.signature(cls).parameters.items()}
    fields = described_fields(cls)
    for name in fields.keys() & defaults.keys():
        for text in in_json(bad_values(fields[name].parameter)):
            if text != "null" or defaults[name] is not None:
                given = f"{name}={text}"
                refuse("train", id, "--parameters", given, says=[name, "got"])
    refuse("train", id, "--parameters", "nonsense=1", says=["nonsense"])
    refuse("train", id, "--parameters", "nonsense", says=["name=value", "nonsense"])


@pytest.mark.parametrize(
    "option, values",
    [
        ("--num-steps", ["0", "-1", "1.5", "nonsense", "", "nan", "4294967296"]),
        ("--num-envs", ["0", "-1", "1.5", "nonsense", "", "nan", "4294967296"]),
        ("--num-episodes", ["0", "-1", "1.5", "nonsense", "", "4294967296"]),
        ("--seed", ["18446744073709551616", "1.5", "nonsense", ""]),
        ("--learning-rate", ["nan", "inf", "-1", "nonsense", ""]),
        ("--discount", ["nan", "inf", "-1", "1.5", "nonsense", ""]),
    ],
)
def test_options_of_train(option, values, refuse):
    name = option[2:]
    for value in values:
        refuse("train", "CartPole-v1", option, value)
    # What the parser of the command line lets through is named by the library.
    says = [name.replace("-", "_"), "got"] if option != "--seed" else ["seed", "got"]
    refuse("train", "CartPole-v1", option, values[0], says=says)


@pytest.mark.parametrize("id", ["CartPol-v1", "nonsense", "", "5"])
def test_names(id, refuse):
    refuse("train", id, says=["id", repr(id)])
    refuse("info", id, says=["id", repr(id)])


@pytest.mark.parametrize("command", ["nonsense", "", "train", "evaluate", "info"])
def test_commands(command, refuse):
    refuse(command, "--nonsense")


def test_as_a_process_of_its_own():
    command = [sys.executable, "-m", "eqenvs", "info", "CartPol-v1"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode != 0 and "Traceback" not in result.stderr
    assert "Did you mean 'CartPole-v1'" in result.stderr
