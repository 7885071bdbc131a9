"""The bandits with new arms in every episode, beside references in plain Python."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from eqenvs import BernoulliBandit, GaussianBandit

from ..reference import bernoulli_bandit, gaussian_bandit
from .laws import normal_p_value, SIGNIFICANCE


NUM_STEPS = 60

seeds = st.integers(0, 2**31 - 1)


def actions_of(num_actions):
    return st.lists(
        st.integers(0, num_actions - 1), min_size=NUM_STEPS, max_size=NUM_STEPS
    )


@eqx.filter_jit
def run(env, key, actions):
    """The first observation and state, the steps, and what was drawn: by the steps, and
    by the resets, of which each step may have one."""
    reset_key, key = jr.split(key)
    keys = jr.split(key, actions.shape[0])
    observation, state = env.reset(reset_key)

    def body(state, key_and_action):
        step = env.step(key_and_action[0], state, key_and_action[1])
        return step.state, step

    _, steps = jax.lax.scan(body, state, (keys, actions))
    reset_keys = jax.vmap(lambda key: jr.fold_in(key, jnp.uint32(2**32 - 1)))(keys)
    reset_draws = env._draw(reset_key), jax.vmap(env._draw)(reset_keys)
    return observation, state, steps, jax.vmap(env._draw)(keys), reset_draws


def compare(env, new_reference, seed, actions):
    """Compares `env` with references that `new_reference(state, draw)` makes, where
    `draw` is the random number that led to the initial state `state`."""
    actions = np.asarray(actions, np.int32)
    result = run(env, jr.key(seed), actions)
    result = jax.tree.map(np.asarray, result)
    observation, state, steps, outcomes, (first_draw, reset_draws) = result
    reference = new_reference(state, float(first_draw))
    assert_close(observation, reference.see())
    episodes = 0
    for t, action in enumerate(actions):
        step = jax.tree.map(lambda x, t=t: x[t], steps)
        reward, is_over = reference.pull(int(action), float(outcomes[t]))
        assert_close(step.reward, np.asarray(reward))
        assert_close(step.info["final_observation"], reference.see())
        assert step.truncated == is_over
        assert not step.terminated
        if is_over:
            episodes += 1
            reference = new_reference(step.state, float(reset_draws[t]))
        assert_close(step.observation, reference.see())
    return episodes


def assert_close(ours, theirs):
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


# BernoulliBandit


@settings(max_examples=60)
@given(
    kind=st.sampled_from(["dependent", "dependent-uniform", "independent"]),
    reward_probability=st.floats(0, 1, width=32),
    max_steps=st.integers(1, 70),
    normalize_time=st.booleans(),
    seed=seeds,
    data=st.data(),
)
def test_bernoulli_bandit(
    kind, reward_probability, max_steps, normalize_time, seed, data
):
    num_arms = data.draw(st.sampled_from([1, 2, 5])) if kind == "independent" else 2
    env = BernoulliBandit(
        reward_probability,
        max_steps,
        kind=kind,
        num_arms=num_arms,
        normalize_time=normalize_time,
    )

    def new_reference(state, draw):
        arms = state.reward_probabilities
        assert arms.shape == (num_arms,)
        if kind == "dependent":
            expected = bernoulli_bandit.dependent_arms(reward_probability, draw < 0.5)
            np.testing.assert_allclose(arms, expected, atol=1e-6)
        elif kind == "dependent-uniform":
            np.testing.assert_allclose(arms, [draw, 1 - draw], atol=1e-6)
        return bernoulli_bandit.BernoulliBandit(arms, max_steps, normalize_time)

    actions = data.draw(actions_of(num_arms))
    assert compare(env, new_reference, seed, actions) == NUM_STEPS // max_steps


def test_the_rewards_of_bernoulli_bandit():
    n = 20_000
    env = BernoulliBandit(0.25)
    state = env.initial_state(jr.key(0))
    for arm in (0, 1):
        step = jax.jit(jax.vmap(env.transition, (0, None, None)))(
            jr.split(jr.key(arm), n), state, jnp.int32(arm)
        )
        assert set(np.unique(step.reward)) == {0, 1}
        p = float(state.reward_probabilities[arm])
        assert p in (0.25, 0.75)
        assert stats.binomtest(int(step.reward.sum()), n, p).pvalue > SIGNIFICANCE
    certain = BernoulliBandit(0.0)
    state = certain.initial_state(jr.key(0))
    step = jax.jit(jax.vmap(certain.transition, (0, None, None)))(
        jr.split(jr.key(5), n), state, state.reward_probabilities.argmax()
    )
    assert (step.reward == 1).all()


def test_the_arms_of_bernoulli_bandit():
    n = 20_000
    keys = jr.split(jr.key(3), n)

    def arms(env):
        return np.asarray(
            jax.jit(jax.vmap(env.initial_state))(keys).reward_probabilities
        )

    better = arms(BernoulliBandit(0.1))
    num_first = int((better[:, 0] > 0.5).sum())
    assert stats.binomtest(num_first, n, 0.5).pvalue > SIGNIFICANCE
    np.testing.assert_allclose(
        np.sort(better), np.tile([[0.1, 0.9]], (n, 1)), rtol=1e-6
    )
    columns = [arms(BernoulliBandit(kind="dependent-uniform"))[:, 0]]
    independent = arms(BernoulliBandit(kind="independent", num_arms=3))
    columns += [*independent.T]
    for column in columns:
        assert stats.kstest(column, "uniform").pvalue > SIGNIFICANCE / len(columns)
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        _, p_value = stats.pearsonr(independent[:, i], independent[:, j])
        assert p_value > SIGNIFICANCE / 3


def test_bad_arguments_of_bernoulli_bandit():
    with pytest.raises(ValueError, match="num_arms must be 2 for the kind 'dependent'"):
        BernoulliBandit(num_arms=3)
    with pytest.raises(ValueError, match="from 0 to 1; got"):
        BernoulliBandit(1.5)
    with pytest.raises(ValueError, match="must be one of 'dependent', "):
        BernoulliBandit(kind="easy")


# GaussianBandit


@settings(max_examples=60)
@given(
    prior_mean=st.floats(-3, 3, width=32),
    prior_scale=st.floats(0, 4, width=32),
    reward_scale=st.floats(0, 4, width=32),
    max_steps=st.integers(1, 70),
    normalize_time=st.booleans(),
    seed=seeds,
    actions=actions_of(2),
)
def test_gaussian_bandit(
    prior_mean, prior_scale, reward_scale, max_steps, normalize_time, seed, actions
):
    env = GaussianBandit(
        prior_mean, prior_scale, reward_scale, max_steps, normalize_time=normalize_time
    )

    def new_reference(state, draw):
        return gaussian_bandit.GaussianBandit(
            prior_mean, prior_scale, reward_scale, max_steps, draw, normalize_time
        )

    assert compare(env, new_reference, seed, actions) == NUM_STEPS // max_steps


def test_what_gaussian_bandit_draws():
    n = 20_000
    env = GaussianBandit(-0.5, 2.0, 0.25)
    keys = jr.split(jr.key(8), n)
    state = jax.jit(jax.vmap(env.initial_state))(keys)
    assert normal_p_value(state.mean, -0.5, 2.0) > SIGNIFICANCE
    start = env.initial_state(jr.key(1))
    pull = jax.jit(jax.vmap(env.transition, (0, None, None)))
    reward = pull(jr.split(jr.key(9), n), start, jnp.int32(1)).reward
    assert normal_p_value(reward, float(start.mean), 0.25) > SIGNIFICANCE
    assert (pull(keys, start, jnp.int32(0)).reward == 0).all()


def test_the_gradient_of_a_pull():
    env = GaussianBandit()

    def reward(prior_mean, reward_scale):
        env = GaussianBandit(prior_mean, reward_scale=reward_scale)
        return env.transition(jr.key(1), env.initial_state(jr.key(0)), arm).reward

    arm = jnp.int32(1)
    gradient = jax.grad(reward, (0, 1))(-1.0, 0.1)
    assert gradient[0] == 1
    assert gradient[1] == pytest.approx(float(env._draw(jr.key(1))))


@pytest.mark.parametrize("make", [BernoulliBandit, GaussianBandit])
def test_the_seen_time_follows_the_time_limit(make):
    """However long an episode lasts, the time that is seen ends at 1."""
    env = eqx.tree_at(lambda e: e.max_steps, make(), jnp.int32(7))
    _, state = env.reset(jr.key(0))
    for t in range(7):
        step = env.step(jr.key(t), state, 1)
        state = step.state
        seen = step.info["final_observation"][-1]
        assert seen == pytest.approx(-1 + 2 * (t + 1) / 7, abs=1e-6)
    assert step.truncated
