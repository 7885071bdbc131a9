"""A progress bar."""

import math
from typing import Any


class Progress:
    """Shows the progress of training, its return, its speed and the time left."""

    def __init__(self, initial_steps: int, num_steps: int):
        try:
            from tqdm import tqdm
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'a progress bar needs the package tqdm: pip install "eqenvs[agents]"',
                name=error.name,
            ) from error
        self.bar = tqdm(
            initial=initial_steps,
            total=num_steps,
            unit=" steps",
            unit_scale=True,
            mininterval=0.2,
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.bar.close()

    def show(self, steps: int, mean_return: float) -> None:
        """Moves the bar to a number of steps."""
        if not math.isnan(mean_return):
            self.bar.set_postfix_str(f"return {mean_return:.1f}", refresh=False)
        self.bar.update(steps - self.bar.n)
