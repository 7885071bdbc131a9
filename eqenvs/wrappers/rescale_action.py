"""Actions with different bounds, as in Gymnasium's wrapper of the same name."""

import math
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._environment import AbstractEnvironment, Observation, State
from .._parametric import batch_axes, is_batched
from ..fields import environment, real
from ..spaces import Box
from ._spaces import is_bounded_box, require
from ._wrapper import AbstractActionWrapper


class RescaleAction(AbstractActionWrapper[State, Float[Array, "..."], Observation]):
    """Rescales actions linearly: `minimum` is mapped to the lowest action of `env`, and
    `maximum` to the highest.

    ```python
    env = RescaleAction(Pendulum())  # from -1 to 1 instead of from -2 to 2
    env = RescaleAction(PointRobot(), minimum=[0, -1], maximum=[1, 1])
    ```
    """

    env: AbstractEnvironment[State, Float[Array, "..."], Observation] = environment(
        "The environment, with a bounded `Box` of real numbers as its action space."
    )
    # Vectors, whatever the shape of an action, so that a batch of bounds can be told
    # from bounds.
    minimum: Float[Array, " numbers"] = real(
        -1.0,
        "Lowest action: a number, or one for each number in an action.",
        shape=(None,),
    )
    maximum: Float[Array, " numbers"] = real(
        1.0, "Highest action, likewise; greater than the lowest.", shape=(None,)
    )

    def __init__(
        self,
        env: AbstractEnvironment[State, Float[Array, "..."], Observation],
        minimum: Any = -1.0,
        maximum: Any = 1.0,
    ):
        """**Arguments:**

        - `env`: the environment, with a bounded `Box` of real numbers as its action
            space.
        - `minimum`: the lowest action: a number, or an array of them that can be
            broadcast to the shape of an action.
        - `maximum`: the highest action, likewise; greater than the lowest.

        **Raises:**

        `TypeError` or `ValueError` if an argument is not as described above.
        """
        self.env = env
        self.minimum = _as_vector(env, minimum, "RescaleAction.minimum")
        self.maximum = _as_vector(env, maximum, "RescaleAction.maximum")

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
        low, high = self._bounds(space)
        fraction = (action - low) / (high - low)
        # Exact at both ends.
        return space.low * (1 - fraction) + space.high * fraction

    @property
    def action_space(self) -> Box:
        space: Box = self.env.action_space  # pyright: ignore
        low, high = self._bounds(space)
        return Box(low, high, space.shape)

    def _bounds(self, space: Box) -> list[Float[Array, "..."]]:
        return [
            x.reshape(space.shape)
            if x.size == math.prod(space.shape)
            else jnp.broadcast_to(x.reshape((1,) * len(space.shape)), space.shape)
            for x in (self.minimum, self.maximum)
        ]


def _as_vector(env: Any, bound: Any, name: str) -> Any:
    """A bound as a vector; what is none is left to the field to refuse."""
    try:
        shape = np.shape(bound)
    except ValueError:  # a ragged sequence
        return bound
    if math.prod(shape) == 1:
        bound = bound if isinstance(bound, jax.Array) else np.asarray(bound)
        return bound.reshape(1)
    if not isinstance(env, AbstractEnvironment) or is_batched(batch_axes(env)):
        return bound
    space = env.action_space
    if not isinstance(space, Box) or shape == (math.prod(space.shape),):
        return bound
    try:
        is_fine = np.broadcast_shapes(shape, space.shape) == space.shape
    except ValueError:
        is_fine = False
    if not is_fine:
        raise ValueError(
            f"{name} must be a real number, or an array of them that can be broadcast "
            f"to the shape of an action, {space.shape}; got the shape {shape}."
        )
    return jnp.broadcast_to(jnp.asarray(bound), space.shape).reshape(-1)
