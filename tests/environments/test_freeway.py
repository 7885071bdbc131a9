"""Freeway against the `minatar` package."""

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
from minatar.environments import freeway as original
from scipy import stats

from eqenvs import Freeway
from eqenvs.environments.minatar.freeway import Cars, FreewayState

from ..minatar_replay import (
    assert_same,
    episode,
    play,
    replay,
    ReplayedRandom,
    unvisited_branches,
)


NUM_EPISODES = 208
CODE = (original.Env.act, original.Env._randomize_cars, original.Env.state)
MINIMAL_ACTIONS = original.Env().minimal_action_set()


def feed(game, pace):
    """Tells the original the paces that it is about to draw."""
    game.random.expect(randint=np.abs(pace), rand=np.where(pace > 0, 0.7, 0.2))


def start_game(pace):
    game = original.Env()
    game.random = ReplayedRandom()
    feed(game, pace)
    game.reset()
    game.random.finish()
    return game


def record(game):
    """The original's state, as our fields."""
    x, rows, timer, pace = np.transpose(game.cars)
    assert list(rows) == list(range(1, 9))
    return {
        "chicken_y": game.pos,
        "move_timer": game.move_timer,
        "x": x,
        "timer": timer,
        "pace": pace,
        "time": original.time_limit - game.terminate_timer,
    }


def flatten(state):
    """Our state, likewise."""
    fields = {name: x for name, x in vars(state).items() if name != "cars"}
    return {**fields, **vars(state.cars)}


def draw(env, key, state):
    del state
    return env._draw(key)


def hasty_policy(key, state):
    """Goes up where no car is about to come, and sometimes does anything."""
    keys = jr.split(key, 3)
    cars = state.cars
    is_next = jnp.arange(1, 9) == state.chicken_y - 1
    ahead = jnp.where(cars.pace > 0, 4 - cars.x, cars.x - 4)
    moves_soon = 1 + jnp.maximum(3 - cars.timer, 0) // (jnp.abs(cars.pace) + 1)
    is_clear = ~jnp.any(is_next & (ahead >= 0) & (ahead <= moves_soon))
    is_careless = jr.bernoulli(keys[1], 0.02)
    random_action = jr.randint(keys[2], (), 0, 3, jnp.int32)
    return jnp.where(is_careless, random_action, is_clear.astype(jnp.int32))


def random_policy(key, state):
    del state
    return jr.randint(key, (), 0, 6, jnp.int32)


def mostly_up(key, state):
    """Any of the six actions, but up most of the time."""
    keys = jr.split(key)
    return jnp.where(jr.bernoulli(keys[0], 0.8), 2, random_policy(keys[1], state))


@ft.cache
def played(batch=0, policy=hasty_policy, minimal_actions=True, **parameters):
    env = Freeway(minimal_actions=minimal_actions, **parameters)
    keys = jr.split(jr.key(batch), NUM_EPISODES // 4)
    num_steps = parameters.get("time_limit", 2500) + 1
    return jax.device_get(play(env, keys, num_steps, policy, draw))


def replay_episode(i, batch=0, policy=hasty_policy, minimal_actions=True, **parameters):
    """Replays an episode on the original and compares all of it."""
    initial, trajectory = played(batch, policy, minimal_actions, **parameters)
    ours = episode(trajectory, i)
    initial = jax.tree.map(lambda x: x[i], initial)
    constants = {
        "player_speed": parameters.get("move_interval", 3),
        "time_limit": parameters.get("time_limit", 2500),
    }
    with mock.patch.multiple(original, **constants):
        game = start_game(initial.cars.pace)
        assert_same(flatten(initial), record(game))

        def feed_step(t):
            if ours["reward"][t]:
                feed(game, ours["draw"].pace[t])

        actions = ours["action"]
        if minimal_actions:
            actions = np.array(MINIMAL_ACTIONS)[actions]
        theirs = replay(game, actions, feed_step, record)
    seen = {name: ours[name] for name in ("observation", "reward", "terminated")}
    assert_same({**seen, **flatten(ours["state"])}, theirs)
    assert theirs["terminated"][-1] and not theirs["terminated"][:-1].any()
    assert ours["observation"].dtype == bool
    return theirs


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(4))
def test_whole_episodes(batch):
    total_reward = 0
    for i in range(NUM_EPISODES // 4):
        theirs = replay_episode(i, batch)
        assert len(theirs["reward"]) == 2501
        total_reward += theirs["reward"].sum()
    played.cache_clear()
    # New traffic comes with every reward.
    assert total_reward > 20 * NUM_EPISODES // 4


def test_no_branch_of_the_original_is_left_out():
    def run():
        start_game(np.ones(8, int))
        for i in range(2):
            replay_episode(i, time_limit=400)
            replay_episode(i, policy=mostly_up, minimal_actions=False, time_limit=400)

    source = inspect.getsource(original).splitlines()
    last_speed = source.index("            elif(abs(car[3])==5):") + 1
    # The last of the five speeds is always the one, when none of the others is.
    never_taken = (last_speed, last_speed + 2)
    assert unvisited_branches(CODE, run) == [never_taken]


@pytest.mark.parametrize("policy", [random_policy, mostly_up])
def test_all_six_actions(policy):
    parameters = {"minimal_actions": False, "time_limit": 400}
    for i in range(20):
        replay_episode(i, policy=policy, **parameters)


@pytest.mark.parametrize("move_interval", [0, 1, 5])
def test_whole_episodes_with_another_chicken(move_interval):
    for i in range(20):
        theirs = replay_episode(i, move_interval=move_interval, time_limit=300)
        assert len(theirs["reward"]) == 301


@st.composite
def states(draw):
    """Any state of the game, however unlikely."""
    integers = st.integers
    lists = lambda values: st.lists(values, min_size=8, max_size=8)  # noqa: E731
    paces = st.sampled_from([-5, -4, -3, -2, -1, 1, 2, 3, 4, 5])
    timers = st.one_of(st.just([0] * 8), lists(integers(0, 5)))
    return dict(
        chicken_y=draw(integers(1, 9)),
        move_timer=draw(st.sampled_from([0, 0, 1, 2, 3])),
        x=draw(lists(st.one_of(integers(0, 9), integers(3, 5)))),
        timer=draw(timers),
        pace=draw(lists(paces)),
        time=draw(integers(2495, 2500)),
    )


@jax.jit
def one_step(env, key, state, action):
    transition = env.transition(key, state, action)
    return transition, env.observe(transition.state), env._draw(key)


@settings(max_examples=500)
@given(states(), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_one_step_from_any_state(fields, action, seed):
    arrays = {name: jnp.array(x, jnp.int32) for name, x in fields.items()}
    cars = Cars(*(arrays.pop(name) for name in ("x", "timer", "pace")))
    state = FreewayState(cars=cars, **arrays)
    env = Freeway(minimal_actions=False)
    transition, observation, traffic = one_step(env, jr.key(seed), state, action)

    game = start_game(np.ones(8, int))
    game.pos, game.move_timer = fields["chicken_y"], fields["move_timer"]
    game.terminate_timer = original.time_limit - fields["time"]
    rows = range(1, 9)
    columns = zip(fields["x"], rows, fields["timer"], fields["pace"], strict=True)
    game.cars = [list(car) for car in columns]

    def feed_step(_):
        if transition.reward:
            feed(game, np.asarray(traffic.pace))

    theirs = replay(game, [action], feed_step, record)
    ours = {
        "observation": observation,
        "reward": transition.reward,
        "terminated": transition.terminated,
        **flatten(transition.state),
    }
    assert_same({name: np.asarray(x)[None] for name, x in ours.items()}, theirs)


def test_law_of_traffic():
    num_draws = 200_000
    keys = jr.split(jr.key(0), num_draws)
    pace = np.asarray(jax.jit(jax.vmap(Freeway()._draw))(keys).pace)
    index = np.where(pace < 0, pace + 5, pace + 4)
    assert index.min() == 0 and index.max() == 9
    p_values = []
    for i in range(8):
        counts = np.bincount(index[:, i], minlength=10)
        p_values.append(stats.chisquare(counts).pvalue)
        for j in range(i):  # Every two cars are independent of each other.
            counts = np.bincount(10 * index[:, i] + index[:, j], minlength=100)
            p_values.append(stats.chisquare(counts).pvalue)
    assert min(p_values) > 1e-3 / len(p_values)
    sizes, directions = np.abs(pace), np.sign(pace)
    # As the original draws them: five speeds, and a coin for the direction.
    random = np.random.RandomState(1)
    speeds = random.randint(1, 6, (num_draws, 8))
    speeds = speeds * np.sign(random.rand(num_draws, 8) - 0.5).astype(int)
    assert stats.ks_2samp(pace.ravel()[::7], speeds.ravel()[::7]).pvalue > 1e-3
    # The sums over the cars have the spread of eight independent ones.
    assert stats.ks_2samp(sizes.sum(1), np.abs(speeds).sum(1)).pvalue > 1e-3
    assert stats.ks_2samp(directions.sum(1), np.sign(speeds).sum(1)).pvalue > 1e-3


def test_statistics_of_play():
    """Without any replay: the rewards of both games have the same law."""
    length = 401
    parameters = {"minimal_actions": False, "time_limit": length - 1}
    env = Freeway(**parameters)
    keys = jr.split(jr.key(9), 400)

    @eqx.filter_jit
    def returns_of(env, keys):
        def one_episode(key):
            def one_step(state, key):
                step = env.transition(key, state, mostly_up(jr.fold_in(key, 5), state))
                return step.state, step.reward

            state = env.initial_state(key)
            return jax.lax.scan(one_step, state, jr.split(key, length))[1].sum()

        return jax.vmap(one_episode)(keys)

    returns = np.asarray(returns_of(env, keys))
    random = np.random.RandomState(0)
    game = original.Env()
    game.random = random
    original_returns = []
    for _ in range(400):
        game.reset()
        actions = np.where(random.rand(length) < 0.8, 2, random.randint(0, 6, length))
        original_returns.append(sum(game.act(int(action))[0] for action in actions))
    assert np.mean(original_returns) > 1
    assert stats.mannwhitneyu(returns, original_returns).pvalue > 1e-3


def test_actions_spaces_and_time_limit():
    env = Freeway()
    assert env.action_space.n == len(MINIMAL_ACTIONS)
    assert Freeway(minimal_actions=False).action_space.n == 6
    assert env.observation_space.shape == (10, 10, 7)
    assert env.observation_space.dtype == bool
    assert env.max_steps == 2500
    # The time limit of the loop comes one step before the game's own.
    _, state = env.reset(jr.key(0))
    state = eqx.tree_at(lambda s: s.time, state, jnp.int32(2499))
    step = env.step(jr.key(1), state, 0)
    assert step.truncated and not step.terminated
