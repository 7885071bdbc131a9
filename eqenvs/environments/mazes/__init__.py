from .frozen_lake import FrozenLake as FrozenLake, FrozenLakeState as FrozenLakeState
