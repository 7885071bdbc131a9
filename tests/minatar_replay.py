"""Feeds the games of the `minatar` package the random outcomes of another run."""

from collections import deque
from typing import Any

import numpy as np


class ReplayedRandom:
    """Stands in for the `numpy.random.RandomState` that a game holds in `random`.

    ```python
    game.random = ReplayedRandom()
    game.random.expect(rand=0.25, randint=3)  # two calls, in this order
    game.random.expect(("rand", 0.25), ("rand", 0.75))  # the same call twice
    game.act(action)
    game.random.finish()  # the game must have asked for all of them
    ```

    Each call returns the outcome that stands first, and fails if the game asks for
    another method or an integer that its arguments do not allow.
    """

    def __init__(self):
        self._outcomes: deque[tuple[str, Any]] = deque()

    def expect(self, *outcomes: tuple[str, Any], **named_outcomes: Any) -> None:
        """Appends the outcomes of the next calls."""
        self._outcomes.extend([*outcomes, *named_outcomes.items()])

    def finish(self) -> None:
        """Fails if an outcome is left over."""
        assert not self._outcomes, f"the game did not ask for {list(self._outcomes)}"

    def _next(self, method: str) -> Any:
        assert self._outcomes, f"the game asked for {method}, which is not drawn"
        expected, outcome = self._outcomes.popleft()
        assert expected == method, f"the game asked for {method}, not {expected}"
        return outcome

    def rand(self, *shape: int) -> Any:
        outcome = self._next("rand")
        assert np.shape(outcome) == shape
        return outcome

    def randint(self, low: int, high: int | None = None, size: Any = None) -> Any:
        outcome = self._next("randint")
        low, high = (0, low) if high is None else (low, high)
        assert np.shape(outcome) == (() if size is None else tuple(np.atleast_1d(size)))
        assert np.all((np.asarray(outcome) >= low) & (np.asarray(outcome) < high))
        # A copy, since a game may work on the array in place.
        return np.array(outcome) if np.shape(outcome) else int(outcome)
