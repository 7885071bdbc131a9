"""The wrappers with statistics."""

import io

import equinox as eqx
import gymnasium.wrappers
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from gymnasium.wrappers.utils import RunningMeanStd
from hypothesis import given, settings, strategies as st

from eqenvs import CartPole, Catch, Pendulum, rollout, VectorEnvironment
from eqenvs.spaces import Box, Dict, Tuple
from eqenvs.wrappers import (
    FrameStack,
    NormalizeObservation,
    NormalizeReward,
    StickyAction,
    TransformObservation,
    update_statistics,
)
from eqenvs.wrappers._statistics import merge

from .gymnasium_replay import play_both, Replay


KEY = jr.key(1)
ACTIONS = np.random.default_rng(0).uniform(-2, 2, size=(8, 1)).astype(np.float32)


def test_observations_as_in_gymnasium():
    values = np.random.default_rng(1).normal(size=(50, 3)) * [1, 2, 3] + [0, 5, -7]
    env = NormalizeObservation(Pendulum()).update(jnp.asarray(values, float))
    reference = gymnasium.wrappers.NormalizeObservation(Replay(Pendulum(), KEY))
    reference.obs_rms.update(values)
    reference.update_running_mean = False
    assert len(list(play_both(env, reference, KEY, ACTIONS))) == 8
    assert (env.observation_space.high == jnp.inf).all()


def test_rewards_as_in_gymnasium():
    values = np.random.default_rng(1).normal(size=200) * 3 + 5
    env = NormalizeReward(Pendulum()).update(jnp.asarray(values, float))
    reference = gymnasium.wrappers.NormalizeReward(Replay(Pendulum(), KEY))
    reference.return_rms.update(values)
    reference.update_running_mean = False
    infos = []
    for step, _ in play_both(env, reference, KEY, ACTIONS):
        infos.append(step.info["discounted_return"])
        # The same sums, until an episode terminates.
        np.testing.assert_allclose(infos[-1], reference.discounted_reward[0], rtol=1e-5)
    assert len(infos) == 8


def test_the_sum_of_rewards_begins_again():
    env = NormalizeReward(CartPole(max_steps=2), discount=0.5)
    _, state = env.reset(KEY)
    sums = []
    for t in range(4):
        step = env.step(jr.fold_in(KEY, t), state, 1)
        sums.append(float(step.info["discounted_return"]))
        state = step.state
    assert sums == [1.0, 1.5, 1.0, 1.5]


@settings(max_examples=25)
@given(
    sizes=st.lists(st.sampled_from([1, 2, 50]), min_size=1, max_size=4),
    mean=st.sampled_from([0.0, 1e4]),
    seed=st.integers(0, 1000),
)
def test_merging_as_in_gymnasium(sizes, mean, seed):
    rng = np.random.default_rng(seed)
    reference = RunningMeanStd(shape=(3,))
    got = jnp.zeros(3), jnp.ones(3), jnp.array(1e-4)
    seen = []
    for size in sizes:
        values = rng.normal(size=(size, 3)) + mean
        seen.append(values)
        reference.update(values)
        got = merge(*got, jnp.asarray(values, float))
    np.testing.assert_allclose(got[0], reference.mean, rtol=1e-4, atol=1e-4)
    # The prior weighs 1e-4 observations, whose mean 0 is far away.
    np.testing.assert_allclose(got[1], reference.var, rtol=1e-2, atol=1e-4)
    assert np.isclose(got[2], sum(sizes), rtol=1e-3)


def test_merging_is_stable():
    """Numbers around 1,000 with a variance of 1e-4, of which float32 keeps three
    digits: the mean of squares less the square of the mean would keep none."""
    values = 1000 + 0.01 * np.random.default_rng(0).normal(size=(20, 500, 1))
    values = values.astype(np.float32)
    mean, variance, count = jnp.array([1000.0]), jnp.zeros(1), jnp.array(0.0)
    for batch in values:
        mean, variance, count = merge(mean, variance, count, jnp.asarray(batch))
    exact = values.astype(np.float64)
    np.testing.assert_allclose(variance[0], exact.var(), rtol=0.02)
    np.testing.assert_allclose(mean[0], exact.mean(), rtol=1e-6)
    assert count == 10_000


def test_merging_over_a_mapped_axis():
    values = jr.normal(KEY, (4, 25, 3)) * 2 + 1
    start = jnp.array([0.5, 0.0, 1.0]), jnp.ones(3), jnp.array(10.0)
    whole = merge(*start, values.reshape(100, 3))
    mapped = jax.vmap(lambda x: merge(*start, x, "devices"), axis_name="devices")
    for a, b in zip(mapped(values), whole, strict=True):
        np.testing.assert_allclose(a, jnp.stack([b] * 4), rtol=1e-5)


def several(observation):
    return {"z": observation, "a": observation[:2].reshape(2, 1).astype(int)}


def test_structured_observations():
    space = Dict({"z": Box(-9.0, 9.0, (3,)), "a": Box(-9, 9, (2, 1), jnp.int32)})
    inner = TransformObservation(Pendulum(), several, space)
    env = NormalizeObservation(inner, jnp.arange(5.0), 4 * jnp.ones(5))
    observation, state = env.reset(KEY)
    raw = inner.observe(state)
    # The parts stand in the order of their names.
    expected = (raw["a"] - jnp.array([[0.0], [1.0]])) / 2
    np.testing.assert_allclose(observation["a"], expected, rtol=1e-6)
    expected = (raw["z"] - jnp.array([2.0, 3.0, 4.0])) / 2
    np.testing.assert_allclose(observation["z"], expected, rtol=1e-6)
    again = env.denormalize(jax.tree.map(lambda x: jnp.stack([x] * 2), observation))
    np.testing.assert_allclose(again["z"][1], raw["z"], rtol=1e-4, atol=1e-5)
    # One batch of one observation.
    updated = env.update(jax.tree.map(lambda x: x[None], raw))
    np.testing.assert_allclose(updated.count, 1.0001)


def test_statistics_of_a_rollout():
    """After an update from what was seen, the same observations have mean 0 and
    variance 1; and a rollout with the new statistics compiles nothing."""
    env = NormalizeObservation(Pendulum())
    seen = rollout(env, None, jr.key(0), num_steps=50, num_envs=8).trajectory
    updated = env.update(env.denormalize(seen.observation))
    flat = jax.vmap(jax.vmap(updated.transform_observation))(
        env.denormalize(seen.observation)
    )
    flat = np.asarray(flat).reshape(-1, 3)
    np.testing.assert_allclose(flat.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(flat.std(axis=0), 1, atol=1e-3)
    assert jax.tree.structure(updated) == jax.tree.structure(env)
    again = rollout(updated, None, jr.key(0), num_steps=50, num_envs=8).trajectory
    np.testing.assert_allclose(
        np.asarray(again.observation).reshape(-1, 3), flat, atol=1e-4
    )


def test_statistics_within_other_wrappers():
    env = FrameStack(NormalizeReward(StickyAction(NormalizeObservation(Pendulum()))), 2)
    result = rollout(env, None, jr.key(0), num_steps=20, num_envs=4, states=True)
    states = result.trajectory.next_state
    updated = update_statistics(env, states)
    inner = jax.vmap(jax.vmap(Pendulum().observe))(states.inner.inner.inner)
    expected = NormalizeObservation(Pendulum()).update(inner)
    got = updated.env.env.env
    assert isinstance(got, NormalizeObservation)
    np.testing.assert_allclose(got.mean, expected.mean, rtol=1e-6)
    np.testing.assert_allclose(got.variance, expected.variance, rtol=1e-6)
    sums = states.inner.discounted_return
    np.testing.assert_allclose(updated.env.variance, jnp.var(sums), rtol=1e-3)
    assert jax.tree.structure(updated) == jax.tree.structure(env)
    # An environment without statistics stays as it is.
    assert update_statistics(CartPole(), states) == CartPole()


def test_statistics_are_saved_with_the_environment():
    env = NormalizeObservation(Catch())
    env = env.update(jr.normal(KEY, (9, *Catch().observation_space.shape)))
    buffer = io.BytesIO()
    eqx.tree_serialise_leaves(buffer, env)
    buffer.seek(0)
    loaded = eqx.tree_deserialise_leaves(buffer, NormalizeObservation(Catch()))
    assert eqx.tree_equal(env, loaded) and not (env.mean == 0).any()


def test_a_batch_of_statistics():
    scales = jnp.array([1.0, 4.0])
    envs = eqx.filter_vmap(
        lambda v: NormalizeObservation(Pendulum(), None, jnp.full(3, v))
    )(scales)
    vector = VectorEnvironment(envs, 2)
    observations, states = vector.reset(KEY)
    bare = jax.vmap(Pendulum().observe)(states)
    np.testing.assert_allclose(
        observations, bare / jnp.sqrt(scales)[:, None], rtol=1e-5
    )


@pytest.mark.parametrize("name", ["mean", "variance"])
def test_wrong_shapes(name):
    with pytest.raises(ValueError, match=f"NormalizeObservation.{name} must have"):
        NormalizeObservation(Pendulum(), **{name: jnp.ones(4)})


@pytest.mark.parametrize(
    "observations, message",
    [
        # As many numbers as 5 observations have.
        (jnp.ones((10, 2)), r"shapes \(4,\).*; got \(10, 2\)"),
        (jnp.ones(3), r"got \(3,\)"),
        ({"a": jnp.ones((10, 4))}, r"got \{'a': \(10, 4\)\}"),
        (jnp.ones((0, 4)), "at least one value; got none"),
    ],
)
def test_statistics_of_something_else(observations, message):
    with pytest.raises(ValueError, match=message):
        NormalizeObservation(CartPole()).update(observations)


def test_statistics_of_several_parts():
    env = NormalizeObservation(TransformObservation(CartPole(), pair, PAIR))
    with pytest.raises(ValueError, match=r"shapes \(\(4,\), \(2,\)\)"):
        env.update((jnp.ones((10, 4)), jnp.ones((5, 4))))
    with pytest.raises(ValueError, match="the same axes before"):
        env.update((jnp.ones((10, 4)), jnp.ones((5, 2))))
    assert env.update((jnp.ones((5, 3, 4)), jnp.ones((5, 3, 2)))).count > 14
    with pytest.raises(ValueError, match=r"got \(10, 3\)"):
        NormalizeObservation(CartPole()).denormalize(jnp.ones((10, 3)))


def test_statistics_of_a_batch_of_environments():
    envs = eqx.filter_vmap(lambda g: CartPole(gravity=g))(jnp.array([9.0, 10.0]))
    for wrap, values in (
        (NormalizeObservation, jnp.ones((6, 4))),
        (NormalizeReward, 1),
    ):
        batch = eqx.filter_vmap(wrap)(envs)
        with pytest.raises(ValueError, match="is a batch of environments"):
            batch.update(jnp.asarray(values, float))
        values = jnp.ones((2, 6, 4))
        updated = eqx.filter_vmap(lambda env, x: env.update(x))(batch, values)
        assert updated.mean.shape[0] == 2
    with pytest.raises(ValueError, match="at least one value"):
        NormalizeReward(CartPole()).update(jnp.zeros(0))


def pair(observation):
    return observation, observation[:2]


PAIR = Tuple((CartPole().observation_space, Box(-jnp.inf, jnp.inf, (2,))))
