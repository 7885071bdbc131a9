from ..._registry import register
from .asterix import Asterix as Asterix, AsterixState as AsterixState
from .breakout import Breakout as Breakout, BreakoutState as BreakoutState
from .freeway import Freeway as Freeway, FreewayState as FreewayState
from .seaquest import Seaquest as Seaquest, SeaquestState as SeaquestState
from .space_invaders import (
    SpaceInvaders as SpaceInvaders,
    SpaceInvadersState as SpaceInvadersState,
)


for _game in (Asterix, Freeway, Seaquest, SpaceInvaders):
    register(
        f"{_game.__name__}-MinAtar", _game, family="MinAtar", frames_per_second=15.0
    )
register(
    "Breakout-MinAtar",
    Breakout,
    family="MinAtar",
    frames_per_second=15.0,
    training={
        "pqn": {
            "num_steps": 5_000_000,
            "num_envs": 128,
            "num_minibatches": 16,
            "hidden_depth": 1,
        }
    },
)
