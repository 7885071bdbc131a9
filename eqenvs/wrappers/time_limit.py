"""A different time limit.

As in Gymnasium's wrapper of the same name, episodes are truncated after a given number
of steps.
"""

from jaxtyping import Array, Bool, Int32

from .._environment import AbstractEnvironment, Action, Observation, State
from ..fields import environment, time_limit
from ._wrapper import AbstractStatelessWrapper


class TimeLimit(AbstractStatelessWrapper[State, Action, Observation]):
    """Truncates episodes after `max_steps` steps instead of at the environment's own
    time limit.

    ```python
    env = TimeLimit(CartPole(), max_steps=200)
    ```
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()
    max_steps: Int32[Array, ""] = time_limit()

    def truncated(self, state: State) -> Bool[Array, ""]:
        return state.time >= self.max_steps
