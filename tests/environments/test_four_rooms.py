"""FourRooms beside a plain Python reference, and the laws of what it draws."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings, strategies as st

from eqenvs import FourRooms, VectorEnvironment
from eqenvs.environments.mazes.four_rooms import ROOMS

from ..reference import four_rooms as reference


NUM_STEPS = 120
SIGNIFICANCE = 1e-3  # of every statistical test; the seeds are fixed
OPEN = [(i, j) for i, row in enumerate(ROOMS) for j, x in enumerate(row) if x == " "]


@eqx.filter_jit
def episode(env, key, actions):
    """An episode that goes on after its end, and how far each move was turned."""
    reset_key, key = jr.split(key)
    start = env.initial_state(reset_key)

    def body(state, inputs):
        key, action = inputs
        state, reward, terminated, _ = env.transition(key, state, action)
        outputs = env.observe(state), reward, terminated, env.truncated(state)
        return state, (state, outputs, env._draw(key)[0])

    _, trajectory = jax.lax.scan(body, start, (jr.split(key, len(actions)), actions))
    return start, env.observe(start), *trajectory


cells = st.one_of(st.none(), st.sampled_from(OPEN))
action_lists = st.lists(st.integers(0, 3), min_size=NUM_STEPS, max_size=NUM_STEPS)


@st.composite
def maps(draw):
    """The four rooms with some more walls and doors."""
    rows = [list(row) for row in ROOMS]
    inside = st.tuples(st.integers(1, 11), st.integers(1, 11))
    for (i, j), tile in draw(
        st.lists(st.tuples(inside, st.sampled_from(" x")), max_size=20)
    ):
        rows[i][j] = tile
    return ["".join(row) for row in rows]


@given(
    st.one_of(st.just(list(ROOMS)), maps()),
    cells,
    cells,
    st.sampled_from([0.0, 1 / 3, 0.75, 1.0]) | st.floats(0, 1),
    st.sampled_from([0, 7]),
    st.integers(1, NUM_STEPS),
    action_lists,
    st.integers(0, 2**31),
)
@settings(max_examples=200)
def test_parity(rows, start, goal, slip, goal_duration, limit, actions, seed):
    open_cells = {(i, j) for i in range(13) for j in range(13) if rows[i][j] == " "}
    assume((start or OPEN[0]) in open_cells and (goal or OPEN[0]) in open_cells)
    env = FourRooms(
        slip_probability=slip,
        start=start,
        goal=goal,
        max_steps=limit,
        map=rows,
        goal_duration=goal_duration,
    )
    first, observation, states, outputs, turns = jax.tree.map(
        np.asarray, episode(env, jr.key(seed), jnp.asarray(actions, jnp.int32))
    )
    position = int(first.row), int(first.column)
    first_goal = int(first.goal_row), int(first.goal_column)
    assert start in (None, position) and goal in (None, first_goal)
    if start is None or goal is None:
        assert position != first_goal
    original = reference.FourRooms(rows, position, first_goal, goal_duration)
    assert tuple(observation) == position + first_goal
    for t, action in enumerate(actions):
        goal = int(states.goal_row[t]), int(states.goal_column[t])
        expected = original.step((action + int(turns[t])) % 4, goal)
        observation, reward, terminated, truncated = (x[t] for x in outputs)
        assert (tuple(observation), reward, terminated) == expected
        assert truncated == (t + 1 >= limit)
        assert goal in open_cells
        if goal_duration and (t + 1) % goal_duration == 0:
            assert goal != original.position


def test_image():
    env = FourRooms(observation="image", start=None, goal=None)
    actions = np.random.default_rng(0).integers(4, size=NUM_STEPS)
    first, image, _, outputs, turns = episode(
        env, jr.key(0), jnp.asarray(actions, jnp.int32)
    )
    original = reference.FourRooms(
        ROOMS,
        (int(first.row), int(first.column)),
        (int(first.goal_row), int(first.goal_column)),
    )
    images = np.concatenate([image[None], outputs[0]])
    for t, image in enumerate(images):
        for i, row in enumerate(original.picture()):
            for j, things in enumerate(row):
                assert image[i, j].tolist() == [x in things for x in "xAG"]
        if t < NUM_STEPS:
            original.step(int(actions[t] + turns[t]) % 4, None)
    # The picture is not symmetric in rows and columns.
    assert any(o[..., 1].any() and (o[..., 1] != o[..., 1].T).any() for o in images)


@pytest.mark.parametrize("slip", [1 / 3, 0.1, 0.9, 0.0, 1.0])
@pytest.mark.parametrize("goal_duration", [0, 5])
def test_frequencies_of_slips(slip, goal_duration):
    env = FourRooms(
        slip_probability=slip, start=(2, 3), goal=(8, 9), goal_duration=goal_duration
    )
    n = 60_000

    @jax.jit
    def move(keys):
        _, state = env.reset(jr.key(0))
        state = jax.vmap(lambda key: env.transition(key, state, jnp.int32(1)).state)(
            keys
        )
        return state.row * 13 + state.column

    counts = np.bincount(move(jr.split(jr.key(7), n)), minlength=169)
    # To the right, and down, left and up.
    cells = [2 * 13 + 4, 3 * 13 + 3, 2 * 13 + 2, 1 * 13 + 3]
    observed = counts[cells]
    expected = n * np.array([1 - slip, slip / 3, slip / 3, slip / 3])
    assert observed.sum() == n
    possible = expected > 0
    assert (observed[~possible] == 0).all()
    if possible.sum() > 1:
        p = scipy.stats.chisquare(observed[possible], expected[possible]).pvalue
        assert p > SIGNIFICANCE


def starts_and_goals(env, n):
    _, state = VectorEnvironment(env, n).reset(jr.key(11))
    return np.array([state.row, state.column]).T, np.array(
        [state.goal_row, state.goal_column]
    ).T


def assert_uniform(cells, over):
    counts = np.zeros((13, 13), int)
    np.add.at(counts, tuple(cells.T), 1)
    observed = [counts[cell] for cell in over]
    assert sum(observed) == len(cells)
    assert scipy.stats.chisquare(observed).pvalue > SIGNIFICANCE


def test_starts_and_goals():
    n = 40_000
    starts, goals = starts_and_goals(FourRooms(), n)
    assert (starts == (4, 1)).all() and (goals == (8, 9)).all()

    starts, goals = starts_and_goals(FourRooms(start=None), n)
    assert_uniform(starts, [cell for cell in OPEN if cell != (8, 9)])

    starts, goals = starts_and_goals(FourRooms(goal=None), n)
    assert_uniform(goals, [cell for cell in OPEN if cell != (4, 1)])

    starts, goals = starts_and_goals(FourRooms(goal=None, goal_avoids_agent=False), n)
    assert_uniform(goals, OPEN)

    starts, goals = starts_and_goals(FourRooms(start=None, goal=None), n)
    assert_uniform(starts, OPEN)
    assert_uniform(goals, OPEN)
    assert (starts != goals).any(axis=1).all()
    # The goal does not depend on the start in any other way: the pairs of halves of
    # the map are as frequent as they are among all pairs of different cells.
    pairs = [(a, b) for a in OPEN for b in OPEN if a != b]
    halves = np.array([[2 * (a[1] > 6) + (b[1] > 6)] for a, b in pairs]).ravel()
    expected = np.bincount(halves, minlength=4) / len(pairs) * n
    observed = np.bincount(2 * (starts[:, 1] > 6) + (goals[:, 1] > 6), minlength=4)
    assert scipy.stats.chisquare(observed, expected).pvalue > SIGNIFICANCE


def test_a_goal_that_moves_is_uniform_over_the_other_cells():
    env = FourRooms(goal_duration=1, slip_probability=0.0)
    n = 40_000

    @jax.jit
    def move(keys):
        _, state = env.reset(jr.key(0))
        return jax.vmap(lambda key: env.transition(key, state, jnp.int32(1)).state)(
            keys
        )

    state = move(jr.split(jr.key(5), n))
    assert (state.row == 4).all() and (state.column == 2).all()
    goals = np.array([state.goal_row, state.goal_column]).T
    assert_uniform(goals, [cell for cell in OPEN if cell != (4, 2)])


def test_arguments_that_make_no_sense():
    with pytest.raises(ValueError, match="walls all around"):
        FourRooms(map=["xxx", "x  ", "xxx"])
    with pytest.raises(ValueError, match=r"FourRooms\.start must be an open cell"):
        FourRooms(start=(0, 0))
    with pytest.raises(ValueError, match=r"FourRooms\.goal must be an open cell"):
        FourRooms(goal=(5, 40))
    with pytest.raises(ValueError, match="two open cells"):
        FourRooms(map=["xxx", "x x", "xxx"])
    with pytest.raises(ValueError, match=r"FourRooms\.observation"):
        FourRooms(observation="pixels")
    assert FourRooms(map="xxxx\nx  x\nxxxx", start=(1, 1), goal=(1, 2)).map.shape == (
        3,
        4,
    )
