"""Plots of training: `pip install "eqenvs[plot]"`."""

import io
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .._files import write_safely


def plot_learning_curve(
    path: str | os.PathLike[str], curves: Mapping[str, Any]
) -> None:
    """Draws the return of training episodes against the steps taken.

    **Arguments:**

    - `path`: the PNG file to write.
    - `curves`: a dictionary from names, for the legend, to the `metrics` of
        [`eqenvs.agents.Trained`][].

    **Raises:**

    `OSError` if `path` cannot be written.
    """
    # Not pyplot, which would choose a display for the whole process.
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, metrics in curves.items():
        steps, returns = metrics["steps"], metrics["return"]
        axes.plot(np.asarray(steps), np.asarray(returns), label=name)
    axes.set_xlabel("environment steps")
    axes.set_ylabel("mean return of the last episodes")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    write_safely(pathlib.Path(path), buffer.getvalue())
