"""Makes the moving picture at the top of README: environments, played by the agents
that come with the library.

    python -m tools.readme_picture docs/pictures/environments.gif

It needs the extras `agents` and `render`.
"""

import math
import pathlib
import sys

import numpy as np

import eqenvs
from eqenvs import agents, rendering
from eqenvs._files import write_safely
from eqenvs.rendering._gif import as_gif


IDS = [
    "CartPole-v1",
    "Acrobot-v1",
    "Pendulum-v1",
    "MountainCarContinuous-v0",
    "Swimmer-misc",
    "Reacher-misc",
    "Breakout-MinAtar",
    "SpaceInvaders-MinAtar",
    "Asterix-MinAtar",
    "Freeway-MinAtar",
    "Seaquest-MinAtar",
    "Pong-misc",
    "FrozenLake8x8-v1",
    "Taxi-v4",
    "FourRooms-misc",
    "MetaMaze-misc",
    "DeepSea-bsuite",
    "Catch-bsuite",
]
COLUMNS = 6
SIZE = 130  # pixels
GAP = 8
SECONDS = 8
FRAMES_PER_SECOND = 12.5


def play(id: str) -> np.ndarray:
    """A picture of every moment of the film."""
    env = eqenvs.make(id)
    agent = agents.load(id).agent
    steps_per_second = min(eqenvs.spec(id).frames_per_second, 50)
    played = eqenvs.rollout(
        env,
        getattr(agent, "greedy", agent),
        0,
        num_steps=math.ceil(SECONDS * steps_per_second),
        num_envs=1,
        states=True,
    )
    pictures = list(rendering.frames(env, played, size=SIZE))
    times = np.arange(round(SECONDS * FRAMES_PER_SECOND)) / FRAMES_PER_SECOND
    return np.stack([pictures[int(time * steps_per_second)] for time in times])


def main(path: str) -> None:
    films = [play(id) for id in IDS]
    sheets = [
        rendering.tile(np.stack(pictures), GAP, columns=COLUMNS)
        for pictures in zip(*films, strict=True)
    ]
    sample = np.concatenate(sheets[:: len(sheets) // 8])
    film = as_gif(sheets, sample, FRAMES_PER_SECOND, optimize=True)
    write_safely(pathlib.Path(path), film)


if __name__ == "__main__":
    main(sys.argv[1])
