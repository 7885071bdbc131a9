"""The fields of an environment: what a parameter means, and how a value given for it
is checked and turned into an array.

Each parameter is described once, at its field:

```python
class Pendulum(AbstractEnvironment[...]):
    gravity: Float[Array, ""] = eqx.field(
        default=10.0, converter=Real("Acceleration due to gravity.", unit="m/s²")
    )
```

The error messages, the *Arguments* section of the class's docstring and
`eqenvs info` are all made from this description.
"""

import dataclasses
import difflib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike


class AbstractParameter:
    """A description of a field that is also the field's converter."""

    def __init__(self, description: str, *, unit: str = ""):
        self.description = description
        self.unit = unit
        self.name = "this parameter"

    @property
    def allowed(self) -> str:
        """What values are allowed, in words."""
        raise NotImplementedError


class _AbstractNumber(AbstractParameter):
    """A number, or an array of numbers of a fixed shape, stored as an array leaf."""

    def __init__(
        self,
        description: str,
        *,
        unit: str = "",
        minimum: float | int | None = None,
        maximum: float | int | None = None,
        shape: tuple[int | None, ...] = (),
        optional: bool = False,
    ):
        super().__init__(description, unit=unit)
        self.optional = optional
        self.minimum = minimum
        self.maximum = maximum
        self.shape = shape

    singular: str
    plural: str
    dtype: Any
    numpy_kinds: str

    @property
    def allowed(self) -> str:
        sizes = ", ".join("any" if size is None else str(size) for size in self.shape)
        if self.shape:
            text = f"an array of {self.plural} of shape ({sizes})"
        else:
            text = self.singular
        if self.optional:
            text = f"None or {text}"
        match self.minimum, self.maximum:
            case None, None:
                return text
            case minimum, None:
                return f"{text}, at least {minimum:g}"
            case None, maximum:
                return f"{text}, at most {maximum:g}"
            case minimum, maximum:
                return f"{text}, from {minimum:g} to {maximum:g}"

    def __call__(self, value: ArrayLike | Sequence[Any] | None) -> Any:
        if value is None and self.optional:
            return None
        if not isinstance(value, jax.Array):
            try:
                value = np.asarray(value)
            except ValueError:  # a ragged sequence
                value = np.asarray(None)
        is_number = (
            not jnp.issubdtype(value.dtype, jax.dtypes.extended)
            and np.dtype(value.dtype).kind in self.numpy_kinds
        ) or value.dtype == jnp.bfloat16
        if not is_number:
            raise TypeError(
                f"{self.name} must be {self.allowed}; got {value!r}"
                + ("." if value.dtype == object else f" of dtype {value.dtype}.")
            )
        if len(value.shape) != len(self.shape) or any(
            allowed is not None and size != allowed
            for size, allowed in zip(value.shape, self.shape, strict=True)
        ):
            raise ValueError(
                f"{self.name} must be {self.allowed}; got an array of shape "
                f"{value.shape}. (Map over the constructor with `eqx.filter_vmap` to "
                "make a batch of environments.)"
            )
        if not isinstance(value, jax.core.Tracer):
            concrete = np.asarray(value)
            too_low = self.minimum is not None and not np.all(concrete >= self.minimum)
            too_high = self.maximum is not None and not np.all(concrete <= self.maximum)
            if too_low or too_high:
                raise ValueError(f"{self.name} must be {self.allowed}; got {concrete}.")
        return jnp.asarray(value, dtype=self.dtype)


class Real(_AbstractNumber):
    """A real parameter, stored in JAX's default floating-point dtype."""

    singular = "a real number"
    plural = "real numbers"
    dtype = float
    numpy_kinds = "fiu"


class Integer(_AbstractNumber):
    """An integer parameter, stored as an int32."""

    singular = "an integer"
    plural = "integers"
    dtype = jnp.int32
    numpy_kinds = "iu"


class Count(AbstractParameter):
    """A Python integer that decides a shape; for fields that are `static=True`."""

    def __init__(self, description: str, *, unit: str = "", minimum: int = 1):
        super().__init__(description, unit=unit)
        self.minimum = minimum

    @property
    def allowed(self) -> str:
        return f"a Python integer, at least {self.minimum}"

    def __call__(self, value: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{self.name} must be {self.allowed}; got {value!r}.")
        if value < self.minimum:
            raise ValueError(f"{self.name} must be {self.allowed}; got {value!r}.")
        return int(value)


class Flag(AbstractParameter):
    """A Python bool that chooses between two pieces of code; `static=True`."""

    @property
    def allowed(self) -> str:
        return "True or False"

    def __call__(self, value: bool) -> bool:
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{self.name} must be {self.allowed}; got {value!r}.")
        return bool(value)


class Choice(AbstractParameter):
    """One of several names; for fields that are `static=True`."""

    def __init__(self, description: str, *options: str):
        super().__init__(description)
        self.options = options

    @property
    def allowed(self) -> str:
        return "one of " + ", ".join(repr(option) for option in self.options)

    def __call__(self, value: str) -> Any:
        if value not in self.options:
            raise ValueError(f"{self.name} must be {self.allowed}; got {value!r}.")
        return value


class AbstractParametric(eqx.Module):
    """A module whose fields are parameters with a description.

    A concrete subclass is final, knows its parameters by name in its error messages,
    and has an *Arguments* section in its docstring made from their descriptions.
    """

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        for base in cls.__mro__[1:]:
            if issubclass(base, AbstractParametric) and not _is_abstract(base):
                raise TypeError(
                    f"{cls.__name__} cannot subclass {base.__name__}, which is "
                    "concrete and therefore final. Wrap it, or subclass an abstract "
                    "class."
                )
        _describe_parameters(cls)

    def __new__(cls, *args: Any, **kwargs: Any):
        parameters = inspect.signature(cls).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            for name in kwargs:
                if name not in parameters:
                    raise TypeError(unknown_parameter(cls.__name__, name, parameters))
        return super().__new__(cls, *args, **kwargs)

    def __repr__(self) -> str:
        fields = [field.name for field in dataclasses.fields(self)]
        inside = [f"{name}={_show(getattr(self, name))}" for name in fields]
        one_line = f"{type(self).__name__}({', '.join(inside)})"
        if len(one_line) <= 88:
            return one_line
        lines = ",\n".join(inside).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {lines}\n)"


def _show(value: Any) -> str:
    """Numbers as numbers; anything large or not known yet as its shape and dtype."""
    is_known = eqx.is_array(value) and not isinstance(value, jax.core.Tracer)
    is_number = is_known and not jnp.issubdtype(value.dtype, jax.dtypes.extended)
    if is_number and value.size <= 8:
        return np.array2string(np.asarray(value), separator=", ")
    if isinstance(value, AbstractParametric):
        return repr(value)
    return eqx.tree_pformat(value)


def _is_abstract(cls: type) -> bool:
    return cls.__name__.lstrip("_").startswith("Abstract")


def unknown_parameter(owner: str, name: str, allowed: Iterable[str]) -> str:
    """The error message for a parameter that does not exist."""
    allowed = list(allowed)
    close = difflib.get_close_matches(name, allowed, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return (
        f"{owner} has no parameter {name!r}.{hint} Its parameters are: "
        f"{', '.join(allowed)}."
    )


def parameters_of(cls: type) -> dict[str, dataclasses.Field[Any]]:
    """The fields of a class that have a description, by name."""
    return {
        field.name: field
        for field in dataclasses.fields(cls)
        if isinstance(field.metadata.get("converter"), AbstractParameter)
    }


def _describe_parameters(cls: type) -> None:
    # The class is being created, and is no dataclass yet: its fields still stand in
    # its namespace.
    parameters = {
        name: value
        for name, value in vars(cls).items()
        if isinstance(value, dataclasses.Field)
        and isinstance(value.metadata.get("converter"), AbstractParameter)
    }
    for name, field in parameters.items():
        field.metadata["converter"].name = f"{cls.__name__}.{name}"
    doc = inspect.cleandoc(cls.__doc__ or "")
    if parameters and "**Arguments:**" not in doc:
        cls.__doc__ = f"{doc}\n\n{_arguments_section(parameters)}"


def describe_default(field: dataclasses.Field[Any]) -> str:
    """The default of a field as a user would write it; empty if there is none."""
    if field.default is dataclasses.MISSING:
        return ""
    default = field.default
    return f"{default:.6g}" if isinstance(default, float) else repr(default)


def _arguments_section(parameters: Mapping[str, dataclasses.Field[Any]]) -> str:
    lines = []
    for name, field in parameters.items():
        parameter = field.metadata["converter"]
        details = [f"Unit: {parameter.unit}."] if parameter.unit else []
        details.append(f"Allowed: {parameter.allowed}.")
        if default := describe_default(field):
            details.append(f"Default: `{default}`.")
        lines.append(f"- `{name}`: {parameter.description} {' '.join(details)}")
    return "**Arguments:**\n\n" + "\n".join(lines)
