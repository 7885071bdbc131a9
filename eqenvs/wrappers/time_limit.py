"""A different time limit.

As in Gymnasium's wrapper of the same name, episodes are truncated after a given number
of steps.
"""

import inspect
from typing import Any

from jaxtyping import Array, Bool, Int32

from .._environment import AbstractEnvironment, Action, Observation, State
from ..fields import environment, time_limit
from ._wrapper import AbstractStatelessWrapper, AbstractWrapper
from .drawn_environment import DrawnEnvironment


class TimeLimit(AbstractStatelessWrapper[State, Action, Observation]):
    """Truncates episodes after `max_steps` steps instead of at the environment's own
    time limit.

    An environment that truncates episodes for other reasons than `max_steps` continues
    to do so: a trial that is over, for example, or an environment of another library.

    ```python
    env = TimeLimit(CartPole(), max_steps=200)
    ```
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()
    max_steps: Int32[Array, ""] = time_limit()

    def truncated(self, state: State) -> Bool[Array, ""]:
        truncated = state.time >= self.max_steps
        if truncates_only_at_max_steps(self.env):
            return truncated
        return truncated | self.env.truncated(state)


def truncates_only_at_max_steps(env: Any) -> bool:
    """Whether episodes are truncated at the time limit and nowhere else."""
    while isinstance(env, AbstractWrapper):
        cls = type(env)
        is_overridden = cls.truncated is not AbstractWrapper.truncated
        is_property = isinstance(inspect.getattr_static(cls, "max_steps"), property)
        if cls is not TimeLimit and (is_overridden or is_property):
            return False
        env = env.env
    if isinstance(env, DrawnEnvironment):
        return truncates_only_at_max_steps(env._example)
    return type(env).truncated is AbstractEnvironment.truncated


__all__ = ["TimeLimit"]
