"""The games of MinAtar, after the package `minatar` (https://github.com/kenjyoung/MinAtar).

**Deviations:**

- There is a time limit, `max_steps`, that of gymnax: 1000 steps, and 2500 for Freeway.
  The package limits only Freeway.
- Sticky actions are not part of the games; use the wrapper `StickyAction`.
- The minimal set of actions is the default; `minimal_actions=False` gives all six, in
  the package's order.
- After the end of a game, the package returns a reward of 0 and leaves the game
  unchanged. Here `step` has begun the next episode, and `transition` continues by the
  same rules.
- Random outcomes have their probabilities to within a few parts in a million.
"""

from ..._registry import register
from .asterix import Asterix as Asterix, AsterixState as AsterixState
from .breakout import Breakout as Breakout, BreakoutState as BreakoutState
from .freeway import Freeway as Freeway, FreewayState as FreewayState
from .seaquest import Seaquest as Seaquest, SeaquestState as SeaquestState
from .space_invaders import (
    SpaceInvaders as SpaceInvaders,
    SpaceInvadersState as SpaceInvadersState,
)


_recipe = {"num_steps": 5_000_000, "num_envs": 128, "hidden_depth": 1}
for _game, _training in (
    # Ends when the agent is well above what others report.
    (Asterix, {"pqn": _recipe | {"target_return": 45.0}}),
    (Breakout, {"pqn": _recipe}),
    (Freeway, {"pqn": _recipe | {"num_steps": 3_000_000, "num_minibatches": 32}}),
    (Seaquest, {"pqn": _recipe | {"num_minibatches": 32}}),
    (
        SpaceInvaders,
        {"pqn": _recipe | {"num_minibatches": 32, "final_epsilon": 0.01}},
    ),
):
    register(
        f"{_game.__name__}-MinAtar",
        _game,
        family="MinAtar",
        frames_per_second=15.0,
        training=_training,
    )
