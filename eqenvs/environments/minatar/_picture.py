"""The picture of a MinAtar game: its observation, a color for each channel.

The `minatar` package shows the highest channel of each cell, in the colors of the
cubehelix palette, on black. Here, too, but its darkest color, the player's, is hard to
see on black: the player is white and always on top, and the palette starts lighter.
Every second cell is a shade darker, so that cells can be counted.

All of this is a single grid of cells, which pixels are made of faster than of anything
else.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32

from ...rendering import Cells, Scene
from ...rendering.colors import BLACK, WHITE


def picture(observation: Bool[Array, "rows columns channels"]) -> Scene:
    """The picture of an observation whose first channel is the player."""
    rows, columns, num_channels = observation.shape
    numbers = np.arange(1, num_channels + 1, dtype=np.int32)
    color = jnp.max(jnp.where(observation, numbers[None, None], 0), axis=-1)
    color = jnp.where(observation[..., 0], 1, color)
    is_odd = np.add.outer(np.arange(rows), np.arange(columns)) % 2
    values = 2 * color + is_odd.astype(np.int32)
    return Scene(Cells(values, palette(num_channels)), (0, 0, columns, rows), BLACK)


def palette(num_channels: int) -> Float32[np.ndarray, "colors 3"]:
    """Two shades for an empty cell, for the player, and for each further channel."""
    empty = np.array([BLACK, [0.05, 0.05, 0.05]])
    channels = np.stack([WHITE, *_cubehelix(np.linspace(0.3, 0.84, num_channels - 1))])
    shades = np.stack([channels, 0.94 * channels], axis=1).reshape(-1, 3)
    return np.concatenate([empty, shades]).astype(np.float32)


def _cubehelix(lightness: np.ndarray) -> np.ndarray:
    """Colors of a given lightness, from 0 to 1, which tells them apart in grayscale.

    They are those of Green, "A colour scheme for the display of astronomical intensity
    images" (2011), with a start of 0.5, -1.5 rotations, a hue of 1 and a gamma of 1.
    """
    angle = 2 * np.pi * (0.5 / 3 - 1.5 * lightness)
    directions = np.array([[-0.14861, 1.78277], [-0.29227, -0.90649], [1.97294, 0]])
    around = directions @ np.stack([np.cos(angle), np.sin(angle)])
    colors = lightness + lightness * (1 - lightness) / 2 * around
    return np.clip(colors, 0, 1).T
