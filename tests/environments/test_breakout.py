import copy
import itertools
import json
import pathlib
import random

import coverage
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import minatar.environments.breakout as original
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from eqenvs import Breakout
from eqenvs.environments.minatar.breakout import BreakoutState

from ..minatar_replay import ReplayedRandom


# The original's actions for each of ours.
MINIMAL, FULL = (0, 1, 3), (0, 1, 2, 3, 4, 5)
DIRECTIONS = {(False, False): 0, (True, False): 1, (True, True): 2, (False, True): 3}


def describe_game(game):
    rest = game.brick_map.copy()
    rest[1:4] = 0
    assert not rest.any()
    return {
        "paddle": game.pos,
        "ball": [game.ball_x, game.ball_y, game.last_x, game.last_y, game.ball_dir],
        "strike": game.strike,
        "bricks": game.brick_map[1:4].astype(int).ravel().tolist(),
    }


def describe_state(state):
    direction = DIRECTIONS[bool(state.moves_right), bool(state.moves_down)]
    places = (state.x, state.y, state.last_x, state.last_y)
    return {
        "paddle": int(state.paddle_x),
        "ball": [*map(int, places), direction],
        "strike": bool(state.met_brick),
        "bricks": [int(state.bricks) >> i & 1 for i in range(30)],
    }


def new_game(ball_start):
    game = original.Env()
    game.random = ReplayedRandom()
    game.random.expect(randint=ball_start)
    game.reset()
    game.random.finish()
    return game


class Player:
    """Waits where the ball comes down: in the column before or after its last move."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.carelessness = (0.0, 0.0, 0.05, 1.0)[seed % 4]
        self.column = None

    def __call__(self, game):
        if self.random.random() < self.carelessness:
            return self.random.randrange(3)
        if game.ball_dir < 2 and game.ball_y == 8:
            self.column = None  # It comes from the paddle.
        if self.column is None:
            columns, num_steps = self.landing(game)
            near = [c for c in columns if abs(c - game.pos) <= num_steps]
            self.column = self.random.choice(near or columns)
        return 0 if self.column == game.pos else 1 if self.column < game.pos else 2

    def landing(self, game):
        """The last two columns of the ball if there were no paddle, and when."""
        game, num_steps = copy.deepcopy(game), 0
        game.pos = -1
        while not game.terminal:
            game.act(0)
            num_steps += 1
        return [game.last_x, game.ball_x], num_steps


NUM_SEEDS, NUM_STEPS = 200, 1000


@eqx.filter_jit
def run(env, keys, actions):
    """The initial states, and what one episode a seed leads to; it just goes on."""
    start = jax.vmap(env.initial_state)(keys)

    def body(states, actions):
        key = jr.key(0)  # Not used.
        transition = jax.vmap(env.transition, (None, 0, 0))(key, states, actions)
        states = transition.state
        observations = jax.vmap(env.observe)(states).reshape(actions.size, -1)
        observations = jnp.packbits(observations, axis=1)
        outputs = (states, observations, transition.reward, transition.terminated)
        return states, outputs

    return start, jax.lax.scan(body, start, actions)[1]


@eqx.filter_jit
def start_and_observe(env, keys):
    states = jax.vmap(env.initial_state)(keys)
    return states, jax.vmap(env.observe)(states)


@pytest.fixture(scope="module")
def episodes(tmp_path_factory):
    """Episodes of the original, what we make of them, and the branches not visited."""
    keys = jr.split(jr.key(0), NUM_SEEDS)
    start, first = jax.tree.map(np.asarray, start_and_observe(Breakout(), keys))
    measured = coverage.Coverage(
        branch=True, include=[original.__file__], data_file=None, config_file=False
    )
    measured.start()
    actions = np.zeros((NUM_STEPS, NUM_SEEDS), np.int32)
    recorded = []
    for seed in range(NUM_SEEDS):
        game, player, episode = new_game(int(start.x[seed] == 9)), Player(seed), []
        np.testing.assert_array_equal(first[seed], game.state())
        for t in range(NUM_STEPS):
            actions[t, seed] = player(game)
            reward, terminal = game.act(MINIMAL[actions[t, seed]])
            episode.append(
                (describe_game(game), np.packbits(game.state()), reward, terminal)
            )
            if terminal:
                assert game.act(0) == (0, True)
                break
        recorded.append(episode)
    measured.stop()
    report = tmp_path_factory.mktemp("coverage") / "report.json"
    measured.json_report(outfile=str(report))
    (lines,) = json.loads(report.read_text())["files"].values()
    outputs = run(Breakout(), keys, jnp.asarray(actions))
    return recorded, actions, keys, outputs, lines["missing_branches"]


@pytest.mark.slow
def test_whole_episodes(episodes):
    recorded, _, _, (start, outputs), _ = episodes
    _, (states, observations, rewards, terminated) = jax.tree.map(
        np.asarray, (start, outputs)
    )
    leaves, structure = jax.tree.flatten(states)
    for seed, episode in enumerate(recorded):
        for t, (description, observation, reward, terminal) in enumerate(episode):
            state = jax.tree.unflatten(structure, [x[t, seed] for x in leaves])
            where = f"seed {seed}, step {t}"
            assert describe_state(state) == description, where
            np.testing.assert_array_equal(observations[t, seed], observation, where)
            assert rewards[t, seed] == reward, where
            assert terminated[t, seed] == terminal, where
            assert state.time == t + 1


def test_the_episodes_visit_everything(episodes):
    recorded, _, _, (start, _), missing_branches = episodes
    source = pathlib.Path(original.__file__).read_text().splitlines()
    missing = {source[abs(line) - 1].strip() for line, _ in missing_branches}
    # There is no fifth direction.
    assert missing <= {"elif(self.ball_dir == 3):"}
    assert 0 < (np.asarray(start.x) == 0).sum() < NUM_SEEDS
    # Several walls were cleared and put up again.
    cleared = sum(
        sum(before["bricks"]) == 0 and sum(after["bricks"]) == 30
        for episode in recorded
        for (before, *_), (after, *_) in itertools.pairwise(episode)
    )
    assert cleared >= 5
    assert max(sum(step[2] for step in episode) for episode in recorded) > 30
    assert sum(len(episode) == NUM_STEPS for episode in recorded) >= 20


def test_all_six_actions(episodes):
    """The three that move nothing, and the other numbers of those that do."""
    _, actions, keys, (start, outputs), _ = episodes
    rng = np.random.default_rng(0)
    still = rng.choice([0, 2, 4, 5], size=actions.shape)
    full = np.where(actions == 0, still, np.array(MINIMAL)[actions]).astype(np.int32)
    again = run(Breakout(minimal_actions=False), keys, jnp.asarray(full))
    assert eqx.tree_equal(again, (start, outputs))
    assert Breakout(minimal_actions=False).action_space.n == 6
    assert Breakout().action_space.n == 3


@st.composite
def situations(draw):
    """A paddle, a ball anywhere above the last row, and any bricks."""
    density = draw(st.sampled_from([0, 1, 3, 15, 29, 30]))
    bricks = draw(st.permutations([1] * density + [0] * (30 - density)))
    numbers = st.integers(0, 9)
    y = draw(st.integers(0, 8))
    return {
        "pos": draw(numbers),
        "ball_x": draw(numbers),
        "ball_y": y,
        "last_x": draw(numbers),
        "last_y": draw(numbers),
        "ball_dir": draw(st.sampled_from([2, 3] if y == 8 else [0, 1, 2, 3])),
        "strike": draw(st.booleans()),
        "brick_map": np.array(bricks).reshape(3, 10),
    }


@eqx.filter_jit
def step_once(env, state, action):
    transition = env.transition(jr.key(0), state, action)
    return transition, env.observe(state), env.observe(transition.state)


@settings(max_examples=1500)
@given(situation=situations(), action=st.integers(0, 2))
def test_single_steps_from_any_state(situation, action):
    game = original.Env()
    for name, value in situation.items():
        setattr(game, name, value)
    game.brick_map = np.zeros((10, 10))
    game.brick_map[1:4] = situation["brick_map"]
    bricks = situation["brick_map"].ravel().tolist()
    state = BreakoutState(
        paddle_x=jnp.int32(game.pos),
        x=jnp.int32(game.ball_x),
        y=jnp.int32(game.ball_y),
        last_x=jnp.int32(game.last_x),
        last_y=jnp.int32(game.last_y),
        moves_right=jnp.asarray(game.ball_dir in (1, 2)),
        moves_down=jnp.asarray(game.ball_dir in (2, 3)),
        met_brick=jnp.asarray(game.strike),
        bricks=jnp.uint32(sum(brick << i for i, brick in enumerate(bricks))),
        time=jnp.int32(3),
    )
    outputs = step_once(Breakout(), state, jnp.int32(action))
    state, (transition, before, after) = jax.tree.map(np.asarray, (state, outputs))
    assert describe_state(state) == describe_game(game)
    np.testing.assert_array_equal(before, game.state())
    reward, terminal = game.act(MINIMAL[action])
    assert describe_state(transition.state) == describe_game(game)
    assert transition.reward == reward
    assert transition.terminated == terminal
    np.testing.assert_array_equal(after, game.state())


def test_the_ball_starts_on_either_side():
    states, _ = start_and_observe(Breakout(), jr.split(jr.key(1), 20_000))
    from_left = int((np.asarray(states.x) == 0).sum())
    assert stats.binomtest(from_left, 20_000, 0.5).pvalue > 1e-3


@pytest.mark.slow
def test_same_law_with_independent_randomness():
    """Lengths and rewards of episodes under random play."""
    num, steps = 1000, 200
    rng = np.random.default_rng(0)
    actions = rng.integers(3, size=(steps, num)).astype(np.int32)
    keys = jr.split(jr.key(2), num)
    _, (_, _, rewards, terminated) = run(Breakout(), keys, jnp.asarray(actions))
    rewards, terminated = np.asarray(rewards), np.asarray(terminated)
    ends = np.where(terminated.any(0), terminated.argmax(0), steps)
    returns = np.where(np.arange(steps)[:, None] <= ends, rewards, 0).sum(0)
    lengths, totals = [], []
    for seed in range(num):
        game = original.Env()
        game.random = np.random.RandomState(seed)
        game.reset()
        length = total = 0
        while not game.terminal and length < steps:
            total += game.act(MINIMAL[rng.integers(3)])[0]
            length += 1
        lengths.append(length - 1)
        totals.append(total)
    table = [np.bincount(np.minimum(r, 4).astype(int)) for r in (returns, totals)]
    assert stats.chi2_contingency(np.array(table)).pvalue > 1e-3
    assert stats.ks_2samp(ends, lengths).pvalue > 1e-3
