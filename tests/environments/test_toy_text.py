"""Taxi, CliffWalking and Blackjack beside Gymnasium's: every state and every action of
the first two, and Blackjack card by card and by the value of its optimal policy."""

import functools as ft
import itertools

import gymnasium
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from gymnasium.envs.toy_text.blackjack import BlackjackEnv
from gymnasium.envs.toy_text.cliffwalking import CliffWalkingEnv
from gymnasium.envs.toy_text.taxi import TaxiEnv

import eqenvs
from eqenvs import Blackjack, CliffWalking, Taxi
from eqenvs.environments.toy_text import (
    BlackjackState,
    CliffWalkingState,
    TaxiState,
)
from eqenvs.environments.toy_text.blackjack import MOST_DEALER_CARDS
from tools import blackjack
from tools.blackjack import PROBABILITIES, value_of

from .laws import SIGNIFICANCE


class Given:
    """Stands in for a generator of Gymnasium's; hands out given outcomes."""

    def __init__(self, random=(), choices=()):
        self.numbers = list(random)
        self.choices = list(choices)

    def random(self):
        return self.numbers.pop(0)

    def choice(self, values):
        choice = self.choices.pop(0)
        return values[choice] if isinstance(choice, int) else choice


@pytest.mark.parametrize(
    "id",
    [
        "Taxi-v4",
        "CliffWalking-v1",
        "CliffWalkingSlippery-v1",
        "Blackjack-v1",
        "FrozenLake-v1",
        "FrozenLake8x8-v1",
        "CartPole-v0",
    ],
)
def test_the_defaults_are_those_of_gymnasiums_registry(id):
    env, spec = eqenvs.make(id), gymnasium.spec(id)
    original = gymnasium.envs.registration.load_env_creator(spec.entry_point)(
        **spec.kwargs
    )
    assert eqenvs.spec(id).solved_return == spec.reward_threshold
    limit = spec.max_episode_steps
    assert env.max_steps == (2**31 - 1 if limit is None else limit)
    assert env.action_space.n == original.action_space.n
    for name in ("is_rainy", "is_slippery", "sab", "natural"):
        if hasattr(original, name):
            assert getattr(env, name) == getattr(original, name)
    if "FrozenLake" in id:
        text = ["".join("SFHG"[i] for i in row) for row in np.asarray(env.map)]
        assert text == ["".join(x.decode() for x in row) for row in original.desc]


# Taxi


@jax.vmap
def taxi_states(number, is_fickle):
    cell = number // 20
    return TaxiState(
        row=cell // 5,
        column=cell % 5,
        passenger=number // 4 % 5,
        destination=number % 4,
        is_fickle=is_fickle,
        time=jnp.zeros_like(number),
    )


@pytest.mark.parametrize("is_rainy", [False, True])
@pytest.mark.parametrize("fickle", [False, True])
def test_taxi_in_every_state_with_every_action(is_rainy, fickle, x64):
    del x64
    draws = 6 if is_rainy or fickle else 1
    numbers, actions, is_fickle, _ = map(
        np.array,
        zip(
            *itertools.product(
                range(500), range(6), [False, True][: 1 + fickle], range(draws)
            ),
            strict=True,
        ),
    )
    env = Taxi(is_rainy=is_rainy, fickle_passenger=fickle, rainy_probability=0.4)
    original = TaxiEnv(
        is_rainy=is_rainy, fickle_passenger=fickle, rainy_probability=0.4
    )

    @jax.jit
    @jax.vmap
    def step(key, state, action):
        state, reward, terminated, info = env.transition(key, state, action)
        observation = env.observe(state)
        return (
            *(observation, state.is_fickle, reward, terminated),
            *(info["prob"], info["action_mask"], env._draw(key)),
        )

    keys = jr.split(jr.key(0), len(numbers))
    states = taxi_states(jnp.asarray(numbers, jnp.int32), jnp.asarray(is_fickle))
    results = jax.tree.map(
        np.asarray, step(keys, states, jnp.asarray(actions, jnp.int32))
    )
    *ours, outcomes = results
    drawn = set()
    for i, (number, action) in enumerate(zip(numbers, actions, strict=True)):
        original.s, original.fickle_step = number, is_fickle[i]
        original._np_random = Given(
            [float(outcomes.rain[i])], [int(outcomes.choice[i])]
        )
        observation, reward, terminated, _, info = original.step(action)
        expected = (
            *(observation, original.fickle_step, reward, terminated, info["prob"]),
        )
        for mine, theirs in zip(ours[:5], expected, strict=True):
            assert mine[i] == pytest.approx(theirs, abs=1e-12), (number, action)
        np.testing.assert_array_equal(ours[5][i], info["action_mask"])
        drawn.add((round(info["prob"], 3), observation))
    assert len(drawn) > 450


def test_taxi_starts_like_gymnasiums():
    env = Taxi(fickle_passenger=True)
    n = 30_000
    states = jax.jit(jax.vmap(env.initial_state))(jr.split(jr.key(1), n))
    counts = np.bincount(jax.vmap(env.observe)(states), minlength=500)
    possible = TaxiEnv().initial_state_distrib > 0
    assert possible.sum() == 300 and counts[~possible].sum() == 0
    assert scipy.stats.chisquare(counts[possible]).pvalue > SIGNIFICANCE
    num_fickle = int(states.is_fickle.sum())
    assert scipy.stats.binomtest(num_fickle, n, 0.3).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("is_rainy", [False, True])
def test_what_taxi_draws(is_rainy):
    env = Taxi(is_rainy=is_rainy, fickle_passenger=True)
    n = 30_000
    outcomes = jax.jit(jax.vmap(env._draw))(jr.split(jr.key(2), n))
    counts = np.bincount(outcomes.choice, minlength=3)
    assert scipy.stats.chisquare(counts).pvalue > SIGNIFICANCE
    if is_rainy:
        assert scipy.stats.kstest(outcomes.rain, "uniform").pvalue > SIGNIFICANCE
        table = np.histogram2d(outcomes.rain, outcomes.choice, bins=(8, 3))[0]
        assert scipy.stats.chi2_contingency(table).pvalue > SIGNIFICANCE


def optimal_values(next_states, rewards, terminated):
    values = np.zeros(len(next_states))
    for _ in range(40):
        values = (rewards + ~terminated * values[next_states]).max(axis=1)
    return values


def test_the_optimal_return_of_taxi():
    env, original = Taxi(), TaxiEnv()
    actions = jnp.arange(6, dtype=jnp.int32)

    @jax.jit
    @ft.partial(jax.vmap, in_axes=(0, None))
    @ft.partial(jax.vmap, in_axes=(None, 0))
    def table(state, action):
        step = env.transition(jr.key(0), state, action)
        return env.observe(step.state), step.reward, step.terminated

    states = taxi_states(jnp.arange(500, dtype=jnp.int32), jnp.zeros(500, bool))
    values = optimal_values(*map(np.asarray, table(states, actions)))
    entries = [[original.P[s][a][0][1:] for a in range(6)] for s in range(500)]
    next_states, rewards, terminated = np.moveaxis(np.array(entries), -1, 0)
    expected = optimal_values(next_states.astype(int), rewards, terminated == 1)
    np.testing.assert_allclose(values, expected)
    assert values @ original.initial_state_distrib == pytest.approx(7.93)


# CliffWalking


@pytest.mark.parametrize("is_slippery", [False, True])
def test_cliff_walking_in_every_state_with_every_action(is_slippery, x64):
    del x64
    numbers, actions, _ = map(
        np.array,
        zip(*itertools.product(range(48), range(4), range(40)), strict=True),
    )
    env = CliffWalking(is_slippery=is_slippery)
    original = CliffWalkingEnv(is_slippery=is_slippery)

    @jax.jit
    @jax.vmap
    def step(key, number, action):
        state = CliffWalkingState(
            row=number // 12, column=number % 12, time=jnp.int32(3)
        )
        state, reward, terminated, info = env.transition(key, state, action)
        return env.observe(state), reward, terminated, info["prob"], env._draw(key)

    keys = jr.split(jr.key(0), len(numbers))
    *ours, uniform = map(
        np.asarray,
        step(keys, jnp.asarray(numbers, jnp.int32), jnp.asarray(actions, jnp.int32)),
    )
    reached = {(n, a): set() for n, a in zip(numbers, actions, strict=True)}
    for i, (number, action) in enumerate(zip(numbers, actions, strict=True)):
        original.s, original._np_random = number, Given([uniform[i]])
        observation, reward, terminated, _, info = original.step(action)
        expected = observation, reward, terminated, info["prob"]
        for mine, theirs in zip(ours, expected, strict=True):
            assert mine[i] == pytest.approx(theirs), (number, action)
        reached[number, action].add(observation)
    for (number, action), states in reached.items():
        assert states == {entry[1] for entry in original.P[number][action]}


def test_where_cliff_walking_starts():
    env = CliffWalking()
    observation, _ = env.reset(jr.key(0))
    assert observation == 36 == CliffWalkingEnv().reset(seed=0)[0]
    # The way around the cliff takes 13 steps.
    state, total = env.initial_state(jr.key(0)), 0.0
    for t, action in enumerate([0, *11 * [1], 2]):
        step = env.advance(jr.key(t), state, action)
        state, total = step.state, total + float(step.reward)
    assert step.terminated and total == -13


# Blackjack


@ft.cache
def hands(natural, sab):
    """Hands that are played on after their end, and what was drawn for them."""
    env = Blackjack(natural=natural, sab=sab)

    @jax.jit
    @jax.vmap
    def play(key, actions):
        reset_key, key = jr.split(key)
        start = env.initial_state(reset_key)

        def body(state, inputs):
            key, action = inputs
            step = env.transition(key, state, action)
            outputs = env.observe(step.state), step.reward, step.terminated
            return step.state, (*outputs, env._draw(key))

        keys = jr.split(key, len(actions))
        _, outputs = jax.lax.scan(body, start, (keys, actions))
        return env.observe(start), env._deal(reset_key), outputs

    # Stops at once in a quarter of the hands, so that there are naturals that win.
    actions = np.random.default_rng(0).random((4000, 12)) > np.linspace(0.25, 0.5, 12)
    actions = actions.astype(np.int32)
    results = play(jr.split(jr.key(7), len(actions)), jnp.asarray(actions))
    return actions, jax.tree.map(np.asarray, results)


@pytest.mark.parametrize("natural", [False, True])
@pytest.mark.parametrize("sab", [False, True])
def test_blackjack_card_by_card(natural, sab):
    actions, (first, deals, (observations, rewards, ends, cards)) = hands(natural, sab)
    seen = set()
    for lane in range(len(actions)):
        original = BlackjackEnv(natural=natural, sab=sab)
        # The dealer's suit, and which face card a ten is, are drawn for the picture.
        drawn = [np.int64(card) for card in deals[lane]] + ["C", "J"]
        original._np_random = Given(choices=drawn)
        observation, _ = original.reset()
        assert observation == tuple(x[lane] for x in first)
        for t, action in enumerate(actions[lane]):
            given = [np.int64(card) for card in cards[lane, t]]
            original._np_random = Given(choices=given)
            observation, reward, terminated, _, _ = original.step(action)
            assert observation == tuple(x[lane, t] for x in observations)
            assert reward == rewards[lane, t] and terminated == ends[lane, t]
            seen.add((reward, terminated))
            if terminated:
                break
    assert len(seen) == 4 + (natural and not sab)


def test_the_cards_of_blackjack():
    n = 20_000
    keys = jr.split(jr.key(3), n)
    for draw, num in ((Blackjack._deal, 4), (Blackjack()._draw, MOST_DEALER_CARDS)):
        cards = np.asarray(jax.jit(jax.vmap(draw))(keys))
        assert cards.shape == (n, num)
        expected = n * np.array([*9 * [1 / 13], 4 / 13])
        p_values = [
            scipy.stats.chisquare(np.bincount(c, minlength=11)[1:], expected).pvalue
            for c in cards.T
        ]
        for one, other in itertools.combinations(cards.T, 2):
            table = np.histogram2d(one, other, bins=10)[0]
            p_values.append(scipy.stats.chi2_contingency(table).pvalue)
        assert min(p_values) > SIGNIFICANCE / len(p_values)


@ft.cache
def most_cards(total, has_ace):
    if value_of(total, has_ace) >= 17:
        return 0
    return 1 + max(most_cards(total + c, has_ace or c == 1) for c in PROBABILITIES)


def test_no_dealer_needs_more_cards():
    needed = [
        most_cards(a + b, 1 in (a, b))
        for a, b in itertools.product(PROBABILITIES, repeat=2)
    ]
    assert max(needed) == MOST_DEALER_CARDS


def test_the_value_of_the_optimal_policy_of_blackjack():
    exact = blackjack.optimal_return()
    env = eqenvs.make("Blackjack-v1")
    table = jnp.asarray(blackjack.optimal_actions())
    n = 200_000

    @jax.jit
    def play(key):
        keys = jr.split(key, (13, n))
        state = jax.vmap(env.initial_state)(keys[0])

        def body(carry, keys):
            state, is_over, total = carry
            player, shows, usable = jax.vmap(env.observe)(state)
            action = table[player, shows, usable]
            step = jax.vmap(env.transition)(keys, state, action)
            total = total + jnp.where(is_over, 0.0, step.reward)
            return (step.state, is_over | step.terminated, total), None

        start = (state, jnp.zeros(n, bool), jnp.zeros(n))
        (_, is_over, total), _ = jax.lax.scan(body, start, keys[1:])
        return is_over, total

    is_over, returns = map(np.asarray, play(jr.key(5)))
    assert is_over.mean() > 0.9999
    error = returns.std() / np.sqrt(n)
    assert abs(returns.mean() - exact) < 4 * error
    assert -0.06 < exact < -0.03


def test_a_natural_pays_as_it_should():
    def state(dealer):
        return BlackjackState(
            player_total=jnp.int32(11),
            player_has_ace=jnp.array(True),
            player_cards=jnp.int32(2),
            dealer_shows=jnp.int32(dealer[0]),
            dealer_total=jnp.int32(sum(dealer)),
            dealer_has_ace=jnp.array(1 in dealer),
            dealer_cards=jnp.int32(2),
            has_stopped=jnp.array(False),
            time=jnp.int32(0),
        )

    for dealer, natural, sab, expected in [
        ((10, 9), False, False, 1.0),
        ((10, 9), True, False, 1.5),
        ((10, 9), True, True, 1.0),
        ((10, 1), True, False, 0.0),
        ((10, 1), False, True, 0.0),
    ]:
        env = Blackjack(natural=natural, sab=sab)
        step = env.advance(jr.key(0), state(dealer), 0)
        assert step.reward == expected and step.terminated
