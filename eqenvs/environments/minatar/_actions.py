"""The actions of the MinAtar games, and their effects.

All games have the same six actions, in the order of the `minatar` package. The minimal
set of a game leaves out those without an effect. In either case, action `i` is entry
`i` of the set.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32


ACTIONS = NOTHING, LEFT, UP, RIGHT, DOWN, FIRE = range(6)


def is_action(
    name: int, action: Int32[Array, ""], actions: Sequence[int]
) -> Bool[Array, ""]:
    """Whether an action is the one of this name, such as `FIRE`.

    **Arguments:**

    - `name`: one of `ACTIONS`.
    - `action`: an index into `actions`.
    - `actions`: the actions of the game.
    """
    return action == actions.index(name)


def move(
    back: int, forth: int, action: Int32[Array, ""], actions: Sequence[int]
) -> Int32[Array, ""]:
    """-1 if an action is `back`, 1 if it is `forth`, otherwise 0.

    **Arguments:**

    - `back`, `forth`: two of `ACTIONS`, such as `LEFT` and `RIGHT`.
    - `action`, `actions`: as for `is_action`.
    """
    goes_back = is_action(back, action, actions).astype(jnp.int32)
    return is_action(forth, action, actions).astype(jnp.int32) - goes_back
