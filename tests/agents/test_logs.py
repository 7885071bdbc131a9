"""Metrics for TensorBoard and Weights & Biases, and pictures of several runs."""

import struct
import sys
import types

import numpy as np
import pytest

from eqenvs import CartPole
from eqenvs.agents import resume, train, TrainingInterrupted
from eqenvs.agents.plot import _runs, _together, plot_learning_curve

from .walk import Walk


ENV = CartPole()


def read_events(folder):
    """`(step, name, value)` of every scalar, in the order of writing."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        content, start = path.read_bytes(), 0
        while start < len(content):
            # A record: its length and a checksum, 12 bytes, and one more behind it.
            [size] = struct.unpack_from("<Q", content, start)
            event = Event.FromString(content[start + 12 : start + 12 + size])
            start += size + 16
            found += [(event.step, x.tag, x.simple_value) for x in event.summary.value]
    return found


def test_tensorboard(tmp_path):
    trained = train(Walk(), ENV, 0, 50, log="tensorboard", folder=tmp_path / "run")
    events = read_events(tmp_path / "run")
    # The length of an episode is never known.
    assert {name for _, name, _ in events} == {"return", "size"}
    for name in ("return", "size"):
        steps, values = zip(*[(s, v) for s, n, v in events if n == name], strict=True)
        np.testing.assert_array_equal(steps, trained.metrics["steps"])
        np.testing.assert_allclose(values, trained.metrics[name], rtol=1e-6)
    resume(tmp_path / "run", num_steps=70, log="tensorboard")
    later = read_events(tmp_path / "run")[len(events) :]
    assert [step for step, name, _ in later if name == "size"] == [60, 70]
    with pytest.raises(ValueError, match="writes into the run's `folder`"):
        train(Walk(), ENV, 0, 50, log="tensorboard")


class FakeRun:
    """What of a run at Weights & Biases is used."""

    def __init__(self, settings):
        self.settings, self.rows, self.outcome = settings, [], None
        self.log = self.rows.append

    def define_metric(self, name, step_metric):
        assert (name, step_metric) == ("*", "steps")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.outcome = kind


def test_wandb(tmp_path, monkeypatch):
    runs = []

    def init(**settings):
        runs.append(FakeRun(settings))
        return runs[-1]

    fake = types.SimpleNamespace(init=init, run=None)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    train(Walk(), ENV, 0, 30, log="wandb", folder=tmp_path / "run")
    [run] = runs
    assert [row["steps"] for row in run.rows] == [10, 20, 30]
    assert run.settings["project"] == "mine" and run.settings["name"] == "run"
    assert run.settings["config"]["algorithm"]["speed"] == 1.0
    with pytest.raises(TrainingInterrupted):
        monkeypatch.setattr(FakeRun, "define_metric", interrupt)
        train(Walk(), ENV, 0, 30, log="wandb")
    assert runs[-1].outcome is KeyboardInterrupt
    fake.run, fake.log = FakeRun({}), run.log  # A run that is the user's own.
    train(Walk(), ENV, 0, 10, log="wandb")
    assert len(runs) == 2 and len(run.rows) == 4


def interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "log, module", [("tensorboard", "tensorboardX"), ("wandb",) * 2]
)
def test_a_missing_package_is_named(log, module, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=rf"eqenvs\[{log}\]"):
        train(Walk(), ENV, 0, 30, log=log, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_log_is_refused(unchecked):
    with pytest.raises(
        ValueError, match="log must be 'tensorboard' or 'wandb', a func"
    ):
        train(Walk(), ENV, 0, 30, log="mlflow")


def test_several_runs_are_drawn_with_their_spread(tmp_path):
    nan = np.nan
    slow = {"steps": np.array([10, 20, 30]), "return": np.array([nan, 1.0, 3.0])}
    short = {"steps": np.array([10, 20]), "return": np.array([5.0, 7.0])}
    steps, returns = _together(_runs([slow, short]))
    np.testing.assert_array_equal(steps, [20, 30])
    np.testing.assert_array_equal(returns, [[1, 3], [7, 7]])
    mapped = {name: np.stack([x, x + 1]) for name, x in slow.items()}
    mapped["steps"] = np.stack([slow["steps"]] * 2)
    curves = {"one": slow, "several": [slow, short], "mapped": mapped}
    plot_learning_curve(tmp_path / "curve.png", curves)
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "curves, message",
    [
        ({}, "got an empty one"),
        ({"steps": np.ones(2), "return": np.ones(2)}, "got the metrics alone"),
        ({"PPO": np.ones(2)}, "got an array of shape"),
        ({"PPO": []}, "got a list of 0 for 'PPO'"),
        ("curve.png", "got 'curve.png'"),
    ],
)
def test_what_is_no_curve(curves, message, tmp_path, unchecked):
    with pytest.raises((TypeError, ValueError), match=message):
        plot_learning_curve(tmp_path / "curve.png", curves)
    assert not list(tmp_path.iterdir())
