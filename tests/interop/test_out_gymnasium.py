"""Gymnasium's own checks and wrappers, and Stable-Baselines3, on environments of
eqenvs; and Gymnasium's environments here."""

# pyright: reportMissingImports=false

import warnings

import jax.random as jr
import numpy as np
import pytest

import eqenvs
from eqenvs import CartPole, Pendulum
from eqenvs.testing import find_problems, Probe


gymnasium = pytest.importorskip("gymnasium")
from eqenvs.adapters import (  # noqa: E402
    from_gymnasium,
    to_gymnasium,
    to_gymnasium_vector,
)


@pytest.mark.parametrize("id", ["CartPole-v1", "Pendulum-v1", "Taxi-v4"])
def test_check_env(id):
    from gymnasium.utils.env_checker import check_env

    env = gymnasium.make(f"eqenvs.adapters.gymnasium:eqenvs/{id}")
    check_env(env.unwrapped, skip_render_check=True)


def test_vector_wrappers():
    """Gymnasium's wrappers of vectors count what the episodes really are."""
    envs = to_gymnasium_vector(CartPole(), 6)  # for which they are written
    envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(envs)
    envs.reset(seed=0)
    lengths, counted, ended = np.zeros(6, int), 0, np.zeros(6, bool)
    rng = np.random.default_rng(0)
    for _ in range(80):
        _, _, terminated, truncated, info = envs.step(rng.integers(0, 2, 6))
        lengths = np.where(ended, 0, lengths + 1)
        ended = terminated | truncated
        if ended.any():
            seen = info["episode"]["l"]
            np.testing.assert_array_equal(np.asarray(seen)[ended], lengths[ended])
            counted += int(ended.sum())
    assert counted > 5


class TestStableBaselines:
    def test_check_env(self):
        sb3 = pytest.importorskip("stable_baselines3.common.env_checker")
        for env in (CartPole(), Pendulum()):
            with warnings.catch_warnings():
                # It would rather have actions from -1 to 1.
                warnings.simplefilter("ignore")
                sb3.check_env(to_gymnasium(env))

    def test_ppo_learns(self):
        sb3 = pytest.importorskip("stable_baselines3")
        torch = pytest.importorskip("torch")
        torch.set_num_threads(1)
        agent = sb3.PPO(
            "MlpPolicy",
            to_gymnasium(CartPole()),
            n_steps=512,
            batch_size=128,
            learning_rate=1e-3,
            seed=0,
            device="cpu",
        )
        from stable_baselines3.common.evaluation import evaluate_policy
        from stable_baselines3.common.monitor import Monitor

        def score():
            env = Monitor(to_gymnasium(CartPole()))
            env.reset(seed=1)
            return evaluate_policy(agent, env, 10, deterministic=False)[0]

        before = score()
        agent.learn(12_000)
        assert before < 60 and score() > 150


@pytest.mark.parametrize("id", ["CartPole-v1", "Blackjack-v1"])
def test_gymnasiums_environments_keep_the_contract(id):
    env = eqenvs.make(f"gymnasium:{id}")
    assert find_problems(Probe(env, num_lanes=5)) == ([], [])


def test_lunar_lander():
    """Which is not NumPy but a physics engine of its own."""
    pytest.importorskip("Box2D", reason="LunarLander needs the package box2d")
    env, original = from_gymnasium("LunarLander-v3"), gymnasium.make("LunarLander-v3")
    observation, state = env.reset(jr.key(0))
    expected, _ = original.reset(seed=int(state.seed))
    np.testing.assert_array_equal(observation, expected)
    for t in range(30):
        step = env.advance(jr.key(t), state, t % 4)
        expected, reward, *_ = original.step(t % 4)
        np.testing.assert_array_equal(step.observation, expected)
        np.testing.assert_allclose(step.reward, reward, rtol=1e-6)
        state = step.state
