from ..._registry import register
from ..mazes import FrozenLake
from .blackjack import Blackjack as Blackjack, BlackjackState as BlackjackState
from .cliff_walking import (
    CliffWalking as CliffWalking,
    CliffWalkingState as CliffWalkingState,
)
from .taxi import Taxi as Taxi, TaxiState as TaxiState


# The parameters, time limits and thresholds are those of Gymnasium's registry.
register("Taxi-v4", Taxi, family="toy text", solved_return=8.0, frames_per_second=4.0)
register("CliffWalking-v1", CliffWalking, family="toy text", frames_per_second=4.0)
register(
    "CliffWalkingSlippery-v1",
    CliffWalking,
    family="toy text",
    parameters={"is_slippery": True},
    frames_per_second=4.0,
)
register(
    "Blackjack-v1",
    Blackjack,
    family="toy text",
    parameters={"sab": True},
    frames_per_second=1.0,
    training={"ppo": {"num_steps": 1_000_000}},
)
register(
    "FrozenLake-v1",
    FrozenLake,
    family="toy text",
    parameters={"map": "4x4"},
    solved_return=0.7,
    frames_per_second=4.0,
    training={"ppo": {"num_steps": 500_000, "discount": 0.995}},
)
register(
    "FrozenLake8x8-v1",
    FrozenLake,
    family="toy text",
    parameters={"map": "8x8"},
    solved_return=0.85,
    frames_per_second=4.0,
)
