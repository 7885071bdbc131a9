"""Draws states of classic control and MinAtar beside the pictures of the originals.

    python -m tests.rendering.sheet_a [FILE]

needs Gymnasium, pygame and seaborn. Each environment has a row: three states as eqenvs
draws them, then the same three as Gymnasium or the `minatar` package does.
"""

import os
import pathlib
import sys

import gymnasium
import numpy as np
import seaborn
from PIL import Image, ImageDraw

import eqenvs

from .states_a import CLASSIC_CONTROL, MINATAR, states


SIZE, GAP, HEADING = 180, 10, 26
FILE = pathlib.Path(__file__).parents[2] / "docs/pictures/beside_originals_a.png"

# What Gymnasium's environment holds in `state`.
COORDINATES = {
    "CartPole-v1": ("x", "x_dot", "theta", "theta_dot"),
    "Pendulum-v1": ("theta", "theta_dot"),
    "Acrobot-v1": ("theta_1", "theta_2", "theta_dot_1", "theta_dot_2"),
    "MountainCar-v0": ("position", "velocity"),
    "MountainCarContinuous-v0": ("position", "velocity"),
}


def gymnasium_picture(id: str, state) -> np.ndarray:
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    env = gymnasium.make(id, render_mode="rgb_array").unwrapped
    env.reset(seed=0)
    env.state = np.array([float(getattr(state, name)) for name in COORDINATES[id]])
    return fit(env.render())


def minatar_picture(id: str, state) -> np.ndarray:
    """The highest channel of each cell, in seaborn's colors, as `minatar` shows it."""
    channels = np.asarray(eqenvs.make(id).observe(state))
    num_channels = channels.shape[-1]
    palette = [(0, 0, 0), *seaborn.color_palette("cubehelix", num_channels)]
    highest = (channels * np.arange(1, num_channels + 1)).max(axis=-1)
    cells = (255 * np.array(palette)[highest]).astype(np.uint8)
    return np.asarray(Image.fromarray(cells).resize((SIZE, SIZE), Image.Resampling(0)))


def fit(picture: np.ndarray) -> np.ndarray:
    """A picture of any shape in a white square."""
    image = Image.fromarray(picture)
    image.thumbnail((SIZE, SIZE), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (SIZE, SIZE), "white")
    square.paste(image, ((SIZE - image.width) // 2, (SIZE - image.height) // 2))
    return np.asarray(square)


def sheet() -> Image.Image:
    ids = (*CLASSIC_CONTROL, *MINATAR)
    width = 6 * (SIZE + GAP) + 3 * GAP
    image = Image.new(
        "RGB", (width, len(ids) * (SIZE + HEADING + GAP)), (176, 180, 186)
    )
    text = ImageDraw.Draw(image)
    for i, id in enumerate(ids):
        env = eqenvs.make(id)
        top = i * (SIZE + HEADING + GAP)
        original, name = gymnasium_picture, "Gymnasium"
        if id in MINATAR:
            original, name = minatar_picture, "minatar"
        second = 3 * (SIZE + GAP) + 3 * GAP
        text.text((GAP, top + 8), f"{id}, eqenvs", fill="black", font_size=14)
        text.text((second, top + 8), name, fill="black", font_size=14)
        for j, state in enumerate(states(id)):
            ours = np.asarray(env.render(state, SIZE))
            left = j * (SIZE + GAP)
            image.paste(Image.fromarray(ours), (GAP + left, top + HEADING))
            theirs = Image.fromarray(original(id, state))
            image.paste(theirs, (second + left, top + HEADING))
    return image


if __name__ == "__main__":
    file = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet().quantize(128).save(file, optimize=True)
