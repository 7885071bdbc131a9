"""The environments of bsuite beside the `bsuite` package, step for step."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from bsuite.environments import (
    bandit,
    catch,
    deep_sea,
    discounting_chain,
    memory_chain,
    umbrella_chain,
)
from hypothesis import given, settings, strategies as st
from scipy import stats

import eqenvs
from eqenvs import (
    Catch,
    DeepSea,
    DiscountingChain,
    MemoryChain,
    SimpleBandit,
    UmbrellaChain,
)

from .bsuite_replay import compare
from .laws import normal_p_value, SIGNIFICANCE


NO_LIMIT = 1_000_000
NUM_STEPS = 60

seeds = st.integers(0, 2**31 - 1)


def actions_of(num_actions):
    return st.lists(
        st.integers(0, num_actions - 1), min_size=NUM_STEPS, max_size=NUM_STEPS
    )


def initial_states(env, num):
    return jax.jit(jax.vmap(env.initial_state))(jr.split(jr.key(17), num))


# Catch


@settings(max_examples=60)
@given(
    size=st.sampled_from([(2, 1), (3, 2), (10, 5), (7, 8)]),
    seed=seeds,
    actions=actions_of(3),
)
def test_catch(size, seed, actions):
    rows, columns = size
    episodes = compare(
        Catch(rows, columns, max_steps=NO_LIMIT),
        catch.Catch(rows, columns, seed=0),
        seed,
        actions,
        feed_reset=lambda replay, state: replay.feed("randint", state.ball_x),
    )
    assert episodes == NUM_STEPS // (rows - 1)


def test_the_ball_of_catch_is_uniform():
    for columns in (5, 7):
        state = initial_states(Catch(columns=columns), 20_000)
        counts = np.bincount(state.ball_x, minlength=columns)
        assert len(counts) == columns
        assert stats.chisquare(counts).pvalue > SIGNIFICANCE


# DeepSea


def original_deep_sea(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the mapping is not randomised
        return deep_sea.DeepSea(*args, **kwargs)


@settings(max_examples=80)
@given(data=st.data(), size=st.sampled_from([1, 2, 3, 8]), seed=seeds)
def test_deep_sea(data, size, seed):
    deterministic = data.draw(st.booleans())
    cost = data.draw(st.floats(0, 2, width=32))
    mapping_seed = data.draw(st.integers(0, 2**32 - 1))
    randomize = data.draw(st.booleans())
    original = original_deep_sea(
        size,
        deterministic=deterministic,
        unscaled_move_cost=cost,
        randomize_actions=randomize,
        mapping_seed=mapping_seed,
    )
    env = DeepSea(
        size,
        deterministic=deterministic,
        unscaled_move_cost=cost,
        max_steps=NO_LIMIT,
        **(
            {"mapping_seed": mapping_seed}
            if randomize
            else {"randomize_actions": False}
        ),
    )
    np.testing.assert_array_equal(env.action_mapping, original._action_mapping)
    # Random actions seldom go far to the right, so most of these do go right.
    mapping = np.asarray(env.action_mapping)
    goes_right = data.draw(
        st.lists(
            st.sampled_from([True, True, True, True, True, True, False]),
            min_size=NUM_STEPS,
            max_size=NUM_STEPS,
        )
    )
    actions = mapping[np.arange(NUM_STEPS) % size, np.arange(NUM_STEPS) % size]
    actions = np.where(goes_right, actions, 1 - actions)

    def feed_step(replay, weather, is_last):
        replay.feed("rand", weather.wind)
        replay.feed("randn", weather.noise)

    episodes = compare(
        env, original, seed, actions, draw=env._draw, feed_step=feed_step
    )
    assert episodes == NUM_STEPS // size


@settings(max_examples=20)
@given(seed=seeds, actions=actions_of(2))
def test_deep_sea_with_any_actions(seed, actions):
    env = DeepSea(3, deterministic=False, mapping_seed=seed, max_steps=NO_LIMIT)
    original = deep_sea.DeepSea(3, deterministic=False, mapping_seed=seed)

    def feed_step(replay, weather, is_last):
        replay.feed("rand", weather.wind)
        replay.feed("randn", weather.noise)

    compare(env, original, seed, actions, draw=env._draw, feed_step=feed_step)


def test_the_default_of_deep_sea_is_that_of_its_experiments():
    env = eqenvs.make("DeepSea-bsuite", size=10)
    original = deep_sea.DeepSea(10, mapping_seed=42)
    np.testing.assert_array_equal(env.action_mapping, original._action_mapping)
    assert env.max_steps == 10


def test_the_treasure_of_deep_sea():
    env = DeepSea(50)
    state = env.initial_state(jr.key(0))
    total = 0.0
    step = eqx.filter_jit(env.transition)
    for row in range(50):
        state, reward, terminated, _ = step(
            jr.key(0), state, env.action_mapping[row, row]
        )
        total += float(reward)
    assert terminated
    assert total == pytest.approx(0.99, abs=1e-5)


def test_the_weather_of_deep_sea():
    env = DeepSea(8, deterministic=False)
    n = 40_000
    weather = jax.jit(jax.vmap(env._draw))(jr.split(jr.key(3), n))
    assert (weather.wind >= 0).all() and (weather.wind <= 1).all()
    failures = int((weather.wind <= 1 / 8).sum())
    assert stats.binomtest(failures, n, 1 / 8).pvalue > SIGNIFICANCE
    assert stats.kstest(weather.wind, "uniform").pvalue > SIGNIFICANCE
    assert stats.kstest(weather.noise, "norm").pvalue > SIGNIFICANCE
    assert normal_p_value(weather.noise) > SIGNIFICANCE
    _, p_value = stats.pearsonr(weather.wind, weather.noise)
    assert p_value > SIGNIFICANCE


def test_a_batch_of_mappings():
    keys = jr.split(jr.key(0), 4_000)
    envs = eqx.filter_vmap(lambda key: DeepSea(5, key=key))(keys)
    assert envs.action_mapping.shape == (4_000, 5, 5)
    np.testing.assert_array_equal(
        envs.action_mapping[7], DeepSea(5, key=keys[7]).action_mapping
    )
    ones = int(envs.action_mapping.sum())
    assert stats.binomtest(ones, envs.action_mapping.size, 0.5).pvalue > SIGNIFICANCE
    in_each_cell = np.asarray(envs.action_mapping).mean(0)
    assert (np.abs(in_each_cell - 0.5) < 5 / (2 * 4_000**0.5)).all()
    vector = eqenvs.VectorEnvironment(
        eqx.filter_vmap(lambda key: DeepSea(5, key=key))(keys[:6]), 6
    )
    _, states = vector.reset(jr.key(1))
    first = vector.env.action_mapping[:, 0, 0]
    step = vector.step(jr.key(2), states, first)
    assert (step.state.column == 1).all()
    step = vector.step(jr.key(2), states, 1 - first)
    assert (step.state.column == 0).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"size": 0}, "DeepSea.size must be a Python integer, at least 1; got 0"),
        ({"mapping_seed": 1, "key": jr.key}, "got mapping_seed and key"),
        ({"size": 3, "action_mapping": np.ones((2, 2), int)}, "shape \\(3, 3\\)"),
        ({"action_mapping": np.ones((2, 3), int)}, "shape \\(2, 2\\)"),
        ({"action_mapping": np.full((2, 2), 2)}, "from 0 to 1; got"),
        ({"randomize_actions": False, "mapping_seed": 1}, "got action_mapping and"),
        ({"mapping_sed": 1}, "Did you mean 'mapping_seed'"),
        ({"mapping_seed": True}, "must be a Python integer; got True"),
    ],
)
def test_bad_arguments_of_deep_sea(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        DeepSea(**arguments)


# MemoryChain


@settings(max_examples=80)
@given(
    memory_length=st.integers(1, 40),
    num_bits=st.sampled_from([1, 2, 5, 40]),
    seed=seeds,
    actions=actions_of(2),
)
def test_memory_chain(memory_length, num_bits, seed, actions):
    def feed_reset(replay, state):
        replay.feed("binomial", state.context)
        replay.feed("randint", state.query)

    episodes = compare(
        MemoryChain(memory_length, num_bits, max_steps=NO_LIMIT),
        memory_chain.MemoryChain(memory_length, num_bits, seed=0),
        seed,
        actions,
        feed_reset=feed_reset,
    )
    assert episodes == NUM_STEPS // (memory_length + 1)


@pytest.mark.parametrize("num_bits", [1, 3, 33])
def test_what_memory_chain_draws(num_bits):
    n = 20_000
    state = initial_states(MemoryChain(num_bits=num_bits), n)
    for bit in range(num_bits):
        ones = int(state.context[:, bit].sum())
        assert stats.binomtest(ones, n, 0.5).pvalue > SIGNIFICANCE / num_bits
    if num_bits > 1:
        counts = np.bincount(state.query, minlength=num_bits)
        assert len(counts) == num_bits
        assert stats.chisquare(counts).pvalue > SIGNIFICANCE
        # The bit that is asked for is as fair as the others, and so are pairs.
        asked = np.asarray(state.context)[np.arange(n), np.asarray(state.query)]
        assert stats.binomtest(int(asked.sum()), n, 0.5).pvalue > SIGNIFICANCE
        equal = int((state.context[:, 0] == state.context[:, 1]).sum())
        assert stats.binomtest(equal, n, 0.5).pvalue > SIGNIFICANCE
    else:
        assert (state.query == 0).all()


# UmbrellaChain


@settings(max_examples=80)
@given(
    chain_length=st.integers(1, 40),
    num_distractors=st.sampled_from([0, 1, 20, 40]),
    seed=seeds,
    actions=actions_of(2),
)
def test_umbrella_chain(chain_length, num_distractors, seed, actions):
    env = UmbrellaChain(chain_length, num_distractors, max_steps=NO_LIMIT)

    def feed_reset(replay, state):
        replay.feed(
            "binomial", state.need_umbrella, state.has_umbrella, state.distractors
        )

    def feed_step(replay, coins, is_last):
        if not is_last:
            replay.feed("binomial", coins[0])
        replay.feed("binomial", coins[1:])

    episodes = compare(
        env,
        umbrella_chain.UmbrellaChain(chain_length, num_distractors, seed=0),
        seed,
        actions,
        feed_reset=feed_reset,
        draw=lambda key: env._draw(key, 1 + num_distractors),
        feed_step=feed_step,
    )
    assert episodes == NUM_STEPS // chain_length


@pytest.mark.parametrize("num_distractors", [0, 35])
def test_what_umbrella_chain_draws(num_distractors):
    n = 20_000
    env = UmbrellaChain(num_distractors=num_distractors)
    state = initial_states(env, n)
    coins = [state.need_umbrella, state.has_umbrella, *state.distractors.T]
    coins += [state.need_umbrella == state.has_umbrella]
    step = jax.jit(jax.vmap(env.transition, (0, 0, None)))(
        jr.split(jr.key(5), n), state, jnp.int32(0)
    )
    assert set(np.unique(step.reward)) == {-1, 1}
    coins += [step.reward == 1, *step.state.distractors.T]
    if num_distractors:
        coins += [(step.reward == 1) == step.state.distractors[:, 0]]
    for coin in coins:
        heads = int(np.asarray(coin).sum())
        assert stats.binomtest(heads, n, 0.5).pvalue > SIGNIFICANCE / len(coins)


# DiscountingChain


@settings(max_examples=40)
@given(mapping_seed=st.integers(0, 2**31), data=st.data(), first=st.integers(0, 4))
def test_discounting_chain(mapping_seed, data, first):
    num_steps = 220
    rest = data.draw(
        st.lists(st.integers(0, 4), min_size=num_steps - 1, max_size=num_steps - 1)
    )
    env = DiscountingChain(mapping_seed=mapping_seed, max_steps=NO_LIMIT)
    original = discounting_chain.DiscountingChain(mapping_seed=mapping_seed)
    np.testing.assert_array_equal(env.rewards, original._rewards.astype(np.float32))
    assert compare(env, original, 0, [first, *rest]) == 2


@settings(max_examples=30)
@given(data=st.data())
def test_discounting_chain_with_other_chains(data):
    length = data.draw(st.integers(1, 50))
    chains = data.draw(st.sampled_from([1, 3]))
    steps = data.draw(
        st.lists(st.integers(1, length), min_size=chains, max_size=chains)
    )
    rewards = data.draw(
        st.lists(st.floats(-3, 3, width=32), min_size=chains, max_size=chains)
    )
    actions = data.draw(actions_of(chains))
    env = DiscountingChain(
        rewards=rewards,
        reward_timesteps=steps,
        episode_length=length,
        max_steps=NO_LIMIT,
    )
    original = discounting_chain.DiscountingChain(mapping_seed=0)
    original._episode_len = length
    original._reward_timestep = steps
    original._n_actions = chains
    original._rewards = np.asarray(rewards)
    assert env.action_space.n == chains
    assert compare(env, original, 0, actions) == NUM_STEPS // length


def test_the_bonus_of_discounting_chain():
    np.testing.assert_allclose(DiscountingChain().rewards, [1.1, 1, 1, 1, 1])
    n = 5_000
    envs = eqx.filter_vmap(lambda key: DiscountingChain(key=key))(
        jr.split(jr.key(0), n)
    )
    assert envs.rewards.shape == (n, 5)
    np.testing.assert_allclose(envs.rewards.sum(1), 5.1, rtol=1e-6)
    counts = np.bincount(envs.rewards.argmax(1), minlength=5)
    assert stats.chisquare(counts).pvalue > SIGNIFICANCE
    with pytest.raises(ValueError, match="must have the same shape"):
        DiscountingChain(rewards=[1.0, 2.0])


# SimpleBandit


@settings(max_examples=40)
@given(
    mapping_seed=st.integers(0, 2**32 - 1),
    num_actions=st.sampled_from([1, 2, 11, 30]),
    data=st.data(),
)
def test_simple_bandit(mapping_seed, num_actions, data):
    env = SimpleBandit(mapping_seed=mapping_seed, num_actions=num_actions)
    original = bandit.SimpleBandit(mapping_seed, num_actions)
    actions = data.draw(actions_of(num_actions))
    assert compare(env, original, 0, actions) == NUM_STEPS


def test_the_rewards_of_simple_bandit():
    np.testing.assert_array_equal(
        eqenvs.make("SimpleBandit-bsuite").rewards,
        bandit.SimpleBandit(mapping_seed=0)._rewards.astype(np.float32),
    )
    n = 6_000
    envs = eqx.filter_vmap(lambda key: SimpleBandit(key=key, num_actions=3))(
        jr.split(jr.key(0), n)
    )
    orders = np.asarray(envs.rewards * 2).round().astype(int) @ [9, 3, 1]
    values, counts = np.unique(orders, return_counts=True)
    assert len(values) == 6
    assert stats.chisquare(counts).pvalue > SIGNIFICANCE
    given_rewards = SimpleBandit([0.5, -2.0])
    assert given_rewards.action_space.n == 2
    state = given_rewards.initial_state(jr.key(0))
    assert given_rewards.step(jr.key(0), state, 1).reward == -2
    with pytest.raises(ValueError, match="one of rewards and num_actions"):
        SimpleBandit([0.5, 1.0], num_actions=2)


# All of them


def test_a_mapping_stays_put_across_episodes():
    env = SimpleBandit(key=jr.key(4))
    _, state = env.reset(jr.key(0))
    rewards = []
    for t in range(6):
        step = env.step(jr.key(t), state, 3)
        state = step.state
        rewards.append(float(step.reward))
    assert set(rewards) == {float(env.rewards[3])}


@pytest.mark.parametrize(
    "env, original",
    [
        (lambda: Catch(), lambda: catch.Catch()),
        (lambda: DeepSea(8), lambda: deep_sea.DeepSea(8)),
        (lambda: MemoryChain(5), lambda: memory_chain.MemoryChain(5)),
        (lambda: UmbrellaChain(10), lambda: umbrella_chain.UmbrellaChain(10)),
        (lambda: DiscountingChain(), lambda: discounting_chain.DiscountingChain(0)),
        (lambda: SimpleBandit(), lambda: bandit.SimpleBandit(0)),
    ],
)
def test_spaces(env, original):
    env, original = env(), original()
    assert env.action_space.n == original.action_spec().num_values
    shape = original.observation_spec().shape
    assert env.observation_space.shape == (shape[1:] if shape[0] == 1 else shape)
