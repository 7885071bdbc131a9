"""Code written for gymnax's five-value API, unchanged: rejax's and PureJaxRL's PPO."""

import os
import pathlib
import sys

import jax
import jax.random as jr
import numpy as np
import pytest

from eqenvs import CartPole


gymnax = pytest.importorskip("gymnax")
from eqenvs.adapters import to_gymnax  # noqa: E402


def test_rejax_learns():
    rejax = pytest.importorskip("rejax")
    env, params = to_gymnax(CartPole(max_steps=200), num_values=5)
    agent = rejax.PPO.create(
        env=env,
        env_params=params,
        num_envs=16,
        num_steps=64,
        num_epochs=4,
        num_minibatches=4,
        learning_rate=2.5e-3,
        total_timesteps=24_576,
        eval_freq=12_288,
    )
    _, (_, returns) = jax.jit(agent.train)(jr.PRNGKey(0))
    scores = np.asarray(returns).mean(axis=1)
    assert scores[-1] > 100 and scores[-1] > 2 * scores[0]


def test_purejaxrl_learns(monkeypatch):
    folder = os.environ.get("PUREJAXRL")
    if not folder:
        pytest.skip("the environment variable PUREJAXRL names no checkout of PureJaxRL")
    path = pathlib.Path(folder)
    path = path if (path / "ppo.py").exists() else path / "purejaxrl"
    if not (path / "ppo.py").exists():
        pytest.skip(f"there is no ppo.py in {folder}")
    pytest.importorskip("distrax", reason="PureJaxRL needs the package distrax")
    monkeypatch.syspath_prepend(str(path))
    monkeypatch.setattr(gymnax, "make", lambda id: to_gymnax(CartPole(), num_values=5))
    sys.modules.pop("ppo", None)
    import ppo  # pyright: ignore[reportMissingImports]

    config = {
        "LR": 2.5e-4,
        "NUM_ENVS": 4,
        "NUM_STEPS": 128,
        "TOTAL_TIMESTEPS": 1e5,
        "UPDATE_EPOCHS": 4,
        "NUM_MINIBATCHES": 4,
        "GAMMA": 0.99,
        "GAE_LAMBDA": 0.95,
        "CLIP_EPS": 0.2,
        "ENT_COEF": 0.01,
        "VF_COEF": 0.5,
        "MAX_GRAD_NORM": 0.5,
        "ACTIVATION": "tanh",
        "ENV_NAME": "CartPole-v1",
        "ANNEAL_LR": True,
        "DEBUG": False,
    }
    result = jax.jit(ppo.make_train(config))(jr.PRNGKey(0))
    returns = np.asarray(result["metrics"]["returned_episode_returns"])
    assert returns[-10:].mean() > 150
