"""An example of every registered environment, for the tests that all of them pass."""

import numpy as np

import eqenvs


def example(id: str, **parameters) -> eqenvs.AbstractEnvironment:
    """`eqenvs.make(id, **parameters)`; without its data set where it has one."""
    if id == "MNISTBandit-bsuite":
        images = np.arange(6 * 28 * 28, dtype=np.uint8).reshape(6, 28, 28)
        labels = np.array([0, 3, 9, 9, 5, 1], dtype=np.uint8)
        parameters = {"images": images, "labels": labels, "max_steps": 100} | parameters
    if id == "MemoryChain-bsuite":
        parameters = {"memory_length": 20} | parameters
    if id in ("BernoulliBandit-misc", "GaussianBandit-misc"):
        # What is seen of the time depends on the time limit otherwise.
        parameters = {"normalize_time": False} | parameters
    return eqenvs.make(id, **parameters)


def short_limit(id: str) -> int:
    """A time limit that random play reaches within some dozen steps."""
    return 2 if id == "Blackjack-v1" else 7  # Few hands have seven cards.
