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
