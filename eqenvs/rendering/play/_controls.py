"""The keys and buttons for each action."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...spaces import Box, Discrete


LEFT, RIGHT = ("ArrowLeft", "a"), ("ArrowRight", "d")
UP, DOWN, FIRE = ("ArrowUp", "w"), ("ArrowDown", "s"), (" ",)

# The keys of actions with these names. An action called "stay" is taken while no key is
# held.
_KEYS = {
    "left": LEFT,
    "right": RIGHT,
    "up": UP,
    "down": DOWN,
    "fire": FIRE,
    "stay": (),
    "pick up": ("e",),
    "drop off": ("q",),
}

# The names of the actions of each class; for classes with action spaces of several
# sizes, one tuple for each size.
_STAY_LEFT_RIGHT = ("stay", "left", "right")
_LEFT_STAY_RIGHT = ("left", "stay", "right")
_SIX = ("stay", "left", "up", "right", "down", "fire")
_NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "Acrobot": (("torque −", "stay", "torque +"),),
    "Asterix": (_SIX[:5], _SIX),
    "Blackjack": (("stick", "hit"),),
    "Breakout": (_STAY_LEFT_RIGHT, _SIX),
    "BsuiteCartPole": (_LEFT_STAY_RIGHT,),
    "BsuiteMountainCar": (_LEFT_STAY_RIGHT,),
    "CartPole": (("left", "right"),),
    "CartPoleSwingUp": (_LEFT_STAY_RIGHT,),
    "Catch": (_LEFT_STAY_RIGHT,),
    "CliffWalking": (("up", "right", "down", "left"),),
    "FourRooms": (("up", "right", "down", "left"),),
    "Freeway": (("stay", "up", "down"), _SIX),
    "FrozenLake": (("left", "down", "right", "up"),),
    "MetaMaze": (("up", "down", "left", "right"),),
    "MountainCar": (_LEFT_STAY_RIGHT,),
    "Pong": (("stay", "up", "down"),),
    "Seaquest": (_SIX,),
    "SpaceInvaders": ((*_STAY_LEFT_RIGHT, "fire"), _SIX),
    "Taxi": (("down", "up", "right", "left", "pick up", "drop off"),),
    "UmbrellaChain": (("leave it", "take it"),),
}

_MOST_BUTTONS = 64


@dataclasses.dataclass(frozen=True)
class Controls:
    """How a person chooses an action.

    - `buttons`: a dictionary for each action that has a button, with its `name`, its
        `keys` as browsers name them, and its `action`.
    - `idle`: the actions taken in turn while no key is held; if empty, the game waits
        for a key.
    - `low`, `high`: the range, if the action is continuous.
    - `size`: the number of actions, if they are discrete.
    - `space`: the space of the actions.
    """

    buttons: list[dict[str, Any]]
    idle: Sequence[float | int]
    low: float | None
    high: float | None
    size: int | None
    space: Box | Discrete

    def to_array(self, action: Any) -> Any:
        """Checks an action sent by the page, and turns it into an element of the
        space."""
        if isinstance(action, bool) or not isinstance(action, int | float):
            raise ValueError(f"an action must be a number; got {action!r}.")
        if self.size is not None:
            if not (isinstance(action, int) and 0 <= action < self.size):
                raise ValueError(
                    f"an action must be an integer from 0 to {self.size - 1}; got "
                    f"{action!r}."
                )
        elif not math.isfinite(action):
            raise ValueError(f"an action must be finite; got {action!r}.")
        return jnp.full(self.space.shape, action, self.space.dtype)


def controls_of(env: Any) -> Controls:
    """The controls of an environment.

    **Arguments:**

    - `env`: an environment. If its class, or the class of an environment it wraps, has
        an attribute `action_names` with a name for each discrete action, then "left",
        "right", "up" and "down" get the arrow keys, "fire" gets the space bar, and
        "stay" is taken while no key is held.

    **Returns:**

    The controls.

    **Raises:**

    `ValueError` if an action is neither discrete nor a single number.
    """
    space = env.action_space
    if isinstance(space, Discrete):
        return _discrete(env, space)
    is_number = isinstance(space, Box) and math.prod(space.shape) == 1
    if is_number and jnp.issubdtype(space.dtype, jnp.floating):
        return _continuous(space)
    raise ValueError(
        "a person can play environments whose actions are discrete or a single real "
        f"number; the actions of {type(env).__name__} are {space}."
    )


def _discrete(env: Any, space: Discrete) -> Controls:
    names = _names(env, space.n)
    buttons = []
    for action in range(min(space.n, _MOST_BUTTONS)):
        name = str(action) if names is None else names[action]
        keys = _KEYS.get(name, ())
        if (space.n == 2 and not keys) or name.startswith("torque"):
            keys = LEFT if action == 0 else RIGHT
        digit = (str(action),) if action < 10 else ()
        buttons.append({"name": name, "keys": [*keys, *digit], "action": action})
    if names == ("left", "right"):
        # Alternating pushes cancel out.
        idle = [0, 1]
    else:
        idle = [names.index("stay")] if names and "stay" in names else []
    return Controls(buttons, idle, None, None, space.n, space)


def _names(env: Any, size: int) -> tuple[str, ...] | None:
    while True:
        names = getattr(type(env), "action_names", None)
        if names is not None and len(names) == size:
            return tuple(map(str, names))
        if not hasattr(env, "env"):
            break
        env = env.env
    is_ours = type(env).__module__.startswith("eqenvs.")
    for names in _NAMES.get(type(env).__name__, ()) if is_ours else ():
        if len(names) == size:
            return names
    return None


def _continuous(space: Box) -> Controls:
    low = float(np.max(np.asarray(space.low)))
    high = float(np.min(np.asarray(space.high)))
    low = low if math.isfinite(low) else min(-1.0, high - 1)
    high = high if math.isfinite(high) else max(1.0, low + 1)
    idle = min(max(0.0, low), high)
    buttons = [
        {"name": f"{low:.4g}".replace("-", "−"), "keys": [*LEFT, *DOWN], "action": low},
        {"name": f"+{high:.4g}", "keys": [*RIGHT, *UP], "action": high},
    ]
    return Controls(buttons, [idle], low, high, None, space)
