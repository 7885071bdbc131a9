"""Where metrics go while an agent trains, besides the run's own `metrics.csv`."""

import contextlib
import math
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args, Literal


Logger = Literal["tensorboard", "wandb"]
Log = Callable[[dict[str, float]], Any] | Logger | None


def check_log(log: Any, folder: str | os.PathLike[str] | None) -> None:
    """Raises an exception if metrics cannot be logged in this way."""
    if log is None or callable(log):
        return
    if log not in get_args(Logger):
        names = " or ".join(map(repr, get_args(Logger)))
        raise ValueError(f"log must be {names}, a function or None; got {log!r}.")
    if log == "tensorboard":
        if folder is None:
            raise ValueError("log='tensorboard' writes into the run's `folder`.")
        _import_tensorboard()
    else:
        _import_wandb()


@contextlib.contextmanager
def open_log(
    log: Log, folder: pathlib.Path | None, steps: int, settings: Mapping[str, Any]
) -> Iterator[Callable[[dict[str, float]], Any] | None]:
    """The function that receives the metrics of every update.

    **Arguments:**

    - `log`: as for [`eqenvs.agents.train`][].
    - `folder`: the folder of the run.
    - `steps`: the number of steps so far.
    - `settings`: what identifies the run, as JSON.
    """
    if log == "tensorboard":
        writer = _import_tensorboard()(
            str(folder),
            # What an interrupted run wrote after its last checkpoint does not count.
            purge_step=steps + 1 if steps else None,
            # A file of its own, even if another one was begun in the same second.
            filename_suffix=f".{steps}",
            flush_secs=10,
        )
        with contextlib.closing(writer):
            yield lambda row: _write(writer, row)
    elif log == "wandb":
        wandb = _import_wandb()
        if wandb.run is not None:  # The user's own.
            yield wandb.log
            return
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "eqenvs"),
            name=None if folder is None else folder.name,
            dir=None if folder is None else str(folder),
            config=dict(settings),
        )
        with run:  # It finishes, as failed after an exception.
            run.define_metric("*", step_metric="steps")
            yield run.log
    else:
        yield log


def _write(writer: Any, row: Mapping[str, float | int]) -> None:
    """Writes the metrics of an update; those that are not known yet are left out."""
    for name, value in row.items():
        if name != "steps" and not math.isnan(value):
            writer.add_scalar(name, value, row["steps"])


def _import_tensorboard() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "log='tensorboard' needs the package tensorboardX: "
            'pip install "eqenvs[tensorboard]"',
            name=error.name,
        ) from error
    return SummaryWriter


def _import_wandb() -> Any:
    try:
        import wandb  # pyright: ignore
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "log='wandb' needs the package wandb: pip install \"eqenvs[wandb]\"",
            name=error.name,
        ) from error
    return wandb
