"""The settings of bsuite beside `bsuite.sweep`, and what its `load` functions make."""

import contextlib
import io

import bsuite
import numpy as np
import pytest
from bsuite import sweep
from bsuite.utils import datasets

import eqenvs
from eqenvs import wrappers
from eqenvs.sweeps.bsuite import _settings, setting, settings


IDS = tuple(sweep.SWEEP)
WITHOUT_MNIST = [id for id in IDS if not id.startswith("mnist")]


def original(id):
    with contextlib.redirect_stdout(io.StringIO()):
        return bsuite.load_from_id(id)


def test_all_settings():
    assert [s.id for s in settings()] == list(IDS)
    assert len(settings()) == 468
    for s in settings():
        assert dict(s.parameters) == sweep.SETTINGS[s.id]
        assert s.num_episodes == sweep.EPISODES[s.id]
        assert set(s.tags) == {tag for tag in sweep.TAGS if s.id in sweep.TAGS[tag]}


def what_decides_the_task(env):
    """The parameters of an original under our names."""
    raw = env.raw_env if hasattr(env, "raw_env") else env
    names = {
        "SimpleBandit": {"rewards": "_rewards"},
        "Catch": {"rows": "_rows", "columns": "_columns"},
        "Cartpole": {
            "height_threshold": "_height_threshold",
            "x_threshold": "_x_threshold",
            "time_delta": "_timescale",
            "max_time": "_max_time",
        },
        "CartpoleSwingup": {
            "height_threshold": "_height_threshold",
            "theta_dot_threshold": "_theta_dot_threshold",
            "x_reward_threshold": "_x_reward_threshold",
            "move_cost": "_move_cost",
            "x_threshold": "_x_threshold",
            "time_delta": "_timescale",
            "max_time": "_max_time",
        },
        "DeepSea": {
            "size": "_size",
            "action_mapping": "_action_mapping",
            "deterministic": "_deterministic",
            "unscaled_move_cost": "_unscaled_move_cost",
        },
        "DiscountingChain": {"rewards": "_rewards"},
        "MemoryChain": {"memory_length": "_memory_length", "num_bits": "_num_bits"},
        "MountainCar": {"episode_length": "_max_steps", "gravity": "_gravity"},
        "UmbrellaChain": {
            "chain_length": "_chain_length",
            "num_distractors": "_n_distractor",
        },
    }
    return {
        ours: getattr(raw, name) for ours, name in names[type(raw).__name__].items()
    }


@pytest.mark.parametrize("experiment", dict.fromkeys(i.split("/")[0] for i in IDS))
def test_every_environment_is_that_of_bsuite(experiment, monkeypatch):
    images, labels = np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.uint8)
    monkeypatch.setattr(datasets, "load_mnist", lambda: ((images, labels), None))
    monkeypatch.setattr(
        _settings, "_mnist_from", lambda _: eqenvs.MNISTBandit(images, labels)
    )
    for id in (id for id in IDS if id.split("/")[0] == experiment):
        theirs, ours = original(id), eqenvs.make(f"bsuite:{id}")
        assert theirs.bsuite_num_episodes == setting(id).num_episodes
        if experiment.endswith("_noise"):
            assert isinstance(ours, wrappers.RewardNoise)
            assert float(ours.scale) == pytest.approx(theirs._noise_scale)
            ours = ours.env
        if experiment.endswith("_scale"):
            assert isinstance(ours, wrappers.RewardScale)
            assert float(ours.scale) == pytest.approx(theirs._reward_scale)
            ours = ours.env
        if "mnist" in experiment:
            assert isinstance(ours, eqenvs.MNISTBandit)
            continue
        for name, value in what_decides_the_task(theirs).items():
            np.testing.assert_allclose(getattr(ours, name), value, rtol=1e-6)
        assert ours.action_space.n == theirs.action_spec().num_values
        assert np.prod(ours.observation_space.shape) == np.prod(
            theirs.observation_spec().shape
        )


def test_no_episode_reaches_a_time_limit():
    """They are terminated, as in bsuite, and not truncated."""
    lengths = {
        "umbrella_length/22": 100,
        "memory_len/22": 101,
        "deep_sea/20": 50,
        "catch/0": 9,
    }
    for id, length in lengths.items():
        assert int(eqenvs.make(f"bsuite:{id}").max_steps) >= length
    assert int(eqenvs.make("bsuite:umbrella_length/22").max_steps) > 100


def test_names_that_do_not_exist():
    with pytest.raises(ValueError, match="Did you mean 'catch'"):
        eqenvs.make("bsuite:cach/0")
    with pytest.raises(ValueError, match="catch/0 to catch/19; got 'catch/20'"):
        eqenvs.make("bsuite:catch/20")
    with pytest.raises(TypeError, match="takes no parameters"):
        eqenvs.make("bsuite:catch/0", rows=3)
    with pytest.raises(ValueError, match="no environment with the id 'bsweet:catch/0'"):
        eqenvs.make("bsweet:catch/0")
