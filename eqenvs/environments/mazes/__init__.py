from .four_rooms import FourRooms as FourRooms, FourRoomsState as FourRoomsState
from .frozen_lake import FrozenLake as FrozenLake, FrozenLakeState as FrozenLakeState
from .meta_maze import MetaMaze as MetaMaze, MetaMazeState as MetaMazeState
