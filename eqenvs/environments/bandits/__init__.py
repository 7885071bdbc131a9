from ..._registry import register
from .bernoulli_bandit import (
    BernoulliBandit as BernoulliBandit,
    BernoulliBanditState as BernoulliBanditState,
)
from .gaussian_bandit import (
    GaussianBandit as GaussianBandit,
    GaussianBanditState as GaussianBanditState,
)


register(
    "BernoulliBandit-misc",
    BernoulliBandit,
    family="bandits",
    frames_per_second=4.0,
    training={
        "a2c": {
            "num_steps": 1_000_000,
            "memory": "lstm",
            "hidden_width": 48,
            "hidden_depth": 0,
            "rollout_steps": 25,
            "discount": 0.8,
            "gae_lambda": 0.8,
            "entropy_coefficient": 0.02,
            "learning_rate": 4e-3,
        },
    },
)
register(
    "GaussianBandit-misc",
    GaussianBandit,
    family="bandits",
    frames_per_second=4.0,
    training={
        "ppo": {
            "num_steps": 3_000_000,
            "memory": "gru",
            "hidden_width": 32,
            "hidden_depth": 1,
            "num_envs": 256,
            "rollout_steps": 100,
            "discount": 0.98,
            "entropy_coefficient": 0.0,
        },
    },
)
