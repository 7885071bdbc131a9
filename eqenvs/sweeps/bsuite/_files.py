"""The files of a sweep: bsuite's own CSV files, a radar chart and a report."""

import csv
import io
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PyTree

from ..._files import write_safely
from ._counting import columns_of, whole_columns_of
from ._scores import abilities, Columns, scores, TAGS
from ._settings import Setting, setting, settings


_PREFIX = "bsuite_id_-_"


def path_of(folder: pathlib.Path, chosen: Setting) -> pathlib.Path:
    """Where bsuite looks for the results of a setting."""
    return folder / f"{_PREFIX}{chosen.experiment}-{chosen.index}.csv"


def write_rows(
    folder: pathlib.Path, chosen: Setting, rows: Float[np.ndarray, "rows columns"]
) -> None:
    """Writes the results of a setting as bsuite's logger does."""
    columns = columns_of(chosen.experiment)
    whole = whole_columns_of(chosen.experiment)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(
            # The shortest text that reads back as the same number.
            str(int(x)) if name in whole else str(rows.dtype.type(x))
            for name, x in zip(columns, row, strict=True)
        )
    write_safely(path_of(folder, chosen), text.getvalue().encode())


def load(folder: str | os.PathLike[str]) -> dict[str, Columns]:
    """Reads the CSV files of a sweep, written by this library or by bsuite itself.

    **Arguments:**

    - `folder`: the folder of the sweep.

    **Returns:**

    A dictionary from the settings that have a file, in bsuite's order, to their columns
    as arrays.

    **Raises:**

    `FileNotFoundError` if there are no files; `ValueError` if one is damaged.
    """
    found = {}
    for path in pathlib.Path(folder).glob(f"{_PREFIX}*.csv"):
        experiment, _, index = path.stem.removeprefix(_PREFIX).rpartition("-")
        id = setting(f"{experiment}/{index}").id
        found[id] = _read(path)
    if not found:
        raise FileNotFoundError(f"there are no bsuite results in {folder}.")
    return {s.id: found[s.id] for s in settings() if s.id in found}


def _read(path: pathlib.Path) -> Columns:
    lines = list(csv.reader(path.read_text().splitlines()))
    try:
        values = np.array(lines[1:], float).reshape(-1, len(lines[0]))
        columns = {name: values[:, i] for i, name in enumerate(lines[0])}
        if values.size == 0 or "episode" not in columns:
            raise ValueError("it has no rows of episodes")
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path} is not a bsuite results file: {error}.") from error
    return columns


def is_finished(folder: pathlib.Path, chosen: Setting, num_episodes: int) -> bool:
    """Whether the file of a setting exists and is complete."""
    path = path_of(folder, chosen)
    return path.exists() and bool(_read(path)["episode"][-1] == num_episodes)


def unfinished_path(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Where the learners of a program are while it runs."""
    return folder / f"unfinished-{re.sub('[^a-z0-9]+', '-', name)}.npz"


def write_learners(
    path: pathlib.Path, settings: Sequence[Setting], learners: PyTree[Array]
) -> None:
    """Writes the first lanes of some learners, one for each setting."""
    count = len(settings)
    leaves = [np.asarray(x)[:count] for x in _plain_arrays(learners)]
    names = np.array([setting.id for setting in settings])
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, settings=names, **_numbered(leaves))
    write_safely(path, buffer.getvalue())


def read_learners(
    path: pathlib.Path, settings: Sequence[Setting], learners: PyTree[Array]
) -> PyTree[Array]:
    """Some learners, and in their place those that were written, where there are any.

    A file of learners of other shapes, as those of another version may have, is
    ignored.
    """
    if not path.exists():
        return learners
    with np.load(path, allow_pickle=False) as file:
        saved = dict(file)
    names = saved.pop("settings").tolist()
    pairs = [(i, names.index(s.id)) for i, s in enumerate(settings) if s.id in names]
    leaves = _plain_arrays(learners)
    found = [saved.get(name) for name in _numbered(leaves)]
    if not pairs or len(found) != len(saved):
        return learners
    lanes, places = np.array(pairs).T
    mixed = []
    for x, y in zip(leaves, found, strict=True):
        if y is None or (x.shape[1:], x.dtype) != (y.shape[1:], y.dtype):
            return learners
        mixed.append(x.at[lanes].set(y[places]))
    arrays, rest = eqx.partition(learners, eqx.is_array)
    old, structure = jax.tree.flatten(arrays)
    new = [_as_before(x, y) for x, y in zip(old, mixed, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, new), rest)


def _plain_arrays(tree: PyTree) -> list[Array]:
    """The arrays of a tree, those of keys as their words."""
    leaves = jax.tree.leaves(eqx.filter(tree, eqx.is_array))
    return [jr.key_data(x) if _is_key(x) else jnp.asarray(x) for x in leaves]


def _as_before(old: Array, new: Array) -> Array:
    return jr.wrap_key_data(new, impl=jr.key_impl(old)) if _is_key(old) else new


def _is_key(x: Array) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def _numbered(leaves: Sequence[Any]) -> dict[str, Any]:
    return {f"leaf_{i}": leaf for i, leaf in enumerate(leaves)}


def plot_radar(
    path: str | os.PathLike[str], agents: Mapping[str, Mapping[str, float]]
) -> None:
    """Draws bsuite's radar chart, with one axis for each of the seven abilities.

    It needs `pip install "eqenvs[plot]"`.

    **Arguments:**

    - `path`: the PNG file to write.
    - `agents`: a dictionary from names, for the legend, to the abilities of agents, as
        [`eqenvs.sweeps.bsuite.abilities`][] returns them.

    **Raises:**

    `OSError` if `path` cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'the radar chart needs the package matplotlib: pip install "eqenvs[plot]"',
            name=error.name,
        ) from error
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes: Any = figure.add_subplot(projection="polar")
    angles = np.linspace(0, 2 * np.pi, len(TAGS), endpoint=False)
    for name, values in agents.items():
        # Slightly off the center, so an agent without any ability is still visible.
        radii = [max(np.nan_to_num(values[tag]), 0.02) for tag in TAGS]
        closed = ([*angles, angles[0]], [*radii, radii[0]])
        (line,) = axes.plot(*closed, linewidth=2, label=name)
        axes.fill(*closed, color=line.get_color(), alpha=0.2)
    labels = [
        tag.replace("_", " ")
        + ("\n(no results)" if all(np.isnan(a[tag]) for a in agents.values()) else "")
        for tag in TAGS
    ]
    axes.set_xticks(angles, labels)
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        side = np.cos(angle)  # Next to the circle, not across it.
        label.set_ha("center" if abs(side) < 0.4 else "left" if side > 0 else "right")
    axes.set_yticks([0.25, 0.5, 0.75, 1], ["", "0.5", "", "1"])
    axes.set_ylim(0, 1)
    axes.set_rlabel_position(180 / len(TAGS))
    axes.tick_params(pad=6)
    axes.grid(alpha=0.4)
    figure.legend(loc="outside lower center", frameon=False, ncols=3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    write_safely(pathlib.Path(path), buffer.getvalue())


def write_report(
    folder: pathlib.Path, name: str, run: Mapping[str, Any], notes: str
) -> None:
    """Writes the radar chart and `report.md`, which has the scores."""
    results = load(folder)
    by_experiment = scores(results)
    by_tag = abilities(by_experiment)
    plot_radar(folder / "radar.png", {name: by_tag})
    tags = {s.experiment: s.tags for s in settings()}
    counts: dict[str, int] = {}
    for id in results:
        experiment = setting(id).experiment
        counts[experiment] = counts.get(experiment, 0) + 1
    lines = [
        f"# bsuite: {name}",
        "",
        "![Radar of the seven abilities](radar.png)",
        "",
        notes,
        "",
        "| ability | score |",
        "| --- | --- |",
        *(f"| {tag.replace('_', ' ')} | {_show(x)} |" for tag, x in by_tag.items()),
        "",
        "| experiment | score | settings | measures |",
        "| --- | --- | --- | --- |",
        *(
            f"| {experiment} | {_show(score)} | {counts[experiment]} | "
            f"{', '.join(tags[experiment]).replace('_', ' ')} |"
            for experiment, score in by_experiment.items()
        ),
        "",
        "| run | |",
        "| --- | --- |",
        *(f"| {key} | {value} |" for key, value in run.items()),
        "",
    ]
    write_safely(folder / "report.md", "\n".join(lines).encode())


def _show(score: float) -> str:
    return "no results" if np.isnan(score) else f"{score:.3f}"
