"""The wrappers that change observations."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from gymnasium.wrappers import (
    DelayObservation as GymnasiumDelayObservation,
    FrameStackObservation as GymnasiumFrameStackObservation,
    TransformObservation as GymnasiumTransformObservation,
)

from eqenvs import (
    CartPole,
    Catch,
    FrozenLake,
    Pendulum,
    rollout,
    VectorEnvironment,
)
from eqenvs.spaces import Box, Dict, Discrete, MultiDiscrete
from eqenvs.wrappers import (
    DelayObservation,
    FrameStack,
    MaskObservation,
    NoisyObservation,
    OneHotObservation,
    PreviousActionAndReward,
    TransformObservation,
    Trial,
)

from .gymnasium_replay import play_both, Replay


KEY = jr.key(1)


def tanh(x):
    return np.tanh(x) if isinstance(x, np.ndarray) else jnp.tanh(x)


CASES = {
    "stack": (
        lambda env: FrameStack(env, 3),
        lambda env: GymnasiumFrameStackObservation(env, 3),
    ),
    "stack zeros": (
        lambda env: FrameStack(env, 4, "zero"),
        lambda env: GymnasiumFrameStackObservation(env, 4, padding_type="zero"),
    ),
    "stack one": (
        lambda env: FrameStack(env, 1),
        lambda env: GymnasiumFrameStackObservation(env, 1),
    ),
    "delay": (
        lambda env: DelayObservation(env, 2),
        lambda env: GymnasiumDelayObservation(env, 2),
    ),
    "no delay": (
        lambda env: DelayObservation(env, 0),
        lambda env: GymnasiumDelayObservation(env, 0),
    ),
    "transform": (
        lambda env: TransformObservation(env, tanh),
        lambda env: GymnasiumTransformObservation(env, tanh, None),
    ),
}


@pytest.mark.parametrize("make", [CartPole, Catch])
@pytest.mark.parametrize("case", CASES)
def test_as_in_gymnasium(case, make):
    wrap, reference = CASES[case]
    env, reference = wrap(make()), reference(Replay(make(), KEY))
    actions = np.random.default_rng(0).integers(make().action_space.n, size=8)
    steps = list(play_both(env, reference, KEY, actions.astype(np.int32)))
    assert len(steps) == 8
    space = reference.observation_space
    np.testing.assert_array_equal(env.observation_space.low, space.low)
    np.testing.assert_array_equal(env.observation_space.high, space.high)


def test_frames_of_integers():
    env = FrameStack(FrozenLake(), 3)
    assert env.observation_space.nvec == (FrozenLake().observation_space.n,) * 3
    observation, _state = env.reset(KEY)
    assert observation.shape == (3,) and observation.dtype == jnp.int32


def test_frames_start_again():
    env = FrameStack(CartPole(max_steps=2), 3)
    _, state = env.reset(KEY)
    for t in range(2):
        step = env.step(jr.fold_in(KEY, t), state, 1)
        state = step.state
    assert step.truncated
    first = CartPole().observe(state.inner)
    np.testing.assert_array_equal(step.observation, jnp.stack([first] * 3))


def test_a_delayed_observation_lies_in_its_space():
    """Zero may not."""
    positive = TransformObservation(CartPole(), exp, Box(0.5, 1e9, (4,)))
    env = DelayObservation(positive, 2)
    observation, _ = env.reset(KEY)
    assert (observation == 0.5).all()
    assert env.observation_space.contains(observation)


def exp(x):
    return 0.5 + jnp.exp(jnp.clip(x, -9, 9))


def test_a_space_of_as_many_numbers_as_lanes_is_no_batch():
    """And the other way: a space in each lane is one."""
    gravities = jnp.arange(1.0, 5.0)
    space = Box(-1.0, jnp.ones(4), (4,))
    env = TransformObservation(CartPole(), tanh, space)
    worlds = eqx.tree_at(lambda env: env.env.gravity, env, gravities)
    envs = VectorEnvironment(worlds, 4)
    assert envs.is_batched and envs.observation_space.shape == (4, 4)
    assert envs.single_observation_space == space
    bounds = eqx.filter_vmap(
        lambda high: TransformObservation(CartPole(), tanh, Box(-high, high, (4,)))
    )(gravities)
    envs = VectorEnvironment(bounds, 4)
    assert envs.is_batched
    np.testing.assert_array_equal(envs.observation_space.high[:, 0], gravities)


def test_masks():
    env = MaskObservation(CartPole(), [0, 2])
    observation, state = env.reset(KEY)
    np.testing.assert_array_equal(observation, jnp.stack([state.x, state.theta]))
    bare = CartPole().observation_space
    np.testing.assert_array_equal(env.observation_space.high, bare.high[::2])
    # The last axis is that of the channels of a picture.
    env = MaskObservation(Catch(), [4, 0, 1])
    observation, state = env.reset(KEY)
    whole = Catch().observe(state)
    np.testing.assert_array_equal(observation, whole[..., jnp.array([4, 0, 1])])


def test_one_hot():
    env = OneHotObservation(FrozenLake())
    observation, state = env.reset(KEY)
    expected = np.eye(FrozenLake().observation_space.n)
    index = FrozenLake().observe(state)
    np.testing.assert_array_equal(observation, expected[index])
    space = Dict(
        {"a": Discrete(3), "b": Box(-1.0, 1.0, (2,)), "c": MultiDiscrete((2, 3))}
    )
    parts = TransformObservation(CartPole(), several, space)
    observation, _ = OneHotObservation(parts).reset(KEY)
    np.testing.assert_array_equal(observation["a"], [0, 0, 1])
    np.testing.assert_array_equal(observation["b"], [0.5, 0.5])
    np.testing.assert_array_equal(observation["c"], [0, 1, 1, 0, 0])
    assert OneHotObservation(parts).observation_space.contains(observation)


def several(observation):
    del observation
    return {
        "a": jnp.int32(2),
        "b": jnp.full(2, 0.5),
        "c": jnp.array([1, 0], jnp.int32),
    }


def test_noise():
    env = NoisyObservation(Pendulum(), 0.5)
    seen = rollout(env, None, jr.key(0), num_steps=300, num_envs=8, states=True)
    states = seen.trajectory.state
    clean = jax.vmap(jax.vmap(Pendulum().observe))(states.inner)
    noise = np.asarray(seen.trajectory.observation - clean).ravel()
    assert abs(noise.mean()) < 8 * 0.5 / np.sqrt(noise.size)
    assert abs(noise.std() - 0.5) < 8 * 0.5 / np.sqrt(2 * noise.size)
    assert abs(np.corrcoef(noise[:-3], noise[3:])[0, 1]) < 8 / np.sqrt(noise.size)
    # The episodes are those of the environment.
    bare = rollout(Pendulum(), None, jr.key(0), num_steps=300, num_envs=8)
    np.testing.assert_allclose(clean, bare.trajectory.observation, atol=1e-6)


def test_previous_action_and_reward():
    env = PreviousActionAndReward(Pendulum(max_steps=3))
    observation, state = env.reset(KEY)
    assert observation["start"] and observation["previous_reward"] == 0
    assert (observation["previous_action"] == 0).all()
    for t in range(3):
        action = jnp.array([0.5 + t])
        step = env.step(jr.fold_in(KEY, t), state, action)
        last = step.info["final_observation"]
        assert (last["previous_action"] == jnp.clip(action, -2, 2)).all()
        assert last["previous_reward"] == step.reward
        assert not last["start"]
        state = step.state
    # The next episode does not know of this one.
    assert step.truncated and step.observation["start"]
    assert step.observation["previous_reward"] == 0
    assert (step.observation["previous_action"] == 0).all()


def test_previous_action_and_reward_of_a_trial():
    from eqenvs import PointRobot

    env = PreviousActionAndReward(Trial(PointRobot(max_steps=2), 2))
    _, state = env.reset(KEY)
    starts = []
    for t in range(4):
        step = env.step(jr.fold_in(KEY, t), state, jnp.array([0.1, 0.0]))
        starts.append(bool(step.info["final_observation"]["start"]))
        state = step.state
        if t == 1:
            # Within a trial an agent learns what the last episode ended with.
            assert step.observation["previous_reward"] == step.reward
            assert step.observation["previous_action"][0] == jnp.array(0.1)
    assert starts == [False, True, False, True]
    assert step.truncated and step.observation["previous_action"][0] == 0


def test_gradients_of_frames():
    env = FrameStack(Pendulum(), 2)
    _, state = env.reset(KEY)

    @eqx.filter_grad
    def gradient(action):
        return env.advance(KEY, state, action).observation.sum()

    assert gradient(jnp.array([0.3])) != 0


def test_noise_is_independent_of_what_the_environment_draws():
    env = NoisyObservation(CartPole(), 1.0)
    states = [env.reset(KEY)[1], env.advance(KEY, env.reset(KEY)[1], 1).state]
    outer = NoisyObservation(env, 1.0)
    around = [outer.reset(KEY)[1], outer.advance(KEY, outer.reset(KEY)[1], 1).state]
    for one, two in zip(states, around, strict=True):
        np.testing.assert_array_equal(one.noise, two.inner.noise)
        assert not np.isin(two.noise, one.noise).any()
        assert not np.isin(one.noise, jr.normal(KEY, (4,))).any()
