"""Sliders for the fields of an environment, and environments with changed fields."""

import dataclasses
import inspect
import math
from typing import Any

import equinox as eqx
import numpy as np

from ..._environment import is_no_limit, NO_LIMIT
from ..._parametric import described_fields


def sliders_of(env: Any) -> list[dict[str, Any]]:
    """What the page needs to know about the parameters of an environment.

    **Arguments:**

    - `env`: an environment. Its own parameters come first, then those of the
        environments it wraps.

    **Returns:**

    A dictionary for each parameter, with its `path`, `name`, `owner`, `description`,
    `unit` and `value`. Parameters that can be changed during play, which are numbers in
    array leaves, also have a range for a slider (`low`, `high`, `step`).
    """
    found = []
    path = ()
    while dataclasses.is_dataclass(env):
        for name, field in described_fields(type(env)).items():
            value = getattr(env, name)
            parameter = field.parameter
            about = {
                "path": [*path, name],
                "name": name.replace("_", " "),
                "owner": type(env).__name__,
                "description": parameter.description,
                "unit": parameter.unit,
            }
            number = _number(value)
            if is_no_limit(name, number):
                found.append(about | {"value": "no limit"})
            elif number is not None and not parameter.static:
                found.append(about | {"value": number} | _range(parameter, number))
            elif isinstance(value, bool | int | str) and parameter.static:
                found.append(about | {"value": value})
        env, path = getattr(env, "env", None), (*path, "env")
    return found


def _number(value: Any) -> float | int | None:
    """A scalar as a short number; `None` for anything else."""
    if not eqx.is_array(value) or value.ndim or not np.isfinite(value):
        return None
    value = np.asarray(value)
    if np.issubdtype(value.dtype, np.integer):
        return int(value)
    # As many digits as 32 bits hold.
    return float(f"{float(value):.6g}") if value.dtype.kind == "f" else None


def _range(parameter: Any, value: float | int) -> dict[str, Any]:
    low = getattr(parameter, "minimum", None)
    high = getattr(parameter, "maximum", None)
    above = getattr(parameter, "above", None)
    if high is None:
        high = 3 * value if value > 0 else 1.0 if value == 0 else 0.0
        if low is not None or above is not None:
            high = max(high, (low or above or 0) + 1)
    if low is None:
        low = 3 * value if value < 0 else -1.0 if value == 0 else 0.0
        low = min(low, high - 1) if low >= high else low
        low = low if above is None else max(low, above)
    if isinstance(value, int):
        return {"low": int(low), "high": min(int(high), NO_LIMIT), "step": 1}
    step = 10.0 ** math.floor(math.log10((high - low) / 100))
    step *= next(x for x in (1, 2, 5, 10) if (high - low) / (x * step) <= 300)
    low, high = (float(f"{x:.6g}") for x in (low, high))
    if above is not None and low <= above:
        low = float(f"{above + step:.6g}")
    return {"low": low, "high": high, "step": float(f"{step:.6g}")}


def changed(env: Any, path: list[str], value: Any) -> Any:
    """Changes a parameter of an environment.

    The constructor makes the new environment, and so checks the value by itself and
    together with the other parameters.

    **Arguments:**

    - `env`: an environment.
    - `path`: the name of the parameter, preceded by one `"env"` for each wrapper around
        the environment that has it.
    - `value`: the new value.

    **Returns:**

    The new environment.

    **Raises:**

    `TypeError` or `ValueError` if there is no such parameter, or its value is not
    allowed.
    """
    name, *rest = path
    described = described_fields(type(env))
    if name not in described:
        raise ValueError(f"{type(env).__name__} has no parameter {name!r}.")
    if rest:
        value = changed(getattr(env, name), rest, value)
    else:
        value = described[name].parameter(value)
    fields = [field.name for field in dataclasses.fields(env) if field.init]
    if set(fields) <= set(inspect.signature(type(env)).parameters):
        values = {field: getattr(env, field) for field in fields}
        return type(env)(**values | {name: value})
    return eqx.tree_at(
        lambda x: getattr(x, name), env, value, is_leaf=lambda x: x is None
    )
