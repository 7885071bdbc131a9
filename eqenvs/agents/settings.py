"""Hyper-parameters of PPO that are known to solve an environment."""

from typing import Any


_SETTINGS: dict[str, dict[str, Any]] = {
    "CartPole-v1": {"num_steps": 500_000, "reward_scale": 0.1, "target_return": 495.0},
    "Pendulum-v1": {
        "num_steps": 1_000_000,
        "reward_scale": 0.1,
        "discount": 0.95,
        "entropy_cost": 0.0,
    },
}


def settings(id: str) -> dict[str, Any]:
    """Arguments for [`eqenvs.agents.PPO`][], and under `"num_steps"` how long to train.

    **Arguments:**

    - `id`: the name of an environment.

    **Returns:**

    A dictionary; empty if nothing is known of this environment.
    """
    return dict(_SETTINGS.get(id, {}))
