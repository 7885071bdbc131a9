"""The agents that come with the library."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import eqenvs
from eqenvs import CartPole
from eqenvs.agents import load, PPO, pretrained, Run
from eqenvs.agents._pretrained import load_pretrained, save_pretrained
from eqenvs.cli._report import summary


def test_what_is_saved_is_read(tmp_path, monkeypatch):
    env = CartPole(gravity=3.7)
    ppo = PPO(hidden_width=4, hidden_depth=1)
    agent = ppo.agent(ppo.init(env, jr.key(5)))
    run = Run(env, ppo, agent, {}, None, {})
    save_pretrained("CartPole-v1", run, {"num_steps": 3}, tmp_path)
    monkeypatch.setattr("eqenvs.agents._pretrained.FOLDER", tmp_path)
    assert pretrained() == ("CartPole-v1",)
    read = load("CartPole-v1")
    assert eqx.tree_equal(read.agent, agent)
    assert eqx.tree_equal((read.env, read.algorithm), (env, ppo))
    assert read.record["num_steps"] == 3 and read.learner is None
    with jax.enable_x64(True):
        wide = load("CartPole-v1").agent
    for x, y in zip(jax.tree.leaves(wide), jax.tree.leaves(agent), strict=True):
        if eqx.is_inexact_array(x):
            assert x.dtype == jnp.float64
            np.testing.assert_array_equal(x, y)


def test_an_id_without_an_agent():
    with pytest.raises(FileNotFoundError, match="no agent for CartPole-v0 comes with"):
        load("CartPole-v0")


def test_a_folder_comes_first(tmp_path, monkeypatch):
    (tmp_path / "CartPole-v1").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=re.escape("CartPole-v1/run.json")):
        load("CartPole-v1")


@pytest.mark.parametrize("id", pretrained())
def test_each_fits_its_environment(id):
    """In the environment that its id stands for today."""
    run = load_pretrained(id)
    assert eqx.tree_equal(run.env, eqenvs.make(id))
    policy = getattr(run.agent, "greedy", run.agent)
    jax.eval_shape(lambda key: eqenvs.evaluate(run.env, policy, key, 2), jr.key(0))
    assert run.record["evaluation"]["num_episodes"] == 1_000


@pytest.mark.trained
@pytest.mark.parametrize("id", pretrained())
def test_each_is_as_good_as_its_record_says(id):
    run = load_pretrained(id)
    policy = getattr(run.agent, "greedy", run.agent)
    found = summary(eqenvs.evaluate(run.env, policy, 3, 200))
    stated = run.record["evaluation"]
    error = np.hypot(found["standard_error"], stated["standard_error"])
    assert abs(found["mean"] - stated["mean"]) <= 4 * error + 1e-6
