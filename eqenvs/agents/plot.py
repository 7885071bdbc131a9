"""Plots of training: `pip install "eqenvs[plot]"`."""

import io
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .._checks import show
from .._files import write_safely


def plot_learning_curve(
    path: str | os.PathLike[str], curves: Mapping[str, Any]
) -> None:
    """Draws the return of training episodes against the steps taken.

    **Arguments:**

    - `path`: the PNG file to write.
    - `curves`: a dictionary from names, for the legend, to the `metrics` of
        [`eqenvs.agents.Trained`][], or to a list of them, of runs that differ by their
        seeds, or to those of a training that was mapped over seeds. Several runs become
        a line for the mean and an area from the least return to the greatest. A run
        that ended early keeps its last return.

    **Raises:**

    `TypeError` or `ValueError` if `curves` is not as described above; `OSError` if
    `path` cannot be written.
    """
    _check_curves(curves)
    # Not pyplot, which would choose a display for the whole process.
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, metrics in curves.items():
        runs = _runs(metrics)
        if len(runs) == 1:
            axes.plot(*runs[0], label=name)
        else:
            steps, returns = _together(runs)
            [line] = axes.plot(steps, returns.mean(axis=0), label=name)
            low, high = returns.min(axis=0), returns.max(axis=0)
            axes.fill_between(steps, low, high, color=line.get_color(), alpha=0.2, lw=0)
    axes.set_xlabel("environment steps")
    axes.set_ylabel("mean return of the last episodes")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    write_safely(pathlib.Path(path), buffer.getvalue())


def _check_curves(curves: Any) -> None:
    """Raises an error unless `curves` is metrics by name."""
    what = "curves must be a dictionary from names to the metrics of training"
    if not isinstance(curves, Mapping):
        raise TypeError(f"{what}; got {show(curves)}.")
    if not curves:
        raise ValueError(f"{what}; got an empty one.")
    if "steps" in curves and "return" in curves:
        raise TypeError(f"{what}, such as {{'PPO': metrics}}; got the metrics alone.")
    for name, metrics in curves.items():
        several = [metrics] if isinstance(metrics, Mapping) else metrics
        is_right = isinstance(several, Sequence) and all(
            isinstance(one, Mapping) and {"steps", "return"} <= set(one)
            for one in several
        )
        if not is_right or not several:
            raise TypeError(
                f"{what}, which have 'steps' and 'return'; got {show(metrics)} for "
                f"{name!r}."
            )


_Curve = tuple[np.ndarray, np.ndarray]  # steps and returns


def _runs(metrics: Any) -> list[_Curve]:
    """The curves of one or several runs."""
    several = [metrics] if isinstance(metrics, Mapping) else metrics
    curves = []
    for metrics in several:
        steps, returns = np.asarray(metrics["steps"]), np.asarray(metrics["return"])
        rows = zip(np.atleast_2d(steps), np.atleast_2d(returns), strict=True)
        curves.extend(rows)
    return curves


def _together(runs: Sequence[_Curve]) -> _Curve:
    """The steps at which all runs have a return, and these with an axis for the runs.

    Before its first episode has ended, a run has none.
    """
    steps = np.unique(np.concatenate([steps for steps, _ in runs]))
    rows = np.full((len(runs), len(steps)), np.nan)
    for row, (own_steps, returns) in zip(rows, runs, strict=True):
        known = ~np.isnan(returns)
        if known.any():
            row[:] = np.interp(steps, own_steps[known], returns[known], left=np.nan)
    is_known = ~np.isnan(rows).any(axis=0)
    return steps[is_known], rows[:, is_known]
