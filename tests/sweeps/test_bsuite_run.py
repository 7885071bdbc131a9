"""Sweeps from the first step to the report."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import eqenvs
from eqenvs.agents import A2C, RandomAgent
from eqenvs.sweeps.bsuite import _run, load, run, setting, settings
from eqenvs.sweeps.bsuite._programs import (
    _job,
    play,
    Program,
    programs,
    recorded,
    start,
)


CHAINS = [s for s in settings() if s.experiment == "discounting_chain"]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    return run(
        RandomAgent(),
        folder / "run",
        seed=3,
        experiments=["discounting_chain"],
        quick=True,
    )


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")}


def test_a_sweep(sweep):
    results = load(sweep.folder)
    assert list(results) == [s.id for s in CHAINS]
    for columns in results.values():
        assert columns["episode"][-1] == 100
        assert columns["steps"].tolist() == (100 * columns["episode"]).tolist()
        # Every chain pays 1 or 1.1 an episode.
        assert 100 <= columns["total_return"][-1] <= 110.0001
    # A random agent finds the chain of the bonus in a fifth of the episodes.
    assert 0.1 < sweep.scores["discounting_chain"] < 0.3
    report = (sweep.folder / "report.md").read_text()
    assert "a tenth of bsuite's episodes" in report and "Left out" in report
    assert sorted(p.name for p in sweep.folder.iterdir() if p.suffix != ".csv") == [
        "radar.png",
        "report.md",
        "run.json",
    ]


def test_agents_differ(sweep):
    files = list(contents(sweep.folder).values())
    assert len(set(files)) == len(files)


def test_a_sweep_goes_on_where_it_ended(sweep, tmp_path):
    """Lanes that are run again, without the others, give the same files."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_bytes((sweep.folder / "run.json").read_bytes())
    before = contents(sweep.folder)
    names = sorted(before)
    for name in names[:17]:
        (folder / name).write_bytes(before[name])
    times = {name: (folder / name).stat().st_mtime_ns for name in names[:17]}
    run(RandomAgent(), folder, seed=3, experiments=["discounting_chain"], quick=True)
    assert contents(folder) == before
    assert times == {name: (folder / name).stat().st_mtime_ns for name in names[:17]}


def test_what_was_played_before_a_kill_is_not_played_again(
    sweep, tmp_path, monkeypatch
):
    """Lanes continue from the learners that were saved, to the same files."""
    monkeypatch.setattr(_run, "_PIECE_SECONDS", 1e-9)
    monkeypatch.setattr(_run, "_SAVE_SECONDS", 0.0)
    updates = []

    def play_until_killed(algorithm, lanes, *arguments):
        updates.append(int(lanes.learners.num_updates[0]))
        if len(updates) == 5:
            raise KeyboardInterrupt
        return play(algorithm, lanes, *arguments)

    monkeypatch.setattr(_run, "play", play_until_killed)
    arguments = dict(seed=3, experiments=["discounting_chain"], quick=True)
    with pytest.raises(KeyboardInterrupt):
        run(RandomAgent(), tmp_path / "run", **arguments)
    assert [p.name for p in (tmp_path / "run").glob("*.npz")] == [
        "unfinished-discounting-chain.npz"
    ]
    monkeypatch.setattr(_run, "_PIECE_SECONDS", 1.0)
    run(RandomAgent(), tmp_path / "run", **arguments)
    assert updates[4] > 0 and updates[5] == updates[4]
    assert contents(tmp_path / "run") == contents(sweep.folder)
    assert not list((tmp_path / "run").glob("*.npz"))


def test_another_sweep_is_refused(sweep, tmp_path):
    with pytest.raises(ValueError, match="seed was 3 and is 4"):
        run(RandomAgent(), sweep.folder, seed=4, quick=True)
    with pytest.raises(ValueError, match="rollout_steps was 64 and is 8"):
        run(RandomAgent(rollout_steps=8), sweep.folder, seed=3, quick=True)
    (tmp_path / "bsuite_id_-_catch-3.csv").write_text("episode\n1\n")
    with pytest.raises(ValueError, match="from elsewhere"):
        run(RandomAgent(), tmp_path)


def test_bad_arguments(tmp_path, unchecked):
    del unchecked
    with pytest.raises(ValueError, match="no experiment 'catsh'"):
        run(RandomAgent(), tmp_path / "a", experiments=["catsh"])
    with pytest.raises(TypeError, match="a sequence of names"):
        run(RandomAgent(), tmp_path / "a", experiments="catch")
    with pytest.raises(TypeError, match="algorithm must be an algorithm"):
        run("ppo", tmp_path / "a")
    assert not (tmp_path / "a").exists()
    with pytest.raises(ValueError, match="num_envs=1; got 2"):
        run(RandomAgent(num_envs=2), tmp_path / "b", experiments=["bandit"])


def test_missing_images_are_reported_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("EQENVS_DATA", str(tmp_path / "nothing"))
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(FileNotFoundError, match="MNIST needs the files"):
        run(RandomAgent(), tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.csv"))


def test_every_setting_is_in_one_program():
    everything = programs([s.experiment for s in settings()])
    ids = [s.id for program in everything for s in program.settings]
    assert sorted(ids) == sorted(s.id for s in settings())
    assert len(everything) == 14


def test_lanes_are_left_out_when_half_are_finished(tmp_path, monkeypatch):
    """Chains of different lengths: the short ones end, and their lanes with them."""
    sizes = []
    original = _run._spread

    def spread(lanes, chosen):
        sizes.append(len(chosen))
        return original(lanes, chosen)

    monkeypatch.setattr(_run, "_spread", spread)
    monkeypatch.setattr(_run, "_PIECE_SECONDS", 1e-9)
    lengths = [setting(f"memory_len/{i}") for i in (0, 1, 12)]
    program = Program("memory", tuple(lengths))
    bar = _run._Bar(False, [program], 0.01)
    _run._run_program(
        RandomAgent(rollout_steps=8),
        program,
        eqenvs.random.key(0),
        0.01,
        tmp_path,
        bar,
    )
    assert sizes == [3, 1]
    for columns, length in zip(load(tmp_path).values(), (1, 2, 17), strict=True):
        assert columns["episode"][-1] == 100
        assert columns["steps"][-1] == 100 * (length + 1)


def test_networks_are_initialized_for_the_true_size():
    algorithm = A2C(num_envs=1, rollout_steps=4, hidden_width=5, hidden_depth=1)
    key = eqenvs.random.key(7)
    program = Program("memory", (setting("memory_size/1"), setting("memory_size/2")), 3)
    lanes = start(algorithm, program, key, 0.01)
    for lane, chosen in enumerate(program.settings):
        bits = chosen.parameters["num_bits"]
        number = [s.id for s in settings()].index(chosen.id)
        env = recorded(chosen, 0.01, bits)
        true = _job(
            algorithm, env, env, jax.random.fold_in(key, number)
        ).first_learner()
        for of in (lambda l: l.agent.actor, lambda l: l.agent.critic):
            first, *others = jax.tree.leaves(of(lanes.learners))
            true_first, *true_others = jax.tree.leaves(of(true))
            assert first.shape[-1] == 5 and true_first.shape[-1] == bits + 2
            np.testing.assert_allclose(first[lane, :, : bits + 2], true_first, 1e-5)
            assert np.all(np.asarray(first[lane, :, bits + 2 :]) == 0)
            for x, y in zip(others, true_others, strict=True):
                np.testing.assert_allclose(x[lane], y, 1e-5, 1e-7)


def test_schedules_follow_the_episodes():
    """After 40 updates of 50 steps, 20 of 100 episodes of 100 steps are over."""
    algorithm = RandomAgent(rollout_steps=50)
    program = Program("chain", (CHAINS[0],))
    lanes = start(algorithm, program, eqenvs.random.key(0), 0.1)
    assert np.all(np.isinf(lanes.learners.planned_updates))
    lanes = play(algorithm, lanes, 100, 41)
    # As the last update had it, which came after 40 others.
    assert lanes.learners.planned_updates == pytest.approx(40 / 0.2)


_TWO_DEVICES = """
import sys
import jax
from eqenvs.agents import RandomAgent
from eqenvs.sweeps.bsuite import run
assert len(jax.devices()) == 2
run(RandomAgent(), sys.argv[1], seed=3, experiments=["discounting_chain"], quick=True)
"""


def test_two_devices_give_the_same(sweep, tmp_path):
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=2"
    environment = {**os.environ, "XLA_FLAGS": flags}
    subprocess.run(
        [sys.executable, "-c", _TWO_DEVICES, str(tmp_path / "run")],
        env=environment,
        check=True,
    )
    assert contents(tmp_path / "run") == contents(sweep.folder)


def test_the_configuration_is_complete(sweep):
    config = json.loads((sweep.folder / "run.json").read_text())
    assert config["algorithm"]["rollout_steps"] == 64
    assert (config["seed"], config["quick"]) == (3, True)
