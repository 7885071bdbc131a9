"""Reinforcement-learning environments for JAX in which an environment is a value."""

import importlib as _importlib
from typing import Any as _Any, TYPE_CHECKING as _TYPE_CHECKING

from . import (
    environments as environments,
    fields as fields,
    random as random,
    rendering as rendering,
    spaces as spaces,
    wrappers as wrappers,
)
from ._config import from_config as from_config, to_config as to_config
from ._cores import use_cores as use_cores
from ._environment import (
    AbstractEnvironment as AbstractEnvironment,
    AbstractState as AbstractState,
    TimeStep as TimeStep,
    Transition as Transition,
)
from ._registry import (
    EnvironmentSpec as EnvironmentSpec,
    make as make,
    register as register,
    registered as registered,
    spec as spec,
)
from ._rollout import (
    evaluate as evaluate,
    Evaluation as Evaluation,
    population_rollout as population_rollout,
    Rollout as Rollout,
    rollout as rollout,
    Trajectory as Trajectory,
)
from ._vector import VectorEnvironment as VectorEnvironment
from .environments.arcade import Pong as Pong
from .environments.bandits import (
    BernoulliBandit as BernoulliBandit,
    GaussianBandit as GaussianBandit,
)
from .environments.bsuite import (
    BsuiteCartPole as BsuiteCartPole,
    BsuiteMountainCar as BsuiteMountainCar,
    CartPoleSwingUp as CartPoleSwingUp,
    Catch as Catch,
    DeepSea as DeepSea,
    DiscountingChain as DiscountingChain,
    MemoryChain as MemoryChain,
    MNISTBandit as MNISTBandit,
    SimpleBandit as SimpleBandit,
    UmbrellaChain as UmbrellaChain,
)
from .environments.classic_control import (
    Acrobot as Acrobot,
    CartPole as CartPole,
    ContinuousMountainCar as ContinuousMountainCar,
    MountainCar as MountainCar,
    Pendulum as Pendulum,
)
from .environments.mazes import (
    FourRooms as FourRooms,
    FrozenLake as FrozenLake,
    MetaMaze as MetaMaze,
)
from .environments.minatar import (
    Asterix as Asterix,
    Breakout as Breakout,
    Freeway as Freeway,
    Seaquest as Seaquest,
    SpaceInvaders as SpaceInvaders,
)
from .environments.planar import (
    PointRobot as PointRobot,
    Reacher as Reacher,
    Swimmer as Swimmer,
)
from .environments.toy_text import (
    Blackjack as Blackjack,
    CliffWalking as CliffWalking,
    Taxi as Taxi,
)
from .rendering import Viewer as Viewer
from .wrappers import StickyAction as StickyAction


if _TYPE_CHECKING:
    from . import adapters as adapters, agents as agents, sweeps as sweeps


__version__ = "0.1.0"


def __getattr__(name: str) -> _Any:
    # Modules that need more packages than the core are imported when first used.
    if name in ("adapters", "agents", "sweeps"):
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
