"""Trains in a folder, or goes on with what is there; killed by the tests at any time.

Saves after every piece, so that a kill often hits the middle of a save.
"""

import pathlib
import sys
import time

from eqenvs import CartPole
from eqenvs.agents import resume, train, training

from .walk import Walk


NUM_STEPS = 3_000


def main(folder: pathlib.Path) -> None:
    training._MAX_PIECE = 5
    options = dict(checkpoint_seconds=0, log=lambda row: time.sleep(0.001))
    if (folder / "run.json").exists():
        trained = resume(folder, **options)
    else:
        trained = train(Walk(), CartPole(), 0, NUM_STEPS, folder=folder, **options)
    print("finished with", int(trained.learner.num_updates))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
