from ..._registry import register
from .four_rooms import FourRooms as FourRooms, FourRoomsState as FourRoomsState
from .frozen_lake import FrozenLake as FrozenLake, FrozenLakeState as FrozenLakeState
from .meta_maze import MetaMaze as MetaMaze, MetaMazeState as MetaMazeState


for _class in (FourRooms, MetaMaze):
    register(f"{_class.__name__}-misc", _class, family="mazes", frames_per_second=10.0)
register(
    "FrozenLake-misc",
    FrozenLake,
    family="mazes",
    solved_return=0.7,
    frames_per_second=4.0,
)
