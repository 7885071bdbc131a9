"""Stoa: an environment as one of Stoa's.

Written for Stoa 0.1 (https://github.com/EdanToledo/Stoa; the package is called
`stoa-env`). An episode that is truncated ends with a discount of 1, one that
terminates with a discount of 0.
"""

from typing import Any

from .._environment import AbstractEnvironment
from ._foreign import needs


def to_stoa(env: AbstractEnvironment) -> Any:
    """An environment as a `stoa.Environment`.

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

    A `stoa.Environment`. Where it takes `env_params`, another environment of the same
    structure can be given.

    **Raises:**

    `TypeError` if `env` is not an environment, or Stoa has no space like one of its
    spaces.
    """
    with needs("eqenvs.adapters.to_stoa", "stoa"):
        from ._to_stoa import StoaEnvironment
    return StoaEnvironment(env)
