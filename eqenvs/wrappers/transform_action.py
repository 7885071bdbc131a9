"""Any function of the action, as in Gymnasium's wrapper of the same name."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, PyTree

from .._environment import AbstractEnvironment, Observation, State
from ..fields import environment, function
from ..spaces import AbstractSpace
from ._spaces import optional_space
from ._wrapper import AbstractActionWrapper


class TransformAction(AbstractActionWrapper[State, PyTree[Array], Observation]):
    """Applies a function to the action before the environment gets it.

    ```python
    env = TransformAction(CartPole(), lambda action: 1 - action)  # left is right
    ```
    """

    env: AbstractEnvironment[State, Any, Observation] = environment()
    function: Callable[[Any], Any] = function(
        description="Function from an action to an action of `env`."
    )
    space: AbstractSpace | None = optional_space(
        "Space of the actions it takes; None if that is the action space of `env`."
    )

    def transform_action(self, action: PyTree[Array]) -> PyTree[Array]:
        return self.function(action)

    @property
    def action_space(self) -> AbstractSpace:
        return self.env.action_space if self.space is None else self.space
