"""Asterix against the `minatar` package."""

import functools as ft
from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from minatar.environments import asterix as original
from scipy import stats

from eqenvs import Asterix
from eqenvs.environments.minatar.asterix import AsterixState, Entities

from ..minatar_replay import (
    assert_same,
    episode,
    play,
    replay,
    ReplayedRandom,
    unvisited_branches,
)


NUM_EPISODES = 208
NUM_STEPS = 1100
CODE = (original.Env.act, original.Env._spawn_entity, original.Env.state)


def start_game(ramping=True):
    game = original.Env(ramping=ramping)
    game.random = ReplayedRandom()
    return game


def record(game):
    """The original's state, as our fields; `x` and so on are 0 where nothing is."""
    entities = [entity or [0, 0, False, False] for entity in game.entities]
    for row, entity in enumerate(game.entities):
        assert entity is None or entity[1] == row + 1
    return {
        "player_x": game.player_x,
        "player_y": game.player_y,
        "x": [entity[0] for entity in entities],
        "is_present": [entity is not None for entity in game.entities],
        "is_gold": [bool(entity[3]) for entity in entities],
        "moves_right": [bool(entity[2]) for entity in entities],
        "spawn_interval": game.spawn_speed,
        "spawn_timer": game.spawn_timer,
        "move_interval": game.move_speed,
        "move_timer": game.move_timer,
        "ramp_timer": game.ramp_timer,
        "ramp_index": game.ramp_index,
    }


def flatten(state):
    """Our state, likewise."""
    fields = {name: x for name, x in vars(state).items() if name != "time"}
    entities = vars(fields.pop("entities"))
    is_present = entities["is_present"]
    entities = {name: np.where(is_present, x, 0) for name, x in entities.items()}
    return {**fields, **entities}


def feed(game, spawn):
    """Tells the original what is drawn, if it is about to draw."""
    if game.spawn_timer > 0:
        return
    game.random.expect(("rand", 0.2 if spawn.moves_right else 0.7))
    game.random.expect(("rand", 0.2 if spawn.is_gold else 0.4))
    if None in game.entities:
        game.random.expect(randint=spawn.place)


def draw(env, key, state):
    return env._draw(key, state)


def careful_policy(key, state):
    """Goes for treasure where no enemy is near, and now and then anywhere."""
    keys = jr.split(key, 3)
    actions = jnp.arange(6)
    x = jnp.clip(state.player_x + (actions == 3) - (actions == 1), 0, 9)[:, None]
    y = jnp.clip(state.player_y + (actions == 4) - (actions == 2), 1, 8)[:, None]
    entities = state.entities
    rows = jnp.arange(1, 9)
    ahead = jnp.where(entities.moves_right, x - entities.x, entities.x - x)
    is_enemy = entities.is_present & ~entities.is_gold
    is_treasure = entities.is_present & entities.is_gold
    is_deadly = jnp.any(is_enemy & (rows == y) & (ahead >= 0) & (ahead < 2), axis=1)
    distance = jnp.abs(rows - y) + jnp.abs(entities.x - x) / 4
    pull = jnp.max(jnp.where(is_treasure, 10 - distance, 0), axis=1)
    entry = jnp.abs(x[:, 0] - 4.5) / 20
    value = pull - 100 * is_deadly - entry + 1e-3 * jr.uniform(keys[0], (6,))
    is_careless = jr.bernoulli(keys[1], 0.005)
    random_action = jr.randint(keys[2], (), 0, 6)
    return jnp.where(is_careless, random_action, jnp.argmax(value)).astype(jnp.int32)


def random_policy(key, state):
    del state
    return jr.randint(key, (), 0, 6, jnp.int32)


@ft.cache
def played(policy=careful_policy, ramping=True, **parameters):
    env = Asterix(ramping=ramping, minimal_actions=False, **parameters)
    keys = jr.split(jr.key(0), NUM_EPISODES)
    return jax.device_get(play(env, keys, NUM_STEPS, policy, draw))


def with_constants(
    initial_spawn_interval=10, initial_move_interval=5, ramp_interval=100
):
    """Gives the original, which has constants for them, other parameters."""
    return mock.patch.multiple(
        original,
        init_spawn_speed=initial_spawn_interval,
        init_move_interval=initial_move_interval,
        ramp_interval=ramp_interval,
    )


def replay_episode(i, policy=careful_policy, ramping=True, **parameters):
    """Replays an episode on the original and compares all of it."""
    initial, trajectory = played(policy, ramping, **parameters)
    ours = episode(trajectory, i)
    with with_constants(**parameters):
        game = start_game(ramping)
        initial_state = flatten(jax.tree.map(lambda x: x[i], initial))
        assert_same(initial_state, record(game))

        def feed_step(t):
            feed(game, jax.tree.map(lambda x: x[t], ours["draw"]))

        theirs = replay(game, ours["action"], feed_step, record)
    seen = {name: ours[name] for name in ("observation", "reward", "terminated")}
    assert_same({**seen, **flatten(ours["state"])}, theirs)
    np.testing.assert_array_equal(ours["state"].time, np.arange(len(theirs["x"])) + 1)
    assert ours["observation"].dtype == bool
    return theirs


def test_whole_episodes():
    total_reward, longest, hardest = 0, 0, 0
    for i in range(NUM_EPISODES):
        theirs = replay_episode(i)
        total_reward += theirs["reward"].sum()
        longest = max(longest, len(theirs["reward"]))
        hardest = max(hardest, theirs["ramp_index"].max())
    # Good enough a player to see the game at its hardest.
    assert total_reward > 1000 and longest > 900 and hardest == 9


@pytest.mark.parametrize("ramping", [True, False])
def test_whole_episodes_of_random_play(ramping):
    for i in range(50):
        theirs = replay_episode(i, policy=random_policy, ramping=ramping)
        assert ramping or theirs["ramp_index"].max() == 0


OTHER_PARAMETERS = [
    {"initial_spawn_interval": 2, "initial_move_interval": 4, "ramp_interval": 5},
    {"initial_spawn_interval": 6, "initial_move_interval": 1, "ramp_interval": 0},
]


@pytest.mark.parametrize("parameters", OTHER_PARAMETERS)
def test_whole_episodes_with_other_parameters(parameters):
    for i in range(50):
        replay_episode(i, **parameters)


def test_no_branch_of_the_original_is_left_out():
    length = played()[1]["terminated"].argmax(axis=1)

    def run():
        for i in np.argsort(length)[-20:]:
            replay_episode(i)
        for i in range(5):
            # With the usual parameters moves are as fast as can be before spawns are.
            replay_episode(i, **OTHER_PARAMETERS[0])

    assert unvisited_branches(CODE, run) == []


@st.composite
def states(draw):
    """Any state that is possible under some parameters, however unlikely."""
    integers, booleans = st.integers, st.booleans()
    rows = lambda values: st.lists(values, min_size=8, max_size=8)  # noqa: E731
    # Positions near the player's are the interesting ones.
    player_x = draw(integers(0, 9))
    x = st.one_of(integers(0, 9), integers(max(player_x - 2, 0), min(player_x + 2, 9)))
    return dict(
        player_x=player_x,
        player_y=draw(integers(1, 8)),
        x=draw(rows(x)),
        is_present=draw(st.one_of(st.just([True] * 8), rows(booleans))),
        is_gold=draw(rows(booleans)),
        moves_right=draw(rows(booleans)),
        spawn_interval=draw(integers(1, 12)),
        spawn_timer=draw(integers(0, 2)),
        move_interval=draw(integers(1, 6)),
        move_timer=draw(integers(0, 1)),
        ramp_timer=draw(integers(-1, 2)),
        ramp_index=draw(integers(0, 12)),
    )


@jax.jit
def one_step(env, key, state, action):
    transition = env.transition(key, state, action)
    observation = env.observe(transition.state)
    return transition, observation, env._draw(key, state)


@settings(max_examples=500)
@given(states(), st.integers(0, 5), st.integers(0, 2**32 - 1), st.booleans())
def test_one_step_from_any_state(fields, action, seed, ramping):
    int32 = lambda x: jnp.asarray(x, jnp.int32)  # noqa: E731
    scalars = {name: int32(x) for name, x in fields.items() if np.ndim(x) == 0}
    state = AsterixState(
        entities=Entities(
            x=int32(fields["x"]),
            is_present=jnp.array(fields["is_present"]),
            is_gold=jnp.array(fields["is_gold"]),
            moves_right=jnp.array(fields["moves_right"]),
        ),
        time=jnp.int32(7),
        **scalars,
    )
    env = Asterix(ramping=ramping, minimal_actions=False)
    transition, observation, spawn = one_step(env, jr.key(seed), state, action)

    game = start_game(ramping)
    for theirs, ours in [
        ("player_x", "player_x"),
        ("player_y", "player_y"),
        ("spawn_speed", "spawn_interval"),
        ("spawn_timer", "spawn_timer"),
        ("move_speed", "move_interval"),
        ("move_timer", "move_timer"),
        ("ramp_timer", "ramp_timer"),
        ("ramp_index", "ramp_index"),
    ]:
        setattr(game, theirs, fields[ours])
    columns = (fields[name] for name in ("x", "moves_right", "is_gold", "is_present"))
    game.entities = [
        [x, row + 1, moves_right, is_gold] if is_present else None
        for row, (x, moves_right, is_gold, is_present) in enumerate(
            zip(*columns, strict=True)
        )
    ]
    theirs = replay(game, [action], lambda _: feed(game, spawn), record)
    ours = {
        "observation": observation,
        "reward": transition.reward,
        "terminated": transition.terminated,
        **flatten(transition.state),
    }
    assert_same({name: np.asarray(x)[None] for name, x in ours.items()}, theirs)
    assert transition.state.time == 8


@pytest.mark.parametrize("num_free", range(9))
def test_law_of_spawns(num_free):
    num_draws = 100_000
    env = Asterix()
    state = env.initial_state(jr.key(0))
    is_present = jnp.arange(8) >= num_free
    state = eqx.tree_at(lambda s: s.entities.is_present, state, is_present)
    keys = jr.split(jr.key(num_free), num_draws)
    spawn = jax.jit(jax.vmap(env._draw, (0, None)))(keys, state)
    counts = np.zeros((2, 2, max(num_free, 1)))
    place = np.asarray(spawn.place)
    np.add.at(
        counts, (spawn.moves_right.astype(int), spawn.is_gold.astype(int), place), 1
    )
    law = np.array([1 / 2, 1 / 2])[:, None, None] * np.array([2 / 3, 1 / 3])[:, None]
    law = np.broadcast_to(law / counts.shape[2], counts.shape)
    _, p_value = stats.chisquare(counts.ravel(), num_draws * law.ravel())
    assert p_value > 1e-3


def test_statistics_of_random_play():
    """Without any replay: the lengths and returns of both games have the same law."""
    _, trajectory = played(policy=random_policy)
    ended = trajectory["terminated"].any(axis=1)
    assert ended.mean() > 0.95
    lengths = np.where(ended, trajectory["terminated"].argmax(axis=1) + 1, NUM_STEPS)
    before_end = np.arange(NUM_STEPS) < lengths[:, None]
    returns = (trajectory["reward"] * before_end).sum(axis=1)
    game = original.Env()
    game.random = random = np.random.RandomState(0)
    original_lengths, original_returns = [], []
    for _ in range(600):
        game.reset()
        total = length = 0
        while not game.terminal and length < NUM_STEPS:
            total += game.act(random.randint(6))[0]
            length += 1
        original_lengths.append(length)
        original_returns.append(total)
    assert stats.ks_2samp(lengths, original_lengths).pvalue > 1e-3
    assert stats.mannwhitneyu(returns, original_returns).pvalue > 1e-3


def test_actions_spaces_and_time_limit():
    env = Asterix()
    assert env.action_space.n == 5
    assert Asterix(minimal_actions=False).action_space.n == 6
    assert original.Env().minimal_action_set() == list(range(5))
    assert env.observation_space.shape == (10, 10, 4)
    assert env.observation_space.dtype == bool
    assert env.max_steps == 1000
