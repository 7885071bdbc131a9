"""Observations in pixels, as in Gymnasium's `AddRenderObservation`.

Learning from pixels goes back to Mnih et al., "Human-level control through deep
reinforcement learning" (Nature, 2015), who used stacks of four gray frames.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt8

from .._environment import AbstractEnvironment, Action, State
from .._parametric import batch_axes, is_batched
from ..fields import AbstractParameter, environment, flag
from ..spaces import Box
from ._wrapper import AbstractStatelessWrapper


class _Size(AbstractParameter):
    static = True

    @property
    def allowed(self) -> str:
        return "a number of pixels, or a pair (height, width) of them, at least 1"

    def __call__(self, value: Any) -> tuple[int, int]:
        pair = np.asarray(value)
        is_integer = np.issubdtype(pair.dtype, np.integer)
        if not is_integer or pair.shape not in ((), (2,)) or pair.min() < 1:
            raise ValueError(f"{self.name} must be {self.allowed}; got {value!r}.")
        height, width = np.broadcast_to(pair, (2,)).tolist()
        return height, width


class PixelObservation(
    AbstractStatelessWrapper[State, Action, UInt8[Array, "height width channels"]]
):
    """Turns observations into pictures: bytes from 0 to 255 of shape
    `(height, width, 3)`, or `(height, width, 1)` in grayscale.

    The pictures are drawn in JAX, on the same device as everything else. One picture
    rarely shows how things move; stack a few:

    ```python
    env = FrameStack(PixelObservation(CartPole(), 64, grayscale=True), 4)
    ```
    """

    env: AbstractEnvironment[State, Action, Any] = environment(
        "The environment, which must have a picture."
    )
    size: tuple[int, int] = _Size("Height and width, or one number for both.").field()
    grayscale: bool = flag(False, "Whether the picture is gray.")

    def __check_init__(self):
        # A batch of environments can be drawn only within `jax.vmap`.
        if not is_batched(batch_axes(self.env)):
            eqx.filter_eval_shape(_draw_first, self.env)

    def observe(self, state: State) -> UInt8[Array, "height width channels"]:
        picture = self.env.render(state, self.size)
        return _gray(picture) if self.grayscale else picture

    @property
    def observation_space(self) -> Box:
        channels = 1 if self.grayscale else 3
        return Box(0, 255, (*self.size, channels), jnp.uint8)


def _draw_first(env: AbstractEnvironment) -> Any:
    return env.draw(env.initial_state(jax.random.key(0)))


def _gray(picture: UInt8[Array, "height width 3"]) -> UInt8[Array, "height width 1"]:
    """The luma of ITU-R BT.601, in integers."""
    red, green, blue = (picture[..., i : i + 1].astype(jnp.uint32) for i in range(3))
    return ((77 * red + 150 * green + 29 * blue) >> 8).astype(jnp.uint8)
