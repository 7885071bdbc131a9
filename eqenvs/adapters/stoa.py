"""Stoa: an environment as a `stoa.Environment`.

Written for Stoa 0.1 (https://github.com/EdanToledo/Stoa), whose package is called
`stoa-env`. Truncated episodes end with a discount of 1, terminated ones with a discount
of 0.
"""

from typing import Any

from .._environment import AbstractEnvironment
from ._foreign import needs


def to_stoa(env: AbstractEnvironment) -> Any:
    """Turns an environment into a `stoa.Environment`.

    ```python
    env = stoa.AutoResetWrapper(to_stoa(CartPole()))
    state, timestep = env.reset(key)
    state, timestep = env.step(state, action)
    ```

    There is no automatic reset. The key of a reset is split: the first half starts the
    episode, and the second is kept in the state for the steps.

    **Arguments:**

    - `env`: an environment.

    **Returns:**

    A `stoa.Environment`. As `env_params` it accepts another environment of the same
    structure.

    **Raises:**

    `TypeError` if `env` is not an environment, or Stoa has no counterpart of one of its
    spaces.
    """
    with needs("eqenvs.adapters.to_stoa", "stoa"):
        from ._to_stoa import StoaEnvironment
    return StoaEnvironment(env)
