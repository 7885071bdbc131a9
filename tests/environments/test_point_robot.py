"""PointRobot beside a NumPy reference, and the laws of its starts and goals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from eqenvs import PointRobot, VectorEnvironment

from ..reference import point_robot as reference
from .planar import episode


NUM_STEPS = 100
SIGNIFICANCE = 1e-3  # of every statistical test; the seeds are fixed


def compare(env, key, actions, tolerance):
    """Returns how often the goal was reached."""
    start, observation, outputs = jax.tree.map(
        np.asarray, episode(env, key, jnp.asarray(actions))
    )
    if env.goal is not None:
        assert (start.goal == env.goal).all()
    limit = int(env.max_steps)
    original = reference.PointRobot(
        start.position,
        start.goal,
        float(env.max_force),
        float(env.goal_radius),
        env.dense_reward,
    )

    def look(position, reward, move, time):
        if env.observation == "position":
            return position
        return [
            *position,
            reward,
            *move,
            2 * time / limit - 1 if env.normalize_time else time,
        ]

    expected = look(original.position, 0, (0, 0), 0)
    np.testing.assert_allclose(observation, expected, **tolerance)
    rewards = 0
    for t, action in enumerate(actions[:limit]):
        position, move, expected_reward = original.step(action)
        observation, reward, terminated, truncated = (x[t] for x in outputs)
        np.testing.assert_allclose(reward, expected_reward, **tolerance)
        expected = look(position, expected_reward, move, t + 1)
        np.testing.assert_allclose(observation, expected, **tolerance)
        assert not terminated
        assert truncated == (t + 1 >= limit)
        rewards += expected_reward
    return rewards


points = st.tuples(st.floats(-1, 1), st.floats(-1, 1))
MODES = [
    {},
    {"dense_reward": True},
    {"start": "center", "normalize_time": False},
    {"start": "half_disc", "observation": "position"},
]


@given(st.data())
@settings(max_examples=150)
def test_parity(data):
    parameters = data.draw(st.sampled_from(MODES)) | {
        "max_force": data.draw(st.floats(0.01, 1)),
        "circle_radius": data.draw(st.floats(0.1, 2)),
        "goal_radius": data.draw(st.floats(0.05, 0.7)),
        "goal": data.draw(st.none() | points),
        "max_steps": data.draw(st.integers(1, NUM_STEPS)),
    }
    actions = data.draw(arrays(float, (NUM_STEPS, 2), elements=st.floats(-1, 1)))
    seed = data.draw(st.integers(0, 2**31))
    with jax.enable_x64(True):
        env = PointRobot(**parameters)
        compare(env, jr.key(seed), actions, {"rtol": 1e-9, "atol": 1e-9})


def test_parity_where_the_goal_is_reached():
    env = PointRobot(goal=(0.3, 0.2), start="center")
    random = np.random.default_rng(0)
    actions = random.uniform(-0.1, 0.1, (20, NUM_STEPS, 2)).astype(np.float32)
    tolerance = {"rtol": 1e-4, "atol": 1e-5}
    rewards = [compare(env, jr.key(i), a, tolerance) for i, a in enumerate(actions)]
    assert sum(rewards) > 100 and min(rewards) < NUM_STEPS


def test_goals_are_uniform_on_the_semicircle():
    env = PointRobot(circle_radius=1.5)
    _, state = VectorEnvironment(env, 20_000).reset(jr.key(2))
    by_hand = jax.vmap(lambda key: PointRobot.random_goal(key, 1.5))
    for goals in (state.goal, by_hand(jr.split(jr.key(3), 20_000))):
        x, y = np.asarray(goals, float).T
        np.testing.assert_allclose(np.hypot(x, y), 1.5, rtol=1e-6)
        p = scipy.stats.kstest(np.arctan2(y, x), scipy.stats.uniform(0, np.pi).cdf)
        assert p.pvalue > SIGNIFICANCE
    correlation = np.corrcoef(np.asarray(state.goal)[:, 0], state.position[:, 0])[0, 1]
    assert abs(correlation) < 4 / np.sqrt(20_000)


def positions(**parameters):
    env = PointRobot(**parameters)
    _, state = VectorEnvironment(env, 40_000).reset(jr.key(4))
    return np.asarray(state.position, float).T


def test_starts():
    x, y = positions()
    for column, low, size in [(x, -1.5, 3), (y, -0.5, 2)]:
        p = scipy.stats.kstest(column, scipy.stats.uniform(low, size).cdf)
        assert p.pvalue > SIGNIFICANCE
    assert abs(np.corrcoef(x, y)[0, 1]) < 4 / np.sqrt(len(x))

    x, y = positions(start="half_disc", circle_radius=2.0)
    p = scipy.stats.kstest(np.hypot(x, y), scipy.stats.uniform(0, 2).cdf)
    assert p.pvalue > SIGNIFICANCE
    p = scipy.stats.kstest(np.arctan2(y, x), scipy.stats.uniform(0, np.pi).cdf)
    assert p.pvalue > SIGNIFICANCE

    assert (np.array(positions(start="center")) == 0).all()


def test_starts_off_the_circle():
    x, y = positions(start="off_circle")
    radius = np.hypot(x, y)
    assert not ((radius > 0.8001) & (radius < 1.1999)).any()
    # As rejection sampling makes them: uniform over the rest of the rectangle.
    random = np.random.default_rng(0)
    points = random.uniform((-1.5, -0.5), (1.5, 1.5), (100_000, 2))
    norms = np.linalg.norm(points, axis=1)
    expected = points[(norms < 0.8) | (norms > 1.2)]
    bins = [np.linspace(-1.5, 1.5, 7), np.linspace(-0.5, 1.5, 5)]
    observed = np.histogram2d(x, y, bins)[0].ravel()
    by_rejection = np.histogram2d(*expected.T, bins)[0].ravel()
    table = np.stack([observed, by_rejection])
    table = table[:, table.sum(axis=0) > 0]
    assert scipy.stats.chi2_contingency(table).pvalue > SIGNIFICANCE


def test_a_fixed_goal_can_be_drawn_for_every_lane():
    keys = jr.split(jr.key(0), 3)
    envs = eqx.filter_vmap(lambda key: PointRobot(goal=PointRobot.random_goal(key)))(
        keys
    )
    _, states = VectorEnvironment(envs, 3).reset(jr.key(1))
    np.testing.assert_array_equal(states.goal, envs.goal)
    assert len(np.unique(states.goal)) == 6


def test_arguments_that_make_no_sense():
    with pytest.raises(ValueError, match=r"PointRobot\.goal"):
        PointRobot(goal=(1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match=r"PointRobot\.start"):
        PointRobot(start="anywhere")
