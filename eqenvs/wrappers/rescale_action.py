"""Actions with different bounds, as in Gymnasium's wrapper of the same name."""

import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._environment import AbstractEnvironment, Observation, State
from ..fields import environment, real
from ..spaces import Box
from ._spaces import is_bounded_box, require
from ._wrapper import AbstractActionWrapper


class RescaleAction(AbstractActionWrapper[State, Float[Array, "..."], Observation]):
    """Rescales actions linearly: `minimum` is mapped to the lowest action of `env`, and
    `maximum` to the highest.

    ```python
    env = RescaleAction(Pendulum())  # from -1 to 1 instead of from -2 to 2
    ```
    """

    env: AbstractEnvironment[State, Float[Array, "..."], Observation] = environment(
        "The environment, with a bounded `Box` of real numbers as its action space."
    )
    minimum: Float[Array, ""] = real(-1.0, "Lowest action.")
    maximum: Float[Array, ""] = real(1.0, "Highest action, greater than the lowest.")

    def __check_init__(self):
        needs = "a bounded Box of real numbers"
        require(self.env, "action_space", is_bounded_box, self, needs)
        bounds = (self.minimum, self.maximum)
        is_known = not any(isinstance(x, jax.core.Tracer) for x in bounds)
        if is_known and not np.all(np.asarray(self.maximum) > np.asarray(self.minimum)):
            raise ValueError(
                "RescaleAction.maximum must be greater than its minimum; got minimum="
                f"{self.minimum} and maximum={self.maximum}."
            )

    def transform_action(self, action: Float[Array, "..."]) -> Float[Array, "..."]:
        space: Box = self.env.action_space  # pyright: ignore
        low, high = jnp.full_like(action, self.minimum), self.maximum
        fraction = (action - low) / (high - self.minimum).reshape((1,) * action.ndim)
        # Exact at both ends.
        return space.low * (1 - fraction) + space.high * fraction

    @property
    def action_space(self) -> Box:
        space: Box = self.env.action_space  # pyright: ignore
        return Box(self.minimum, self.maximum, space.shape)
