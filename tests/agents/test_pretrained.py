"""The agents that come with the library."""

import json
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats

import eqenvs
from eqenvs import (
    BernoulliBandit,
    CartPole,
    ContinuousMountainCar,
    GaussianBandit,
    MetaMaze,
    PointRobot,
)
from eqenvs.agents import (
    EvolutionStrategy,
    load,
    PPO,
    pretrained,
    Run,
    TablePolicy,
    TupleTablePolicy,
)
from eqenvs.agents._pretrained import FOLDER, load_pretrained, save_pretrained
from eqenvs.cli._report import summary
from tools import blackjack, train_agents
from tools.best_returns import best_possible


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


def test_a_table_is_saved_and_read(tmp_path, monkeypatch):
    env = eqenvs.make("CliffWalking-v1")
    table = TablePolicy(np.arange(48) % 4)
    run = Run(env, None, table, {}, None, {})
    save_pretrained("CliffWalking-v1", run, {}, tmp_path)
    monkeypatch.setattr("eqenvs.agents._pretrained.FOLDER", tmp_path)
    read = load("CliffWalking-v1")
    assert read.algorithm is None and eqx.tree_equal(read.env, env)
    actions = jax.vmap(read.agent, in_axes=(None, 0))(
        jr.key(0), jnp.arange(48, dtype=jnp.int32)
    )
    np.testing.assert_array_equal(actions, np.arange(48) % 4)
    assert actions.dtype == jnp.int32


def test_a_table_of_tuples_is_saved_and_read(tmp_path, monkeypatch):
    env = eqenvs.make("Blackjack-v1")
    actions = np.random.default_rng(0).integers(0, 2, (32, 11, 2))
    table = TupleTablePolicy(actions.ravel(), actions.shape)
    save_pretrained("Blackjack-v1", Run(env, None, table, {}, None, {}), {}, tmp_path)
    monkeypatch.setattr("eqenvs.agents._pretrained.FOLDER", tmp_path)
    read = load("Blackjack-v1").agent
    observations = jax.tree.map(jnp.int32, np.indices(actions.shape).reshape(3, -1))
    for policy in (read, read.greedy):
        found = jax.vmap(policy, in_axes=(None, 0))(jr.key(0), tuple(observations))
        np.testing.assert_array_equal(found, actions.ravel())
        assert found.dtype == jnp.int32


def test_a_table_says_what_is_wrong(unchecked):
    del unchecked
    with pytest.raises(ValueError, match=r"TablePolicy\.actions must be .* at least 0"):
        TablePolicy([0, -1])
    message = r"the agent's observation must .*in Discrete\(2\); got the"
    for wrong in (jnp.zeros(()), jnp.zeros(4, jnp.int32)):
        with pytest.raises((TypeError, ValueError), match=message):
            TablePolicy([0, 1])(jr.key(0), wrong)


def test_blackjacks_agent_is_optimal():
    run = load_pretrained("Blackjack-v1")
    table = np.asarray(run.agent.actions).reshape(np.asarray(run.agent.sizes))
    np.testing.assert_array_equal(table, blackjack.optimal_actions())
    expected = run.record["expected_return"]
    assert expected == pytest.approx(blackjack.optimal_return())
    stated = run.record["evaluation"]
    assert abs(stated["mean"] - expected) <= 4 * stated["standard_error"]


def is_exact(id):
    """Whether the record is that of a policy, and not of a trained agent, which takes
    long to load."""
    return "policy" in json.loads((FOLDER / f"{id}.json").read_bytes())


# Those of which Gymnasium has a table.
EXACT = [id for id in pretrained() if is_exact(id) and id != "Blackjack-v1"]


def outcomes_of(id):
    """Gymnasium's table as arrays over states, actions and outcomes."""
    gymnasium = pytest.importorskip("gymnasium")
    table = gymnasium.make(id).unwrapped.P
    entries = np.zeros((len(table), len(table[0]), 3, 4))
    for state, actions in table.items():
        for action, outcomes in actions.items():
            entries[state, action, : len(outcomes)] = outcomes
    probability, after, reward, ended = np.moveaxis(entries, -1, 0)
    return probability, after.astype(int), reward, ended == 1


@pytest.mark.parametrize("id", EXACT)
def test_an_exact_agent_is_optimal_by_gymnasiums_table(id):
    run = load_pretrained(id)
    probability, after, reward, ended = outcomes_of(id)
    states = np.arange(len(after))
    chosen = np.asarray(run.agent.actions)

    def action_values(values, discount):
        later = np.where(ended, 0, discount * values[after])
        return (probability * (reward + later)).sum(axis=2)

    values, change = np.zeros(len(after)), 1.0
    while change > 1e-9:
        new = action_values(values, run.record["discount"]).max(axis=1)
        values, change = new, np.max(np.abs(new - values))
    best = action_values(values, run.record["discount"])
    np.testing.assert_allclose(best[states, chosen], best.max(axis=1), atol=1e-6)

    # What its record says it earns within the time limit.
    values = np.zeros(len(after))
    for _ in range(min(int(run.env.max_steps), 20_000)):
        values = action_values(values, 1)[states, chosen]
    first = gymnasium_start(id)
    assert values @ first == pytest.approx(run.record["expected_return"], abs=1e-6)
    stated = run.record["evaluation"]
    error = abs(stated["mean"] - run.record["expected_return"])
    assert error <= 4 * stated["standard_error"] + 1e-6


def gymnasium_start(id):
    gymnasium = pytest.importorskip("gymnasium")
    return np.asarray(gymnasium.make(id).unwrapped.initial_state_distrib)


def test_bounds_keep_their_values_in_64_bits(tmp_path, monkeypatch):
    with jax.enable_x64(False):
        env = ContinuousMountainCar()
        evolution = EvolutionStrategy(hidden_depth=0, scale_observations=True)
        agent = evolution.agent(evolution.init(env, jr.key(0)))
        run = Run(env, evolution, agent, {}, None, {})
        save_pretrained("MountainCarContinuous-v0", run, {}, tmp_path)
    monkeypatch.setattr("eqenvs.agents._pretrained.FOLDER", tmp_path)
    with jax.enable_x64(True):
        wide = load("MountainCarContinuous-v0").agent
        _, high = wide.network.input_bounds
        assert high.value.dtype == jnp.float64
        np.testing.assert_array_equal(high.value, np.float32([0.6, 0.07]))
        np.testing.assert_array_equal(wide.bounds[1].value, [1.0])


def test_many_weights_are_stored_in_half_precision(tmp_path, monkeypatch):
    env = CartPole()
    ppo = PPO(hidden_width=4, hidden_depth=1)
    agent = ppo.agent(ppo.init(env, jr.key(5)))
    assert train_agents.rounded(agent) is agent
    monkeypatch.setattr(train_agents, "MANY_WEIGHTS", 10)
    agent = train_agents.rounded(agent)
    save_pretrained("CartPole-v1", Run(env, ppo, agent, {}, None, {}), {}, tmp_path)
    monkeypatch.setattr("eqenvs.agents._pretrained.FOLDER", tmp_path)
    assert eqx.tree_equal(load("CartPole-v1").agent, agent)
    with np.load(tmp_path / "CartPole-v1.npz") as file:
        assert {x.dtype for x in file.values()} == {np.dtype(np.float16)}


def test_the_best_return_of_a_bandit_without_noise():
    """One pull tells what all others pay."""
    prior = scipy.stats.norm(-1, 1)
    mean_if_good = prior.expect(lambda x: x, lb=0)
    found = best_possible(GaussianBandit(reward_scale=1e-3))
    assert found is not None
    np.testing.assert_allclose(found["mean"], -1 + 99 * mean_if_good, atol=2e-3)


@pytest.mark.parametrize(
    ("max_steps", "expected"),
    [
        (1, 10 / 8),  # The goal is one of eight cells.
        # Found in the first step, the goal has three neighbors among the other eight
        # cells, and a second visit pays with probability 3/8.
        (2, (10 + 10 * 3 / 8 + 10) / 8),
    ],
)
def test_the_best_return_of_a_small_maze(max_steps, expected):
    found = best_possible(MetaMaze(size=3, max_steps=max_steps))
    assert found is not None
    np.testing.assert_allclose(found["mean"], expected)


def test_the_best_return_of_a_bandit_of_two_arms():
    """It guesses once. Then the arm that was spoken for is the better one with
    probability 0.9; a second outcome can only make that a tie."""
    found = best_possible(BernoulliBandit(reward_probability=0.1, max_steps=3))
    assert found is not None
    likelier = 0.9 * 0.9 + 0.1 * 0.1
    np.testing.assert_allclose(found["mean"], 0.5 + 2 * likelier, rtol=1e-6)
    assert best_possible(BernoulliBandit(kind="independent")) is None


def test_the_bound_of_a_robot_in_the_middle():
    """Half of its way is one move; within two, it is at any goal on the circle."""
    robot = PointRobot(
        start_low=(0.0, 0.0),
        start_high=(0.0, 0.0),
        max_force=0.5,
        goal_radius=0.25,
        max_steps=10,
    )
    found = best_possible(robot)
    assert found is not None
    np.testing.assert_allclose(found["mean"], 9)
    assert best_possible(PointRobot(dense_reward=True)) is None


def test_an_id_without_an_agent():
    message = "no agent for MNISTBandit-bsuite comes with"
    with pytest.raises(FileNotFoundError, match=message):
        load("MNISTBandit-bsuite")


def test_a_folder_comes_first(tmp_path, monkeypatch):
    (tmp_path / "CartPole-v1").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=re.escape("CartPole-v1/run.json")):
        load("CartPole-v1")


@pytest.mark.parametrize("id", pretrained())
def test_each_fits_its_environment(id):
    """In the environment that its id stands for today."""
    with jax.enable_x64(False):  # Its numbers were saved with 32 bits.
        assert eqx.tree_equal(load_pretrained(id).env, eqenvs.make(id))
    run = load_pretrained(id)
    policy = getattr(run.agent, "greedy", run.agent)
    jax.eval_shape(lambda key: eqenvs.evaluate(run.env, policy, key, 2), jr.key(0))
    stated = run.record["evaluation"]
    assert stated["num_episodes"] == 1_000
    if "best_possible" in run.record:
        best = run.record["best_possible"]["mean"]
        assert stated["mean"] <= best + 4 * stated["standard_error"]


@pytest.mark.trained
@pytest.mark.parametrize("id", pretrained())
def test_each_is_as_good_as_its_record_says(id):
    run = load_pretrained(id)
    policy = getattr(run.agent, "greedy", run.agent)
    found = summary(eqenvs.evaluate(run.env, policy, 3, 200))
    stated = run.record["evaluation"]
    error = np.hypot(found["standard_error"], stated["standard_error"])
    assert abs(found["mean"] - stated["mean"]) <= 4 * error + 1e-6
