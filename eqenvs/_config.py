"""Configurations of described objects: `to_config(env)` and back."""

import contextlib
import dataclasses
import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np

from ._parametric import (
    AbstractParametric,
    described_fields,
    unknown_parameter,
)
from .spaces import AbstractSpace, Box, Dict, Discrete, MultiDiscrete, Tuple


def to_config(object: AbstractParametric) -> dict[str, Any]:
    """Writes an environment, a wrapper or an algorithm as a configuration, complete
    with its defaults.

    ```python
    >>> to_config(CartPole())
    {"class": "eqenvs:CartPole", "gravity": 9.8, "cart_mass": 1.0, ...}
    ```

    **Arguments:**

    - `object`: an object of a class of described fields.

    **Returns:**

    A dictionary. The entry `"class"` says where to import the class from. For each
    field there is a bool, integer, float or string, `None`, a list of these, a NumPy
    array, or another configuration if the field holds such an object. Floats are the
    shortest that read back as the same number, and infinity is `"inf"`, so everything
    except the arrays can be written as JSON.

    **Raises:**

    `TypeError` if `object` is not of such a class; `ValueError` if it is being traced,
    or holds a function that cannot be imported by name.
    """
    if not isinstance(object, AbstractParametric):
        raise TypeError(
            "to_config takes an environment, a wrapper or an algorithm; got "
            f"{object!r}."
        )
    name = type(object).__name__
    config: dict[str, Any] = {"class": _path_of(type(object))}
    parts = {
        x.name: getattr(object, x.name) for x in dataclasses.fields(object) if x.init
    }
    # An argument of the constructor may differ from the field it becomes.
    if hasattr(object, "_write_parts"):
        parts = object._write_parts(parts)  # pyright: ignore[reportAttributeAccessIssue]
    return config | {key: _write(x, f"{name}.{key}") for key, x in parts.items()}


def from_config(config: Mapping[str, Any]) -> Any:
    """Makes the object that a configuration of [`eqenvs.to_config`][] describes.

    A missing field, as in a configuration written before the field existed, gets its
    default, with a warning.

    **Arguments:**

    - `config`: a configuration.

    **Returns:**

    The object.

    **Raises:**

    `TypeError` or `ValueError` if there is no such class, an entry is not one of its
    fields, or a value is not allowed; the message names it.
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("class"), str):
        raise TypeError(
            "a configuration must be a dictionary with the entry 'class', such as "
            f"'eqenvs:CartPole'; got {config!r}."
        )
    cls = _imported(config["class"], "class")
    if not (isinstance(cls, type) and issubclass(cls, AbstractParametric)):
        raise TypeError(
            "the class of a configuration must have described fields; got "
            f"{config['class']!r}, which is {cls!r}."
        )
    fields = [field.name for field in dataclasses.fields(cls) if field.init]
    values = {name: _read(x) for name, x in config.items() if name != "class"}
    if hasattr(cls, "_read_parts"):
        values = cls._read_parts(values)  # pyright: ignore[reportAttributeAccessIssue]
        fields = list(inspect.signature(cls).parameters)
    for name in values:
        if name not in fields:
            raise TypeError(unknown_parameter(cls.__name__, name, fields))
    missing = [name for name in fields if name not in values]
    if missing:
        warnings.warn(
            f"the configuration of {cls.__name__} has no {', '.join(missing)}: it was "
            "written by another version. Using the default.",
            stacklevel=2,
        )
    return _make(cls, values)


def _make(cls: type, values: dict[str, Any]) -> Any:
    """Calls the constructor. Values with one more axis than described are those of a
    batch, which the constructor would refuse: it gets the first of them."""
    described = described_fields(cls)
    batched = {}
    for name, value in values.items():
        rank = described[name].parameter.rank if name in described else None
        is_array = isinstance(value, np.ndarray | jax.Array) and np.size(value) > 0
        if is_array and rank is not None and np.ndim(value) == rank + 1:
            batched[name] = value
    object = cls(**values | {name: value[0] for name, value in batched.items()})
    for name, value in batched.items():
        entries = [described[name].parameter(entry) for entry in value]
        object = eqx.tree_at(
            lambda x, name=name: getattr(x, name), object, jnp.stack(entries)
        )
    return object


def _write(value: Any, name: str) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, tuple):
        return [_write(x, name) for x in value]
    if isinstance(value, AbstractParametric):
        return to_config(value)
    if isinstance(value, AbstractSpace):
        return _write_space(value, name)
    if isinstance(value, Mapping):
        return {key: _write(x, f"{name}[{key!r}]") for key, x in value.items()}
    if isinstance(value, tuple) and all(isinstance(x, int) for x in value):
        return list(value)
    if isinstance(value, jax.core.Tracer):
        raise ValueError(f"{name} is being traced and has no value yet.")
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        value = np.asarray(value)
        return value if value.ndim > 0 else _write_number(value)
    if isinstance(value, float):
        return _write_number(np.float64(value))
    if made := getattr(value, "made", None):  # an environment of another library
        id, parameters = made
        inside = {key: _write(x, f"{name}.{key}") for key, x in parameters.items()}
        return {"make": id, "parameters": inside}
    if isinstance(value, jtu.Partial) and not value.args and not value.keywords:
        value = value.func
    if callable(value) and not isinstance(value, eqx.Module):
        return {"function": _path_of(value)}
    raise TypeError(f"{name} cannot be written to a configuration: {value!r}.")


def _write_space(space: AbstractSpace, name: str) -> dict[str, Any]:
    match space:
        case Box():
            low, high = np.asarray(space.low), np.asarray(space.high)
            inside = {"low": low, "high": high, "dtype": str(space.dtype)}
        case Discrete():
            inside = {"n": space.n}
        case MultiDiscrete():
            inside = {"nvec": list(space.nvec)}
        case Tuple():
            inside = {"spaces": [_write_space(part, name) for part in space.spaces]}
        case Dict():
            parts = space.spaces
            inside = {"spaces": {key: _write_space(parts[key], name) for key in parts}}
        case _:
            raise TypeError(f"{name} cannot be written to a configuration: {space!r}.")
    return {"space": _path_of(type(space)), **inside}


def _read_space(config: Mapping[str, Any]) -> AbstractSpace:
    inside = {name: value for name, value in config.items() if name != "space"}
    match inside.get("spaces"):
        case list() as parts:
            inside["spaces"] = [_read_space(part) for part in parts]
        case Mapping() as parts:
            inside["spaces"] = {key: _read_space(parts[key]) for key in parts}
    return _imported(config["space"], "space")(**inside)


def _write_number(value: Any) -> bool | int | float | str:
    number = value.item()
    if isinstance(number, float):
        if not np.isfinite(number):
            return str(number)
        return float(str(value))  # the shortest that reads back as the same
    return number


def _read(value: Any) -> Any:
    if isinstance(value, Mapping) and "class" in value:
        return from_config(value)
    if isinstance(value, Mapping) and "space" in value:
        return _read_space(value)
    if isinstance(value, Mapping) and set(value) == {"make", "parameters"}:
        from ._registry import make

        return getattr(make(value["make"], **value["parameters"]), "original")  # noqa: B009
    if isinstance(value, Mapping) and set(value) == {"function"}:
        return _imported(value["function"], "function")
    if isinstance(value, list):
        with contextlib.suppress(ValueError):  # a ragged one: the field refuses it
            return np.asarray(value)
    return value


def _path_of(value: Any) -> str:
    """Where a class or a function is imported from, as `"module:name"`: the shortest
    package that has it under its name."""
    module, name = value.__module__, value.__qualname__
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        package = ".".join(parts[:end])
        if getattr(sys.modules.get(package), name, None) is value:
            return f"{package}:{name}"
    raise ValueError(
        f"{value!r} cannot be written to a configuration: it cannot be imported from "
        f"{module!r} by its name. Define it at the top level of a module."
    )


def _imported(path: str, what: str) -> Callable[..., Any]:
    try:
        module, name = path.split(":")
        return getattr(importlib.import_module(module), name)
    except (ValueError, ImportError, AttributeError) as error:
        hint = ""
        if path.startswith("__main__:"):
            hint = (
                " (The script or notebook that wrote it defines it. Define it here "
                "too, or in a module that both import.)"
            )
        raise ValueError(
            f"the {what} {path!r} of a configuration cannot be imported: {error}.{hint}"
        ) from None
