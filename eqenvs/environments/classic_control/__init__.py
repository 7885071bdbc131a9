from ..._registry import register
from .acrobot import Acrobot as Acrobot, AcrobotState as AcrobotState
from .cartpole import CartPole as CartPole, CartPoleState as CartPoleState
from .continuous_mountain_car import (
    ContinuousMountainCar as ContinuousMountainCar,
    ContinuousMountainCarState as ContinuousMountainCarState,
)
from .mountain_car import (
    MountainCar as MountainCar,
    MountainCarState as MountainCarState,
)
from .pendulum import Pendulum as Pendulum, PendulumState as PendulumState


register(
    "CartPole-v1",
    CartPole,
    family="classic control",
    solved_return=475.0,
    frames_per_second=50.0,
    training={
        "ppo": {"num_steps": 500_000, "reward_scale": 0.1, "target_return": 495.0},
        "a2c": {
            "num_steps": 300_000,
            "reward_scale": 0.1,
            "learning_rate": 2e-3,
            "target_return": 495.0,
        },
        "pqn": {
            "num_steps": 300_000,
            "learning_rate": 2.5e-4,
            "reward_scale": 0.1,
            "q_lambda": 0.95,
            "final_epsilon": 0.1,
            "exploration_fraction": 0.2,
            "num_epochs": 4,
            "hidden_width": 64,
        },
        "es": {
            "num_steps": 1_000_000,
            "population_size": 32,
            "num_episodes": 2,
            "episode_steps": 500,
        },
    },
)
register(
    "CartPole-v0",
    CartPole,
    family="classic control",
    parameters={"max_steps": 200},
    solved_return=195.0,
    frames_per_second=50.0,
    training={
        "ppo": {"num_steps": 500_000, "reward_scale": 0.1, "target_return": 199.0}
    },
)
register(
    "Pendulum-v1",
    Pendulum,
    family="classic control",
    frames_per_second=20.0,
    training={
        "apg": {
            "num_steps": 1_000_000,
            "learning_rate": 5e-3,
            "reward_scale": 0.1,
            "discount": 0.97,
        },
        "ppo": {
            "num_steps": 1_000_000,
            "reward_scale": 0.1,
            "discount": 0.95,
            "entropy_coefficient": 0.0,
        },
    },
)
register(
    "Acrobot-v1",
    Acrobot,
    family="classic control",
    solved_return=-100.0,
    frames_per_second=15.0,
    training={"ppo": {"num_steps": 1_000_000, "reward_scale": 0.1}},
)
register(
    "MountainCar-v0",
    MountainCar,
    family="classic control",
    solved_return=-110.0,
    frames_per_second=30.0,
    # An algorithm that only follows rewards finds none before the car is at the goal.
    # Among a few linear functions of scaled position and velocity, some take it there.
    training={
        "es": {
            "num_steps": 2_000_000,
            "strategy": "CMA-ES",
            "hidden_depth": 0,
            "initial_spread": 1.0,
            "population_size": 32,
            "num_episodes": 8,
            "scale_observations": True,
        }
    },
)
register(
    "MountainCarContinuous-v0",
    ContinuousMountainCar,
    family="classic control",
    solved_return=90.0,
    frames_per_second=30.0,
    # Few episodes would favor policies that save force and fail from some starts.
    training={
        "es": {
            "num_steps": 30_000_000,
            "strategy": "CMA-ES",
            "hidden_depth": 0,
            "initial_spread": 2.0,
            "population_size": 32,
            "num_episodes": 32,
            "episode_steps": 999,
            "scale_observations": True,
        }
    },
)
