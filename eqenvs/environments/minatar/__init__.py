from .asterix import Asterix as Asterix, AsterixState as AsterixState
from .breakout import Breakout as Breakout, BreakoutState as BreakoutState
from .freeway import Freeway as Freeway, FreewayState as FreewayState
from .seaquest import Seaquest as Seaquest, SeaquestState as SeaquestState
from .space_invaders import (
    SpaceInvaders as SpaceInvaders,
    SpaceInvadersState as SpaceInvadersState,
)
