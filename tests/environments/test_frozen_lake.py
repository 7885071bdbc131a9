"""FrozenLake beside Gymnasium's, step for step, and the laws of what it draws."""

from collections import Counter
from itertools import product

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv, is_valid
from hypothesis import given, settings, strategies as st

from eqenvs import FrozenLake, VectorEnvironment
from eqenvs.environments.mazes.frozen_lake import _has_path


NUM_STEPS = 100
SIGNIFICANCE = 1e-3  # of every statistical test; the seeds are fixed


@eqx.filter_jit
def episode(env, key, actions):
    """An episode that goes on after its end, and the numbers that decided it."""
    reset_key, key = jr.split(key)
    start = env.initial_state(reset_key)

    def body(state, inputs):
        key, action = inputs
        state, reward, terminated, info = env.transition(key, state, action)
        truncated = env.truncated(state)
        outputs = env.observe(state), reward, terminated, truncated, info["prob"]
        return state, (outputs, env._draw(key))

    keys = jr.split(key, len(actions))
    _, (outputs, uniforms) = jax.lax.scan(body, start, (keys, actions))
    return env.observe(start), outputs, uniforms


class GivenRandom:
    """Stands in for the generator of Gymnasium's environment."""

    def __init__(self):
        self.number = None

    def random(self):
        number, self.number = self.number, None
        assert number is not None
        return number


def compare(rows, parameters, key, actions, rtol):
    env = FrozenLake(map=rows, **parameters)
    original = FrozenLakeEnv(desc=rows, **parameters)
    original._np_random = random = GivenRandom()
    first, outputs, uniforms = jax.tree.map(
        lambda x: x.tolist(), episode(env, key, jnp.asarray(actions, jnp.int32))
    )
    starts = [i for i, tile in enumerate("".join(rows)) if tile == "S"]
    random.number = (starts.index(first) + 0.5) / len(starts)
    original.s = None
    observation, _ = original.reset()
    assert observation == first
    for t, action in enumerate(actions):
        random.number = uniforms[t]
        observation, reward, terminated, _, info = original.step(action)
        ours = [x[t] for x in outputs]
        assert ours[0] == observation
        np.testing.assert_allclose(ours[1], reward, rtol=rtol)
        assert ours[2] == terminated
        assert ours[3] == (t + 1 >= env.max_steps)
        np.testing.assert_allclose(ours[4], info["prob"], rtol=rtol, atol=1e-7)


@st.composite
def lakes(draw):
    rows, columns = draw(st.sampled_from([(4, 4), (3, 6)]))
    tiles = draw(
        st.lists(
            st.sampled_from("FFFFFFFFHG"),
            min_size=rows * columns,
            max_size=rows * columns,
        )
    )
    for start in draw(
        st.lists(st.integers(0, rows * columns - 1), min_size=1, max_size=3)
    ):
        tiles[start] = "S"
    text = "".join(tiles)
    return [text[i * columns : (i + 1) * columns] for i in range(rows)]


rates = st.one_of(st.sampled_from([0.0, 1 / 3, 0.5, 1.0]), st.floats(0, 1))
schedules = st.tuples(*[st.floats(-10, 10, width=32)] * 3)
action_lists = st.lists(st.integers(0, 3), min_size=NUM_STEPS, max_size=NUM_STEPS)


@given(lakes(), st.booleans(), rates, schedules, action_lists, st.integers(0, 2**31))
@settings(max_examples=300)
def test_parity_on_drawn_lakes(lake, is_slippery, rate, schedule, actions, seed):
    parameters = {
        "is_slippery": is_slippery,
        "success_rate": rate,
        "reward_schedule": schedule,
    }
    with jax.enable_x64(True):
        compare(lake, parameters, jr.key(seed), actions, rtol=1e-12)


@pytest.mark.parametrize("name", ["4x4", "8x8"])
@pytest.mark.parametrize("is_slippery", [True, False])
def test_parity_on_the_named_maps(name, is_slippery, either_precision):
    from gymnasium.envs.toy_text.frozen_lake import MAPS

    random = np.random.default_rng(0)
    for seed in range(20):
        actions = random.choice(4, size=NUM_STEPS, p=[0.1, 0.4, 0.4, 0.1]).tolist()
        parameters = {"is_slippery": is_slippery}
        compare(MAPS[name], parameters, jr.key(seed), actions, rtol=1e-6)
    np.testing.assert_array_equal(FrozenLake(map=name).map, FrozenLake(MAPS[name]).map)


def test_parity_on_a_random_map():
    tiles = FrozenLake.random_map(jr.key(0), size=8)
    rows = ["".join("SFHG"[i] for i in row) for row in np.asarray(tiles)]
    actions = np.random.default_rng(0).integers(4, size=NUM_STEPS).tolist()
    compare(rows, {}, jr.key(1), actions, rtol=1e-6)


def test_time_limits_are_those_of_gymnasium():
    for name, id in [("4x4", "FrozenLake-v1"), ("8x8", "FrozenLake8x8-v1")]:
        limit = gymnasium.spec(id).max_episode_steps
        assert FrozenLake(map=name).max_steps == limit
    assert FrozenLake(map="8x8", max_steps=7).max_steps == 7


@pytest.mark.parametrize("rate", [1 / 3, 0.8, 0.0, 1.0])
def test_frequencies_of_slips(rate):
    # From the middle of a large lake, every move shows which way it went.
    lake = ["FFF", "FSF", "FFF"]
    env = FrozenLake(map=lake, success_rate=rate)
    n = 60_000

    @jax.jit
    def move(keys):
        _, state = env.reset(jr.key(0))
        step = jax.vmap(lambda key: env.transition(key, state, jnp.int32(2)))(keys)
        return jax.vmap(env.observe)(step.state)

    counts = np.bincount(move(jr.split(jr.key(7), n)), minlength=9)
    fail = (1 - rate) / 2
    expected = {5: rate, 1: fail, 7: fail}  # right, up, down
    assert counts[[i for i in range(9) if i not in expected]].sum() == 0
    observed = [counts[i] for i, p in expected.items() if p > 0]
    assert sum(observed) == n
    if len(observed) > 1:
        frequencies = [n * p for p in expected.values() if p > 0]
        assert scipy.stats.chisquare(observed, frequencies).pvalue > SIGNIFICANCE


def test_starts_are_uniform_over_the_start_tiles():
    env = FrozenLake(map=["SFSF", "FHFS", "GFFS"])
    observations, _ = VectorEnvironment(env, 20_000).reset(jr.key(3))
    starts, counts = np.unique(observations, return_counts=True)
    assert starts.tolist() == [0, 2, 7, 11]
    assert scipy.stats.chisquare(counts).pvalue > SIGNIFICANCE


def test_random_maps_have_the_law_of_rejection_sampling():
    size, p = 3, 0.6
    weights = {}
    for holes in product("FH", repeat=size * size - 2):
        text = "S" + "".join(holes) + "G"
        board = [list(text[i : i + size]) for i in range(0, size * size, size)]
        if is_valid(board, size):
            num_frozen = holes.count("F")
            weights[text] = p**num_frozen * (1 - p) ** (len(holes) - num_frozen)
    keys = jr.split(jr.key(1), 30_000)
    draw = jax.jit(jax.vmap(lambda key: FrozenLake.random_map(key, size, p)))
    tiles = np.asarray(draw(keys)).reshape(len(keys), -1)
    counts = Counter("".join("SFHG"[i] for i in row) for row in tiles)
    assert set(counts) <= set(weights)
    total = sum(weights.values())
    expected = np.array([w / total * len(keys) for w in weights.values()])
    assert expected.min() > 5
    observed = [counts[text] for text in weights]
    assert scipy.stats.chisquare(observed, expected).pvalue > SIGNIFICANCE


def test_paths_are_found_where_gymnasium_finds_them():
    size = 7
    winding = [
        *("SFFFHHH", "HHHFHHH", "FFFFHFF", "FHHHHFF"),
        *("FHFFFFF", "FFFHHHF", "HHHHHHG"),
    ]
    upwards = [
        *("SHFFFHF", "FHFHFHF", "FHFHFHF", "FHFHFHF"),
        *("FHFHFHF", "FHFHFHF", "FFFHFFG"),
    ]
    boards = [
        [list(row) for row in board]
        for board in (winding, upwards, zip(*winding, strict=True))
    ]
    random = np.random.default_rng(0)
    for _ in range(3_000):
        board = random.choice(["F", "H"], (size, size), p=[0.65, 0.35])
        board[0, 0], board[-1, -1] = "S", "G"
        boards.append(board.tolist())
    tiles = jnp.array([[["SFHG".index(x) for x in row] for row in b] for b in boards])
    found = jax.jit(jax.vmap(_has_path))(tiles)
    expected = [is_valid(board, size) for board in boards]
    np.testing.assert_array_equal(found, expected)
    assert all(expected[:3]) and 0.1 < np.mean(expected) < 0.9


def test_a_different_map_in_every_lane():
    keys = jr.split(jr.key(0), 3)
    envs = eqx.filter_vmap(lambda key: FrozenLake(FrozenLake.random_map(key, size=5)))(
        keys
    )
    assert envs.map.shape == (3, 5, 5)
    vector = VectorEnvironment(envs, 3)
    observations, states = vector.reset(jr.key(1))
    assert (observations == 0).all()
    step = vector.step(jr.key(2), states, jnp.array([1, 2, 3]))
    for lane in range(3):
        env = jax.tree.map(lambda x, i=lane: x[i], envs)
        one = jax.tree.map(lambda x, i=lane: x[i], states)
        action = jnp.int32(lane + 1)
        expected = env.step(jr.fold_in(jr.key(2), lane), one, action)
        assert step.observation[lane] == expected.observation


def test_maps_that_are_no_maps():
    with pytest.raises(ValueError, match=r"FrozenLake\.map must be '4x4' or '8x8'"):
        FrozenLake(map="5x5")
    with pytest.raises(ValueError, match="all of one length"):
        FrozenLake(map=["SF", "FFG"])
    with pytest.raises(ValueError, match="all of one length"):
        FrozenLake(map=["SF", "XG"])
    with pytest.raises(ValueError, match="start tile"):
        FrozenLake(map=["FF", "FG"])
    with pytest.raises(ValueError, match="integers 0 to 3"):
        FrozenLake(map=np.array([[0, 4]]))
    with pytest.raises(TypeError, match=r"FrozenLake\.map"):
        FrozenLake(map=np.array([[0.5, 1.0]]))
    with pytest.raises(ValueError, match="2D array"):
        FrozenLake(map=np.array([0, 1]))
    with pytest.raises(ValueError, match="size"):
        FrozenLake.random_map(jr.key(0), size=1)
    with pytest.raises(ValueError, match="frozen_probability"):
        FrozenLake.random_map(jr.key(0), frozen_probability=0.0)
