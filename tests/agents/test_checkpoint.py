import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import eqenvs
from eqenvs import CartPole, Pendulum
from eqenvs.agents import (
    load,
    PPO,
    resume,
    train,
    training,
    TrainingDiverged,
    TrainingInterrupted,
)
from eqenvs.agents.checkpoint import annotate, Recorder

from .train_walk import NUM_STEPS
from .walk import assert_equal, Walk


ROOT = pathlib.Path(eqenvs.__file__).parents[1]


def assert_same(run, trained):
    assert_equal(run.learner, trained.learner)
    assert list(run.metrics) == list(trained.metrics)
    for name, x in trained.metrics.items():
        assert run.metrics[name].dtype == x.dtype
        np.testing.assert_array_equal(run.metrics[name], x)


def test_a_run_is_read_as_it_ended(tmp_path, either_precision):
    env = CartPole(gravity=3.7)
    algorithm = Walk(speed=0.1)
    folder = tmp_path / "new" / "run"
    trained = train(algorithm, env, 5, 55, folder=folder, notes={"id": "mine"})
    run = load(folder)
    assert_same(run, trained)
    assert eqx.tree_equal(run.env, env) and eqx.tree_equal(run.algorithm, algorithm)
    assert_equal(run.agent, trained.agent)
    assert sorted(p.name for p in folder.iterdir()) == [
        "learner.eqx", "metrics.csv", "run.json",
    ]  # fmt: skip
    record = run.record
    assert (record["status"], record["steps"], record["num_steps"]) == (
        "finished", 60, 55,
    )  # fmt: skip
    assert (record["seed"], record["id"]) == (5, "mine")
    assert record["versions"]["eqenvs"] == eqenvs.__version__
    assert record["versions"]["jax"] == jax.__version__
    annotate(folder, evaluation=3)
    assert load(folder).record == {**record, "evaluation": 3}


def test_ppo_is_read_and_goes_on(tmp_path):
    """Its learner has everything: networks, the optimizer, environments, statistics."""
    small = dict(num_envs=8, rollout_steps=8, num_minibatches=2, num_epochs=2)
    whole = PPO(**small).train(CartPole(), jr.key(0), 5 * 64)

    def interrupt(row):
        if row["steps"] == 64:
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted, match=re.escape(str(tmp_path))) as error:
        PPO(**small).train(
            CartPole(), jr.key(0), 5 * 64, folder=tmp_path, log=interrupt
        )
    assert error.value.folder == tmp_path
    run = load(tmp_path)
    assert run.record["status"] == "interrupted" and run.record["steps"] == 64
    assert_same(run, error.value.trained)
    assert_same(whole, resume(tmp_path))
    assert_same(load(tmp_path), whole)
    # What is finished stays as it is.
    assert_same(whole, resume(tmp_path))
    observation = jnp.ones(4)
    np.testing.assert_array_equal(
        load(tmp_path).agent(jr.key(0), observation),
        whole.agent(jr.key(0), observation),
    )


def test_a_run_goes_on_for_longer(tmp_path):
    train(Walk(), CartPole(), 0, 30, folder=tmp_path)
    longer = resume(tmp_path, num_steps=50)
    first = train(Walk(), CartPole(), 0, 30)
    assert_equal(
        longer.learner, train(Walk(), CartPole(), 0, 50, learner=first.learner).learner
    )
    assert load(tmp_path).record["num_steps"] == 50


def test_a_run_that_reached_its_target_is_finished(tmp_path):
    options = dict(target_return=3, folder=tmp_path)
    trained = train(Walk(), CartPole(), 0, 1000, **options)
    assert trained.learner.num_updates == 4
    assert_same(resume(tmp_path), trained)
    assert load(tmp_path).record["target_return"] == 3


def test_a_run_that_diverged_keeps_its_last_good_learner(tmp_path):
    with pytest.raises(TrainingDiverged, match="saved in") as error:
        train(Walk(fails_in=4), CartPole(), 0, 100, folder=tmp_path)
    run = load(tmp_path)
    assert run.record["status"] == "diverged" and run.learner.num_updates == 4
    assert_same(run, error.value.trained)
    with pytest.raises(TrainingDiverged):
        resume(tmp_path)


def test_arrays_of_a_configuration_lie_beside_it(tmp_path):
    torques = jnp.linspace(1.0, 4.0, 8)
    worlds = eqx.filter_vmap(lambda t: Pendulum(max_torque=t))(torques)
    trained = train(Walk(), worlds, 0, 30, folder=tmp_path)
    assert (tmp_path / "arrays.npz").exists()
    run = load(tmp_path)
    assert eqx.tree_equal(run.env, worlds)
    assert_same(run, trained)


def test_only_one_process_trains_in_a_folder(tmp_path):
    train(Walk(), CartPole(), 0, 30, folder=tmp_path)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(FileExistsError, match=f"{tmp_path} already holds a run"):
        train(Walk(), CartPole(), 1, 30, folder=tmp_path)
    with Recorder(tmp_path) as recorder:
        recorder.reopen(None)
        with pytest.raises(BlockingIOError, match=f"is training in {tmp_path}"):
            resume(tmp_path)
        with pytest.raises(BlockingIOError, match=f"is training in {tmp_path}"):
            annotate(tmp_path, note=1)
        load(tmp_path)  # Reading is always possible.
    resume(tmp_path)
    assert (tmp_path / "run.json").read_bytes() == before


def killed_and_resumed(folder, generator, num_kills):
    """Trains in processes of their own, of which all but the last are killed."""
    command = [sys.executable, "-m", "tests.agents.train_walk", str(folder)]
    statuses = []
    while True:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if len(statuses) < num_kills:
            # Mostly while it trains and saves, sometimes before.
            before = (folder / "learner.eqx").exists()
            stamp = (folder / "learner.eqx").stat().st_mtime_ns if before else None
            if generator.random() < 0.9:
                while process.poll() is None and (
                    not (folder / "learner.eqx").exists()
                    or (folder / "learner.eqx").stat().st_mtime_ns == stamp
                ):
                    time.sleep(0.01)
            time.sleep(generator.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
        output, errors = process.communicate()
        statuses.append(process.returncode)
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 0, errors
            return statuses, output


def assert_kills_change_nothing(folder, num_kills):
    statuses, output = killed_and_resumed(folder, random.Random(0), num_kills)
    assert f"finished with {NUM_STEPS // 10}" in output
    whole = train(Walk(), CartPole(), 0, NUM_STEPS)
    assert_same(load(folder), whole)
    left = {p.name for p in folder.iterdir() if not p.name.startswith(".")}
    assert left == {"learner.eqx", "metrics.csv", "run.json"}
    return statuses


def test_a_killed_run_ends_as_if_it_had_not_been_killed(tmp_path):
    statuses = assert_kills_change_nothing(tmp_path, num_kills=2)
    assert statuses[0] == -signal.SIGKILL


@pytest.mark.slow
def test_a_run_killed_twenty_times_ends_as_if_it_had_not_been_killed(tmp_path):
    assert_kills_change_nothing(tmp_path, num_kills=20)


# Damage.


def replace(folder, name, old, new):
    path = folder / name
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def flip(folder, name, place):
    path = folder / name
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


DAMAGE = {
    "no record": (
        lambda f: (f / "run.json").unlink(), "run.json is missing"
    ),
    "empty record": (
        lambda f: (f / "run.json").write_text(""), "run.json is damaged: it is not JSON"
    ),
    "truncated record": (
        lambda f: (f / "run.json").write_text('{"format": 1,'),
        "run.json is damaged: it is not JSON",
    ),
    "record {}": (
        lambda f: (f / "run.json").write_text("{}"), "run.json .* no entry 'format'"
    ),
    "record null": (
        lambda f: (f / "run.json").write_text("null"), "run.json .* no entry 'format'"
    ),
    "no key": (
        lambda f: replace(f, "run.json", b'"algorithm"', b'"algorism"'),
        "run.json .* no entry 'algorithm'",
    ),
    "new format": (
        lambda f: replace(f, "run.json", b'"format": 1', b'"format": 2'),
        "run.json was written by another version",
    ),
    "unknown class": (
        lambda f: replace(f, "run.json", b"eqenvs:CartPole", b"eqenvs:CartPool"),
        "run.json does not describe an environment: .*CartPool",
    ),
    "unknown field": (
        lambda f: replace(f, "run.json", b'"gravity"', b'"gravty"'),
        "run.json does not describe an environment: .*gravty",
    ),
    "wrong value": (
        lambda f: replace(f, "run.json", b'"gravity": 9.8', b'"gravity": "x"'),
        "run.json does not describe an environment: .*gravity",
    ),
    "no learner": (
        lambda f: (f / "learner.eqx").unlink(), "learner.eqx is missing"
    ),
    "empty learner": (
        lambda f: (f / "learner.eqx").write_bytes(b""), "learner.eqx is damaged"
    ),
    "truncated learner": (
        lambda f: os.truncate(f / "learner.eqx", 500), "learner.eqx is damaged"
    ),
    "junk behind the learner": (
        lambda f: os.truncate(f / "learner.eqx", 10_000), "learner.eqx is damaged"
    ),
    "a bit of the weights": (
        lambda f: flip(f, "learner.eqx", -5), "learner.eqx is damaged"
    ),
    "a bit of the checksum": (
        lambda f: flip(f, "learner.eqx", 0), "learner.eqx is damaged"
    ),
    "foreign learner": (
        lambda f: (f / "learner.eqx").write_bytes(b"\x93NUMPY\nfoo\n"),
        "learner.eqx is damaged, or was not saved",
    ),
    "no metrics": (
        lambda f: (f / "metrics.csv").unlink(), "metrics.csv is missing"
    ),
    "too few metrics": (
        lambda f: os.truncate(f / "metrics.csv", 40), "metrics.csv is damaged"
    ),
    "no numbers": (
        lambda f: replace(f, "metrics.csv", b"10,", b"ten,"), "metrics.csv is damaged"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def a_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(Walk(), CartPole(), 0, 30, folder=folder)
    return folder


def copy_of(a_run, folder):
    for path in a_run.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(a_run, damage, tmp_path):
    folder = copy_of(a_run, tmp_path)
    damaged, message = DAMAGE[damage]
    load(folder)
    damaged(folder)
    with pytest.raises((ValueError, OSError), match=message) as error:
        load(folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)
    if damage not in ("no learner", "no metrics"):
        with pytest.raises((ValueError, OSError), match=message):
            resume(folder)


def test_a_learner_of_another_run_is_refused(tmp_path):
    small = dict(num_envs=8, rollout_steps=8, num_minibatches=2, num_epochs=2)
    PPO(**small).train(CartPole(), 0, 64, folder=tmp_path / "ppo")
    learner = tmp_path / "ppo" / "learner.eqx"
    train(Walk(), CartPole(), 0, 30, folder=tmp_path / "walk")
    (tmp_path / "walk" / "learner.eqx").write_bytes(learner.read_bytes())
    with pytest.raises(ValueError, match=r"does not match .*run\.json"):
        load(tmp_path / "walk")
    replace(learner.parent, "run.json", b'"hidden_width": 64', b'"hidden_width": 32')
    with pytest.raises(ValueError, match=r"\(64, 4\) instead of .* shape \(32, 4\)"):
        load(learner.parent)


def test_the_other_precision_is_refused(a_run):
    is_x64 = jax.config.jax_enable_x64
    bits = 64 if is_x64 else 32
    with (
        jax.enable_x64(not is_x64),
        pytest.raises(ValueError, match=rf"run\.json belongs to a run with {bits}-bit"),
    ):
        load(a_run)


def test_other_versions_are_told(a_run, tmp_path):
    folder = copy_of(a_run, tmp_path)
    replace(folder, "run.json", jax.__version__.encode(), b"0.0.1")
    with pytest.warns(UserWarning, match=r"was started with .*0\.0\.1"):
        resume(folder)


def test_mistakes(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        train(Walk(), CartPole(), 0, 30, folder=tmp_path / "file")
    with pytest.raises(TypeError, match="JSON"):
        train(Walk(), CartPole(), 0, 30, folder=tmp_path / "a", notes={"x": object()})
    assert not (tmp_path / "a").exists()
    learner = train(Walk(), CartPole(), 0, 10).learner
    with pytest.raises(ValueError, match="takes no `learner`"):
        train(Walk(), CartPole(), 0, 30, folder=tmp_path / "a", learner=learner)
    with pytest.raises(FileNotFoundError, match=r"run\.json is missing"):
        resume(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_it_is_saved_every_so_often(tmp_path, monkeypatch):
    saves = []
    save = Recorder.save

    def counted(self, learner, metrics, status):
        saves.append((int(learner.num_updates), status))
        save(self, learner, metrics, status)

    monkeypatch.setattr(Recorder, "save", counted)
    monkeypatch.setattr(training, "_MAX_PIECE", 2)
    train(Walk(), CartPole(), 0, 80, folder=tmp_path / "a", checkpoint_seconds=0)
    assert saves[-1] == (8, "finished") and len(saves) >= 5
    saves.clear()
    train(Walk(), CartPole(), 0, 80, folder=tmp_path / "b", checkpoint_seconds=1000)
    assert saves == [(8, "finished")]


# Runs of eqenvs 0.1.0, made by `eqenvs train` of that version.


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1"])
def test_a_run_of_version_0_1_0_is_read(name, either_precision):
    folder = pathlib.Path(__file__).parent / "version_0_1_0" / name
    run = load(folder)
    expected = json.loads((folder / "expected.json").read_text())
    assert run.learner is None and run.algorithm.hidden_width == 8
    observations = jnp.asarray(expected["observations"], float)
    actions = jax.vmap(run.agent.greedy, in_axes=(None, 0))(jr.key(0), observations)
    np.testing.assert_allclose(actions, expected["actions"], rtol=1e-5)
    values = jax.vmap(run.agent.value)(observations)
    np.testing.assert_allclose(values, expected["values"], rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"saved by eqenvs 0\.1\.0"):
        resume(folder)


def test_damage_to_a_run_of_version_0_1_0_is_named(tmp_path):
    source = pathlib.Path(__file__).parent / "version_0_1_0" / "CartPole-v1"
    folder = copy_of(source, tmp_path)
    os.truncate(folder / "agent.eqx", 300)
    with pytest.raises(ValueError, match=r"agent\.eqx is damaged"):
        load(folder)
    copy_of(source, folder)
    with (folder / "agent.eqx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match=r"agent\.eqx is damaged"):
        load(folder)
    (folder / "agent.eqx").unlink()
    with pytest.raises(FileNotFoundError, match=r"agent\.eqx is missing"):
        load(folder)
    (folder / "agent.eqx").write_bytes(b"")
    replace(folder, "run.json", b"CartPole-v1", b"CartPool-v1")
    with pytest.raises(ValueError, match=r"run\.json is damaged: .*CartPole-v1"):
        load(folder)
