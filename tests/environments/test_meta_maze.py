"""MetaMaze beside a NumPy reference, and the laws of what it draws."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings, strategies as st

from eqenvs import MetaMaze, VectorEnvironment

from ..reference import meta_maze as reference


NUM_STEPS = 200
SIGNIFICANCE = 1e-3  # of every statistical test; the seeds are fixed


@eqx.filter_jit
def episode(env, key, actions):
    reset_key, key = jr.split(key)
    observation, start = env.reset(reset_key)

    def body(state, inputs):
        key, action = inputs
        state, reward, terminated, _ = env.transition(key, state, action)
        outputs = env.observe(state), reward, terminated, env.truncated(state)
        return state, (state, outputs)

    _, trajectory = jax.lax.scan(body, start, (jr.split(key, len(actions)), actions))
    return start, observation, *trajectory


def compare(env, key, actions, tolerance):
    """Returns how often the goal was found."""
    start, observation, states, outputs = jax.tree.map(
        np.asarray, episode(env, key, jnp.asarray(actions, jnp.int32))
    )
    limit = int(env.max_steps)
    original = reference.MetaMaze(
        env.size,
        (int(start.goal_row), int(start.goal_column)),
        float(env.goal_reward),
        float(env.wall_penalty),
        limit if env.normalize_time else 1,
        env.receptive_field,
    )
    np.testing.assert_allclose(observation, original.look(), **tolerance)
    num_found = 0
    for t, action in enumerate(actions[:limit]):
        here = int(states.row[t]), int(states.column[t])
        expected_observation, expected_reward, found = original.step(action, here)
        assert here == (original.row, original.column)
        observation, reward, terminated, truncated = (x[t] for x in outputs)
        np.testing.assert_allclose(observation, expected_observation, **tolerance)
        np.testing.assert_allclose(reward, expected_reward, **tolerance)
        assert not terminated
        assert truncated == (t + 1 >= limit)
        num_found += found
    return num_found


@given(st.data())
@settings(max_examples=120)
def test_parity(data):
    size, sight, normalize_time = data.draw(
        st.sampled_from([(9, 3, True), (3, 5, True), (5, 1, False), (7, 3, True)])
    )
    parameters = {
        "goal_reward": data.draw(st.floats(-20, 20)),
        "wall_penalty": data.draw(st.floats(-1, 1)),
        "max_steps": data.draw(st.integers(1, NUM_STEPS)),
        "size": size,
        "receptive_field": sight,
        "normalize_time": normalize_time,
    }
    weights = data.draw(
        st.lists(st.floats(0.1, 1), min_size=4, max_size=4).map(np.array)
    )
    seed = data.draw(st.integers(0, 2**31))
    random = np.random.default_rng(seed)
    actions = random.choice(4, NUM_STEPS, p=weights / weights.sum()).tolist()
    with jax.enable_x64(True):
        tolerance = {"rtol": 1e-12, "atol": 1e-12}
        compare(MetaMaze(**parameters), jr.key(seed), actions, tolerance)


def test_parity_where_the_goal_is_found():
    random = np.random.default_rng(0)
    num_found = 0
    for seed in range(15):
        actions = random.integers(4, size=NUM_STEPS).tolist()
        env = MetaMaze(size=5, wall_penalty=0.1)
        num_found += compare(env, jr.key(seed), actions, {"rtol": 1e-5, "atol": 1e-7})
    assert num_found > 30


def cells(rows, columns, width):
    return np.bincount(np.asarray(rows * width + columns), minlength=width**2)


@pytest.mark.parametrize("size", [3, 5, 7, 9])
def test_goals_are_uniform_over_all_free_cells_but_the_middle(size):
    _, state = VectorEnvironment(MetaMaze(size=size), 20_000).reset(jr.key(2))
    middle = (size + 2) // 2
    assert (state.row == middle).all() and (state.column == middle).all()
    free = reference.build(size) == 0
    free[middle, middle] = False
    counts = cells(state.goal_row, state.goal_column, size + 2)
    assert counts[~free.ravel()].sum() == 0
    assert scipy.stats.chisquare(counts[free.ravel()]).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("goal", [(1, 1), (5, 3), (9, 9)])
def test_the_agent_is_put_into_any_other_free_cell(goal):
    env = MetaMaze()
    n = 40_000
    row, column = goal

    @jax.jit
    def find(keys):
        _, state = env.reset(jr.key(0))
        # One step to the left of the goal, or to its right.
        side = 1 if column == 1 else -1
        state = eqx.tree_at(
            lambda s: (s.row, s.column, s.goal_row, s.goal_column),
            state,
            (
                jnp.int32(row),
                jnp.int32(column + side),
                jnp.int32(row),
                jnp.int32(column),
            ),
        )
        action = jnp.int32(2 if side == 1 else 3)
        return jax.vmap(lambda key: env.transition(key, state, action))(keys)

    state, reward, _, _ = find(jr.split(jr.key(3), n))
    assert (reward == 10).all()
    free = reference.build(9) == 0
    free[goal] = False
    counts = cells(state.row, state.column, 11)
    assert counts[~free.ravel()].sum() == 0
    assert scipy.stats.chisquare(counts[free.ravel()]).pvalue > SIGNIFICANCE


def test_arguments_that_make_no_sense():
    with pytest.raises(ValueError, match=r"MetaMaze\.size must be odd"):
        MetaMaze(size=8)
    with pytest.raises(ValueError, match=r"MetaMaze\.receptive_field must be odd"):
        MetaMaze(receptive_field=2)
