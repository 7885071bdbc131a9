from ..._registry import register
from .four_rooms import FourRooms as FourRooms, FourRoomsState as FourRoomsState
from .frozen_lake import FrozenLake as FrozenLake, FrozenLakeState as FrozenLakeState
from .meta_maze import MetaMaze as MetaMaze, MetaMazeState as MetaMazeState


register(
    "FourRooms-misc",
    FourRooms,
    family="mazes",
    frames_per_second=10.0,
    training={"ppo": {"num_steps": 1_000_000}},
)
register(
    "MetaMaze-misc",
    MetaMaze,
    family="mazes",
    frames_per_second=10.0,
    training={
        "ppo": {
            "num_steps": 2_000_000,
            "memory": "gru",
            "hidden_depth": 1,
            "rollout_steps": 100,
            "num_minibatches": 4,
            "reward_scale": 0.1,
            "discount": 0.98,
        }
    },
)
register(
    "FrozenLake-misc",
    FrozenLake,
    family="mazes",
    solved_return=0.7,
    frames_per_second=4.0,
    training={"ppo": {"num_steps": 500_000, "discount": 0.995}},
)
