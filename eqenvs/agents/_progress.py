"""A progress bar for programs that run on the device."""

from typing import Any, ClassVar

import numpy as np
from tqdm import tqdm


class Progress:
    """Shows how far training is, what it returns and how fast it goes.

    A context manager. A compiled program shall not depend on a particular bar, so it is
    told only `id`, a number, and calls [`show_progress`][] with it.
    """

    open_bars: ClassVar[dict[int, "Progress"]] = {}

    def __init__(self, num_updates: int, steps_per_update: int):
        self.bar = tqdm(
            total=num_updates * steps_per_update,
            unit=" steps",
            unit_scale=True,
            mininterval=0.2,
        )
        self.steps_per_update = steps_per_update
        number = max(self.open_bars, default=-1) + 1
        self.open_bars[number] = self
        self.id = np.array(number, np.int32)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: Any) -> None:
        del self.open_bars[int(self.id)]
        self.bar.close()


def show_progress(id: Any, update: Any, mean_return: Any) -> None:
    """Moves the bar with this `id`, if it is still open, to behind an update."""
    progress = Progress.open_bars.get(int(id))
    if progress is not None:
        bar = progress.bar
        bar.set_postfix_str(f"return {float(mean_return):.1f}", refresh=False)
        bar.update((int(update) + 1) * progress.steps_per_update - bar.n)
