"""Space Invaders against the `minatar` package."""

import functools as ft
import inspect
from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as npst
from minatar.environments import space_invaders as original
from scipy import stats

from eqenvs import SpaceInvaders
from eqenvs.environments.minatar._maps import Map
from eqenvs.environments.minatar.space_invaders import SpaceInvadersState

from ..minatar_replay import (
    assert_same,
    episode,
    play,
    replay,
    ReplayedRandom,
    unvisited_branches,
)


NUM_EPISODES = 208
NUM_STEPS = 1500
CODE = (original.Env.act, original.Env._nearest_alien, original.Env.state)
MINIMAL_ACTIONS = original.Env().minimal_action_set()


def start_game(ramping=True):
    game = original.Env(ramping=ramping)
    game.random = ReplayedRandom()  # Nothing is asked of it.
    return game


def to_rows(grid):
    """A map of ten rows and ten columns as one integer for each row."""
    return np.einsum("rc,c->r", np.asarray(grid, int), 2 ** np.arange(10))


def record(game):
    """The original's state, as our fields."""
    assert game.alien_dir in (-1, 1)
    return {
        "cannon_x": game.pos,
        "cannon_bullets": to_rows(game.f_bullet_map),
        "alien_bullets": to_rows(game.e_bullet_map),
        "aliens": to_rows(game.alien_map),
        "aliens_move_right": game.alien_dir == 1,
        "shot_timer": game.shot_timer,
        "alien_move_interval": game.enemy_move_interval,
        "alien_move_timer": game.alien_move_timer,
        "alien_shot_timer": game.alien_shot_timer,
        "ramp_index": game.ramp_index,
    }


MAPS = ("cannon_bullets", "alien_bullets", "aliens")


def rows_of(words):
    """Our words of two rows, likewise, along a new last axis."""
    assert all((np.asarray(word) >> 20 == 0).all() for word in words)
    return np.stack([word >> shift & 0x3FF for word in words for shift in (0, 10)], -1)


def to_map(grid):
    rows = to_rows(grid)
    return Map(tuple(jnp.int32(rows[i] + (rows[i + 1] << 10)) for i in range(0, 10, 2)))


def flatten(state):
    """Our state, likewise."""
    fields = {name: x for name, x in vars(state).items() if name != "time"}
    return {name: rows_of(x.words) if name in MAPS else x for name, x in fields.items()}


def draw(env, key, state):
    del env, key, state


def sharp_policy(key, state):
    """Dodges, and shoots from below aliens; sometimes does anything."""
    keys = jr.split(key, 3)
    actions = jnp.arange(4)
    x = jnp.clip(state.cannon_x + (actions == 2) - (actions == 1), 0, 9)
    columns = jnp.arange(10)
    aliens, bullets = (
        jnp.stack([x.row(y) for y in range(10)])[:, None] >> columns & 1 == 1
        for x in (state.aliens, state.alien_bullets)
    )
    is_deadly = (bullets | aliens)[8:, x].any(axis=0)
    will_be_hit = bullets[6:9, x].any(axis=0)
    # A bullet flies about as many steps as an alien is high up.
    height = 9 - jnp.where(aliens, columns[:, None], 0).max(axis=0)
    has_moved = height > state.alien_move_timer
    direction = jnp.where(state.aliens_move_right, 1, -1)
    reach = jnp.abs(columns + direction * has_moved - x[:, None])
    reach = jnp.where(aliens.any(axis=0), reach, 20).min(axis=1)
    fires = (actions == 3) & (state.shot_timer == 0)
    value = 2.0 * (fires & (reach == 0)) - reach - 5 * will_be_hit - 100 * is_deadly
    value = value + jr.uniform(keys[0], (4,))
    is_careless = jr.bernoulli(keys[1], 0.003)
    random_action = jr.randint(keys[2], (), 0, 4)
    return jnp.where(is_careless, random_action, jnp.argmax(value)).astype(jnp.int32)


def random_policy(key, state):
    del state
    return jr.randint(key, (), 0, 6, jnp.int32)


@ft.cache
def played(policy=sharp_policy, ramping=True, minimal_actions=True, **parameters):
    env = SpaceInvaders(ramping=ramping, minimal_actions=minimal_actions, **parameters)
    keys = jr.split(jr.key(0), NUM_EPISODES)
    return jax.device_get(play(env, keys, NUM_STEPS, policy, draw))


def with_constants(
    shot_interval=5, initial_alien_move_interval=12, alien_shot_interval=10
):
    """Gives the original, which has constants for them, other parameters."""
    return mock.patch.multiple(
        original,
        shot_cool_down=shot_interval,
        enemy_move_interval=initial_alien_move_interval,
        enemy_shot_interval=alien_shot_interval,
    )


def replay_episode(
    i, policy=sharp_policy, ramping=True, minimal_actions=True, **parameters
):
    """Replays an episode on the original and compares all of it."""
    initial, trajectory = played(policy, ramping, minimal_actions, **parameters)
    ours = episode(trajectory, i)
    actions = ours["action"]
    if minimal_actions:
        actions = np.array(MINIMAL_ACTIONS)[actions]
    with with_constants(**parameters):
        game = start_game(ramping)
        initial = flatten(jax.tree.map(lambda x: x[i], initial))
        assert_same(initial, record(game))
        theirs = replay(game, actions, lambda t: None, record)
    seen = {name: ours[name] for name in ("observation", "reward", "terminated")}
    assert_same({**seen, **flatten(ours["state"])}, theirs)
    length = len(theirs["reward"])
    np.testing.assert_array_equal(ours["state"].time, np.arange(length) + 1)
    assert ours["observation"].dtype == bool
    return theirs


@pytest.mark.slow
def test_whole_episodes():
    total_reward, waves, endings = 0, 0, 0
    for i in range(NUM_EPISODES):
        theirs = replay_episode(i)
        total_reward += theirs["reward"].sum()
        waves = max(waves, theirs["ramp_index"].max())
        endings += theirs["terminated"][-1]
    # Good enough a player to see wave after wave.
    assert total_reward > 24 * NUM_EPISODES and waves >= 5 and endings > 50


@pytest.mark.parametrize("ramping", [True, False])
def test_whole_episodes_of_random_play(ramping):
    for i in range(50):
        parameters = {"minimal_actions": False, "ramping": ramping}
        replay_episode(i, policy=random_policy, **parameters)


OTHER_PARAMETERS = [
    {"initial_alien_move_interval": 7, "alien_shot_interval": 25},
    {"initial_alien_move_interval": 1, "alien_shot_interval": 40, "shot_interval": 1},
    {"initial_alien_move_interval": 9, "alien_shot_interval": 1, "shot_interval": 0},
]


@pytest.mark.parametrize("parameters", OTHER_PARAMETERS)
def test_whole_episodes_with_other_parameters(parameters):
    for i in range(30):
        replay_episode(i, **parameters)


def test_no_branch_of_the_original_is_left_out():
    def run():
        for i in range(10):
            replay_episode(i)
            replay_episode(i, **OTHER_PARAMETERS[0])
            replay_episode(i, **OTHER_PARAMETERS[1])
            # The player above dodges bullets; a random one is hit.
            replay_episode(i, random_policy, minimal_actions=False)

    source = inspect.getsource(original).splitlines()
    # There is always an alien, since a cleared wave is replaced in the same step.
    loop = source.index("        for i in search_order:") + 1
    no_alien = source.index("        return None", loop) + 1
    missing = unvisited_branches(CODE, run)
    assert missing == [no_alien, (loop, no_alien)]


grids = npst.arrays(bool, (10, 10), elements=st.booleans())
sparse = npst.arrays(bool, (10, 10), elements=st.booleans(), fill=st.just(False))


@st.composite
def states(draw):
    """Any state of the game, however unlikely."""
    integers = st.integers
    aliens = draw(st.one_of(grids, sparse))
    # The rows and columns that matter most are empty in most of the drawn maps.
    for edge in draw(st.sets(st.sampled_from(["left", "right", "bottom", "top"]))):
        where = {"left": np.s_[:, 0], "right": np.s_[:, 9], "top": np.s_[0]}
        aliens[where.get(edge, np.s_[9])] = False
    if not aliens.any():
        aliens[draw(integers(0, 9)), draw(integers(0, 9))] = True
    return dict(
        cannon_x=draw(integers(0, 9)),
        cannon_bullets=draw(st.one_of(grids, sparse)),
        alien_bullets=draw(st.one_of(grids, sparse)),
        aliens=aliens,
        aliens_move_right=draw(st.booleans()),
        shot_timer=draw(integers(0, 1)),
        alien_move_interval=draw(integers(1, 13)),
        alien_move_timer=draw(integers(0, 1)),
        alien_shot_timer=draw(integers(0, 1)),
        ramp_index=draw(integers(0, 6)),
    )


@jax.jit
def one_step(env, state, action):
    transition = env.transition(jr.key(0), state, action)
    return transition, env.observe(transition.state)


@settings(max_examples=500)
@given(states(), st.integers(0, 5), st.booleans())
def test_one_step_from_any_state(fields, action, ramping):
    fields = dict(fields)
    arrays = {
        name: to_map(x) if name in MAPS else jnp.asarray(x, jnp.int32)
        for name, x in fields.items()
    }
    arrays["aliens_move_right"] = jnp.array(fields["aliens_move_right"])
    state = SpaceInvadersState(**arrays, time=jnp.int32(3))
    env = SpaceInvaders(ramping=ramping, minimal_actions=False)
    transition, observation = one_step(env, state, action)

    game = start_game(ramping)
    game.pos = fields["cannon_x"]
    game.f_bullet_map = fields["cannon_bullets"].astype(float)
    game.e_bullet_map = fields["alien_bullets"].astype(float)
    game.alien_map = fields["aliens"].astype(float)
    game.alien_dir = 1 if fields["aliens_move_right"] else -1
    game.shot_timer = fields["shot_timer"]
    game.enemy_move_interval = fields["alien_move_interval"]
    game.alien_move_timer = fields["alien_move_timer"]
    game.alien_shot_timer = fields["alien_shot_timer"]
    game.ramp_index = fields["ramp_index"]
    theirs = replay(game, [action], lambda t: None, record)
    ours = {
        "observation": observation,
        "reward": transition.reward,
        "terminated": transition.terminated,
        **flatten(transition.state),
    }
    assert_same({name: np.asarray(x)[None] for name, x in ours.items()}, theirs)
    assert transition.state.time == 4


def test_statistics_of_random_play():
    """Without any replay: the lengths and returns of both games have the same law."""
    _, trajectory = played(policy=random_policy, minimal_actions=False)
    ended = trajectory["terminated"].any(axis=1)
    lengths = np.where(ended, trajectory["terminated"].argmax(axis=1) + 1, NUM_STEPS)
    before_end = np.arange(NUM_STEPS) < lengths[:, None]
    returns = (trajectory["reward"] * before_end).sum(axis=1)
    random = np.random.RandomState(0)
    game = original.Env()
    original_lengths, original_returns = [], []
    for _ in range(400):
        game.reset()
        total = length = 0
        while not game.terminal and length < NUM_STEPS:
            total += game.act(random.randint(6))[0]
            length += 1
        original_lengths.append(length)
        original_returns.append(total)
    assert stats.ks_2samp(lengths, original_lengths).pvalue > 1e-3
    assert stats.mannwhitneyu(returns, original_returns).pvalue > 1e-3


def test_nothing_is_random():
    env = SpaceInvaders()
    _, state = env.reset(jr.key(0))
    assert eqx.tree_equal(env.reset(jr.key(1))[1], state)
    step = env.step(jr.key(0), state, 3)
    assert eqx.tree_equal(env.step(jr.key(1), state, 3), step)


def test_actions_spaces_and_time_limit():
    env = SpaceInvaders()
    assert env.action_space.n == len(MINIMAL_ACTIONS)
    assert SpaceInvaders(minimal_actions=False).action_space.n == 6
    assert env.observation_space.shape == (10, 10, 6)
    assert env.observation_space.dtype == bool
    assert env.max_steps == 1000
