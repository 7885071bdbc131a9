import jax.random as jr
import numpy as np
import pytest
from gymnasium.wrappers import (
    ClipReward as GymnasiumClipReward,
    TransformReward as GymnasiumTransformReward,
)

from eqenvs import CartPole, Pendulum, rollout
from eqenvs.wrappers import ClipReward, RewardNoise, RewardScale, TransformReward

from .gymnasium_replay import play_both, Replay


KEY = jr.key(1)
ACTIONS = np.random.default_rng(0).uniform(-2, 2, size=(8, 1)).astype(np.float32)


def square_less_one(reward):
    return reward**2 - 1


@pytest.mark.parametrize(
    "wrap, reference",
    [
        (
            lambda env: TransformReward(env, square_less_one),
            lambda env: GymnasiumTransformReward(env, square_less_one),
        ),
        (
            lambda env: ClipReward(env, -3.0, -1.0),
            lambda env: GymnasiumClipReward(env, -3.0, -1.0),
        ),
        (
            lambda env: ClipReward(env, minimum=-2.0),
            lambda env: GymnasiumClipReward(env, min_reward=-2.0),
        ),
        (
            lambda env: ClipReward(env, maximum=-1.0),
            lambda env: GymnasiumClipReward(env, max_reward=-1.0),
        ),
        (
            lambda env: RewardScale(env, 0.1),
            lambda env: GymnasiumTransformReward(env, lambda reward: 0.1 * reward),
        ),
    ],
)
def test_as_in_gymnasium(wrap, reference):
    env = wrap(Pendulum())
    rewards = set()
    for key in jr.split(KEY, 8):
        replay = reference(Replay(Pendulum(), key))
        steps = play_both(env, replay, key, ACTIONS)
        rewards |= {float(step.reward) for step, _ in steps}
    assert len(rewards) > 1


def test_noise():
    env = RewardNoise(CartPole(), 0.5)
    rewards = rollout(env, None, jr.key(0), num_steps=500, num_envs=8)
    rewards = rewards.trajectory.reward
    noise = np.asarray(rewards - 1).ravel()
    # Eight standard errors of the mean and of the standard deviation.
    assert abs(noise.mean()) < 8 * 0.5 / np.sqrt(noise.size)
    assert abs(noise.std() - 0.5) < 8 * 0.5 / np.sqrt(2 * noise.size)
    # Noise, and nothing but: the episodes are those of the environment.
    bare, noisy = (
        rollout(env, None, jr.key(0), num_steps=500, num_envs=8).trajectory.observation
        for env in (CartPole(), env)
    )
    np.testing.assert_array_equal(bare, noisy)
    quiet = rollout(RewardNoise(CartPole(), 0.0), None, 0, num_steps=9)
    assert (quiet.trajectory.reward == 1).all()


def test_noise_is_independent_of_the_noise_of_other_wrappers():
    """And of what the environment itself draws."""
    state, action = CartPole().reset(KEY)[1], 1
    inner = RewardNoise(CartPole(), 1.0)
    one = inner.step(KEY, state, action).reward - 1
    two = RewardNoise(inner, 1.0).step(KEY, state, action).reward - 1
    assert abs(two - 2 * one) > 1e-3
    assert abs(one - jr.normal(KEY)) > 1e-3
