"""Observations that hide something: a partially observable process.

Hiding the velocities of a control task is the classic one, as in Wierstra, Foerster,
Peters & Schmidhuber, "Solving deep memory POMDPs with recurrent policy gradients"
(ICANN 2007).
"""

import jax.core
import numpy as np
from jaxtyping import Array, Int32, Shaped

from .._environment import AbstractEnvironment, Action, State
from .._parametric import batch_axes, is_batched
from ..fields import environment, integer
from ..spaces import AbstractSpace, Box
from ._spaces import require
from ._wrapper import AbstractObservationWrapper


class MaskObservation(AbstractObservationWrapper[State, Action, Shaped[Array, "..."]]):
    """Keeps some entries of the observation and drops the others.

    Entries are counted along the last axis: the numbers in a vector, the channels of an
    image.

    ```python
    env = MaskObservation(CartPole(), keep=[0, 2])  # without the velocities
    ```
    """

    env: AbstractEnvironment[State, Action, Shaped[Array, "..."]] = environment(
        "The environment, with a `Box` as its observation space."
    )
    keep: Int32[Array, " kept"] = integer(
        description="Indices of the entries to keep.", minimum=0, shape=(None,)
    )

    def __check_init__(self):
        require(self.env, "observation_space", _has_entries, self, "a Box of arrays")
        if isinstance(self.keep, jax.core.Tracer) or is_batched(batch_axes(self.env)):
            return
        keep = np.asarray(self.keep)
        size = self.env.observation_space.shape[-1]  # pyright: ignore
        if keep.size == 0 or np.any(keep >= size):
            raise ValueError(
                "MaskObservation.keep must be one or more indices of entries of an "
                f"observation, from 0 to {size - 1}; got {keep}."
            )

    def transform_observation(
        self, observation: Shaped[Array, "..."]
    ) -> Shaped[Array, "..."]:
        return observation[..., self.keep]

    @property
    def observation_space(self) -> Box:
        space: Box = self.env.observation_space  # pyright: ignore
        low, high = space.low[..., self.keep], space.high[..., self.keep]
        return Box(low, high, dtype=space.dtype)


def _has_entries(space: AbstractSpace) -> bool:
    return isinstance(space, Box) and len(space.shape) > 0
