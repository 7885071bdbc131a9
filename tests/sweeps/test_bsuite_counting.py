"""What is counted and when it is written, beside bsuite's own logging of its own
environments with the same actions and the same random outcomes."""

import math
import types

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from bsuite.environments import (
    bandit,
    cartpole,
    catch,
    deep_sea,
    discounting_chain,
    memory_chain,
    mnist,
    mountain_car,
    umbrella_chain,
)
from bsuite.experiments.cartpole_swingup import cartpole_swingup
from bsuite.logging import csv_load, csv_logging
from bsuite.utils import datasets, wrappers

import eqenvs
from eqenvs.sweeps.bsuite import _files, load, setting
from eqenvs.sweeps.bsuite._counting import logged_episodes, Recorder
from eqenvs.sweeps.bsuite._padded import padded
from eqenvs.sweeps.bsuite._programs import rows_of

from ..environments.bsuite_replay import at, Replay, run


IMAGES = np.random.RandomState(0).randint(0, 256, (7, 3, 3)).astype(np.uint8)
LABELS = np.arange(7) % 10


def test_the_logarithmic_times():
    for num_episodes in (1, 9, 10, 100, 1000, 10_000):
        theirs = [
            n for n in range(1, num_episodes + 1) if wrappers._logarithmic_logging(n)
        ]
        assert logged_episodes(num_episodes).tolist() == theirs


class _Uniform(Replay):
    """Hands out the coordinates of an initial state."""

    def uniform(self, low, high):
        value = float(self.queues["uniform"].popleft())
        assert low <= value <= high
        return value


def cart_pole_reset(start):
    def feed(replay, state):
        deviation = (float(state.theta) - start + math.pi) % (2 * math.pi) - math.pi
        replay.feed("uniform", state.x, state.x_dot, deviation, state.theta_dot)

    return feed


def memory_reset(replay, state):
    replay.feed("binomial", state.context)
    replay.feed("randint", state.query)


def umbrella_reset(replay, state):
    replay.feed("binomial", state.need_umbrella, state.has_umbrella, state.distractors)


def umbrella_step(replay, coins, is_last):
    if not is_last:
        replay.feed("binomial", coins[0])
    replay.feed("binomial", coins[1:])


def weather_step(replay, weather, is_last):
    replay.feed("rand", weather.wind)
    replay.feed("randn", weather.noise)


def diving(size, seed=42):
    """Actions that mostly follow the path to the treasure."""
    mapping = np.random.RandomState(seed).binomial(1, 0.5, (size, size))
    depth = np.arange(400) % size
    slips = np.random.RandomState(1).rand(400) < 0.06
    return np.where(slips, 1 - mapping[depth, depth], mapping[depth, depth])


def case(id, env, original, actions, reset=None, draw=None, step=None):
    return pytest.param(
        id,
        types.SimpleNamespace(
            env=env,
            original=original,
            actions=np.asarray(actions, np.int32),
            reset=reset or (lambda replay, state: None),
            draw=draw or (lambda key: ()),
            step=step or (lambda replay, outcomes, is_last: None),
        ),
        id=id.replace("/", "-"),
    )


def random_actions(count, num_actions):
    return np.random.RandomState(2).randint(0, num_actions, count)


_umbrella = eqenvs.UmbrellaChain(4, 3, max_steps=1000)
_sea = eqenvs.DeepSea(5, deterministic=False)
CASES = [
    case(
        "bandit/3",
        eqenvs.SimpleBandit(mapping_seed=3),
        lambda: bandit.SimpleBandit(3),
        random_actions(400, 11),
    ),
    case(
        "mnist/0",
        eqenvs.MNISTBandit(IMAGES, LABELS),
        mnist.MNISTBandit,
        random_actions(120, 10),
        lambda replay, state: replay.feed("randint", state.index),
    ),
    case(
        "catch/0",
        eqenvs.Catch(),
        catch.Catch,
        random_actions(400, 3),
        lambda replay, state: replay.feed("randint", state.ball_x),
    ),
    case(
        "deep_sea/0",
        eqenvs.DeepSea(8),
        lambda: deep_sea.DeepSea(8, mapping_seed=42),
        diving(8),
        step=lambda replay, outcomes, is_last: replay.feed("rand", 1.0),
    ),
    case(
        "deep_sea_stochastic/0",
        _sea,
        lambda: deep_sea.DeepSea(5, deterministic=False, mapping_seed=42),
        diving(5),
        draw=_sea._draw,
        step=weather_step,
    ),
    case(
        "discounting_chain/1",
        eqenvs.DiscountingChain(mapping_seed=1),
        lambda: discounting_chain.DiscountingChain(1),
        random_actions(1200, 5),
    ),
    case(
        "memory_size/3",
        eqenvs.MemoryChain(2, 4),
        lambda: memory_chain.MemoryChain(2, 4),
        random_actions(400, 2),
        memory_reset,
    ),
    case(
        "umbrella_length/3",
        _umbrella,
        lambda: umbrella_chain.UmbrellaChain(4, 3),
        random_actions(400, 2),
        umbrella_reset,
        lambda key: _umbrella._draw(key, 4),
        umbrella_step,
    ),
    case(
        "mountain_car/0",
        eqenvs.BsuiteMountainCar(episode_length=90),
        lambda: mountain_car.MountainCar(max_steps=90),
        random_actions(1000, 3),
        lambda replay, state: replay.feed("uniform", state.position),
    ),
    case(
        "cartpole/0",
        eqenvs.BsuiteCartPole(),
        cartpole.Cartpole,
        random_actions(1000, 3),
        cart_pole_reset(0.0),
    ),
    case(
        "cartpole_swingup/0",
        eqenvs.CartPoleSwingUp(height_threshold=-0.9),
        lambda: cartpole_swingup.CartpoleSwingup(height_threshold=-0.9),
        # Most episodes end at the right end of the track.
        np.where(random_actions(1000, 4) == 3, 1, 2),
        cart_pole_reset(math.pi),
    ),
]


@pytest.mark.parametrize("id, case", CASES)
def test_rows_are_those_of_bsuite(id, case, tmp_path, monkeypatch, x64):
    del x64  # so that two pendulums of the same start stay together
    images = IMAGES.view(np.int8), LABELS
    monkeypatch.setattr(datasets, "load_mnist", lambda: (images, None))
    recorder = eqenvs_recorder(id, case.env)
    actions = case.actions
    _, first, keys, steps = run(recorder, jr.key(5), actions)
    drawn = jax.tree.map(np.asarray, jax.vmap(case.draw)(keys))
    first, states = jax.tree.map(np.asarray, (first, steps.state))

    raw = case.original()
    original = csv_logging.wrap_environment(raw, id, str(tmp_path / "theirs"))
    replay = raw._rng = _Uniform()
    case.reset(replay, first.inner)
    original.reset()
    for t, action in enumerate(actions):
        is_last = bool(steps.terminated[t])
        case.step(replay, at(drawn, t), is_last)
        assert original.step(int(action)).last() == is_last
        if is_last:
            case.reset(replay, at(states, t).inner)
            original.reset()

    (tmp_path / "ours").mkdir()
    last = jax.tree.map(lambda x: x[-1:], steps.state)
    _files.write_rows(tmp_path / "ours", setting(id), rows_of(last, 0))
    compare_files(tmp_path, id)


def eqenvs_recorder(id, env, **options):
    from eqenvs.sweeps.bsuite._counting import family_of

    return Recorder(
        env,
        logged=logged_episodes(1000),
        experiment=family_of(setting(id).experiment),
        **options,
    )


def compare_files(folder, id):
    ours, _ = csv_load.load_bsuite(str(folder / "ours"))
    theirs, _ = csv_load.load_bsuite(str(folder / "theirs"))
    assert list(ours.columns) == list(theirs.columns)
    assert len(ours) == len(theirs) >= 5
    for name in _files.columns_of(setting(id).experiment):
        # The parameters of ours have 32 bits.
        np.testing.assert_allclose(ours[name], theirs[name], rtol=3e-7, atol=3e-7)
    # And ours reads both.
    for columns in (load(folder / "ours"), load(folder / "theirs")):
        assert list(columns) == [id]
        np.testing.assert_array_equal(columns[id]["episode"], theirs["episode"])


def test_noise_and_scale_are_not_in_what_the_environment_counts(tmp_path, x64):
    del x64
    for number, options in enumerate(({"noise_scale": 3.0}, {"reward_scale": 30.0})):
        folder = tmp_path / str(number)
        (folder / "ours").mkdir(parents=True)
        id = ("catch_noise/12", "catch_scale/12")[number]
        recorder = eqenvs_recorder(id, eqenvs.Catch(), **options)
        actions = random_actions(400, 3).astype(np.int32)
        _, first, keys, steps = run(recorder, jr.key(5), actions)
        noise = jax.vmap(jr.normal)(jax.vmap(recorder.own_key)(keys))
        raw = catch.Catch()
        raw._rng = balls = Replay()
        noises = Replay()
        wrapped = (
            wrappers.RewardScale(raw, 30.0)
            if number
            else wrappers.RewardNoise(raw, 3.0)
        )
        wrapped._rng = noises
        wrapped.bsuite_num_episodes = 1000
        original = csv_logging.wrap_environment(wrapped, id, str(folder / "theirs"))
        balls.feed("randint", first.inner.ball_x)
        original.reset()
        for t, action in enumerate(actions):
            noises.feed("randn", noise[t])
            if original.step(int(action)).last():
                balls.feed("randint", at(steps.state, t).inner.ball_x)
                original.reset()
        last = jax.tree.map(lambda x: x[-1:], steps.state)
        _files.write_rows(folder / "ours", setting(id), rows_of(last, 0))
        compare_files(folder, id)


def test_rounding_does_not_add_up():
    """300,000 small rewards in 32 bits: 1e-3 is not a sum of powers of 2."""
    env = eqenvs.wrappers.TransformReward(
        eqenvs.SimpleBandit(), lambda reward: 1e-3 + 0 * reward
    )
    recorder = eqenvs_recorder("bandit/0", env)

    @jax.jit
    def play(state):
        def body(i, state):
            return recorder.step(jr.key(0), state, jnp.int32(0)).state

        return jax.lax.fori_loop(0, 300_000, body, state)

    state = play(recorder.reset(jr.key(0))[1])
    np.testing.assert_allclose(state.totals[2], 300.0, rtol=3e-7)
    assert state.num_episodes == 300_000


# Padding


def sizes_of(env):
    match env:
        case eqenvs.DeepSea():
            return env.size**2
        case eqenvs.MemoryChain():
            return env.num_bits + 2
        case eqenvs.UmbrellaChain():
            return env.num_distractors + 3


@pytest.mark.parametrize(
    "env, width",
    [
        (eqenvs.DeepSea(4), 6),
        (eqenvs.DeepSea(4, deterministic=False), 6),
        (eqenvs.DeepSea(4, deterministic=False), 4),
        (eqenvs.MemoryChain(3, 5), 9),
        (eqenvs.UmbrellaChain(3, 5, max_steps=1000), 9),
    ],
    ids=["sea", "windy sea", "same sea", "memory", "umbrella"],
)
def test_padding(env, width):
    """Observations are those of the true size and then zeros; what happens is the same
    where the random numbers are."""
    wide = padded(env, width)
    actions = random_actions(60, 2).astype(np.int32)
    _, _, _, wide_steps = run(wide, jr.key(3), actions)
    size = sizes_of(env)
    seen = np.asarray(wide_steps.observation)
    assert seen.shape[1] >= size
    assert np.all(seen[:, size:] == 0)
    assert np.any(seen[:, :size] != 0)
    np.testing.assert_array_equal(wide_steps.truncated, False)
    if isinstance(env, eqenvs.MemoryChain):
        queries = np.asarray(wide_steps.state.query)
        assert set(queries) <= set(range(env.num_bits)) and len(set(queries)) > 2
        np.testing.assert_array_equal(np.flatnonzero(wide_steps.terminated) % 4, 3)
        return
    if isinstance(env, eqenvs.UmbrellaChain):
        np.testing.assert_array_equal(np.flatnonzero(wide_steps.terminated) % 3, 2)
        return
    _, _, _, steps = run(env, jr.key(3), actions)
    np.testing.assert_array_equal(wide_steps.reward, steps.reward)
    np.testing.assert_array_equal(wide_steps.terminated, steps.terminated)
    np.testing.assert_array_equal(
        seen[:, :size], np.asarray(steps.observation).reshape(len(actions), -1)
    )
