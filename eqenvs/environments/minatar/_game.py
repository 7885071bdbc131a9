"""What the MinAtar games share: the screen, the actions and the picture.

The `minatar` package shows the highest channel of each cell, in the colors of the
cubehelix palette, on black. The pictures here do the same, with three changes: the
player is white and always on top, since its color is hard to see on black; the palette
starts lighter, for the same reason; and every second cell is a shade darker, so that
cells can be counted. A picture is a single grid of cells, which is by far the fastest
to draw.
"""

from typing import Generic

import jax.numpy as jnp
import numpy as np
from equinox import AbstractClassVar
from jaxtyping import Array, Bool, Float32, Int32

from ..._environment import AbstractEnvironment, State
from ...fields import flag
from ...rendering import Cells, Scene
from ...rendering.colors import BLACK, WHITE
from ...spaces import Box, Discrete
from ._actions import ACTIONS
from ._maps import SIZE


class AbstractMinAtarGame(
    AbstractEnvironment[State, Int32[Array, ""], Bool[Array, "10 10 channels"]],
    Generic[State],
):
    """A game on a screen of ten rows of ten cells, each with boolean channels.

    The first channel is the player.
    """

    minimal_actions: bool = flag(
        True, "Whether to leave out the actions that have no effect in this game."
    )

    minimal_set: AbstractClassVar[tuple[int, ...]]
    channels: AbstractClassVar[range]

    @property
    def actions(self) -> tuple[int, ...]:
        """For each action, which of the six actions of all games it is."""
        return self.minimal_set if self.minimal_actions else tuple(ACTIONS)

    @property
    def action_space(self) -> Discrete:
        return Discrete(len(self.actions))

    @property
    def observation_space(self) -> Box:
        return Box(False, True, (SIZE, SIZE, len(self.channels)), dtype=bool)

    def draw(self, state: State) -> Scene:
        observation = self.observe(state)
        numbers = np.arange(1, len(self.channels) + 1, dtype=np.int32)
        color = jnp.max(jnp.where(observation, numbers[None, None], 0), axis=-1)
        color = jnp.where(observation[..., 0], 1, color)
        is_odd = np.add.outer(np.arange(SIZE), np.arange(SIZE)) % 2
        values = 2 * color + is_odd.astype(np.int32)
        cells = Cells(values, palette(len(self.channels)))
        return Scene(cells, (0, 0, SIZE, SIZE), BLACK)


def palette(num_channels: int) -> Float32[np.ndarray, "colors 3"]:
    """Two shades for an empty cell, for the player, and for each further channel."""
    empty = np.array([BLACK, [0.05, 0.05, 0.05]])
    channels = np.stack([WHITE, *_cubehelix(np.linspace(0.3, 0.84, num_channels - 1))])
    shades = np.stack([channels, 0.94 * channels], axis=1).reshape(-1, 3)
    return np.concatenate([empty, shades]).astype(np.float32)


def _cubehelix(lightness: np.ndarray) -> np.ndarray:
    """Colors of a given lightness, from 0 to 1, which differ in grayscale too.

    They follow Green, "A colour scheme for the display of astronomical intensity
    images" (2011), with a start of 0.5, -1.5 rotations, a hue of 1 and a gamma of 1.
    """
    angle = 2 * np.pi * (0.5 / 3 - 1.5 * lightness)
    directions = np.array([[-0.14861, 1.78277], [-0.29227, -0.90649], [1.97294, 0]])
    around = directions @ np.stack([np.cos(angle), np.sin(angle)])
    colors = lightness + lightness * (1 - lightness) / 2 * around
    return np.clip(colors, 0, 1).T
