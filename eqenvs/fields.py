"""The fields of an environment: each function here describes and makes one field.

A parameter is described once, where it is declared:

```python
class Pendulum(AbstractEnvironment[...]):
    gravity: Float[Array, ""] = real(10.0, "Acceleration due to gravity.", unit="m/s²")
    max_steps: Int32[Array, ""] = time_limit(200)
```

Error messages, the *Arguments* section of the class's docstring, `eqenvs info`, the
documentation and saved configurations are all made from this description. A field with
no default is required: `real(description="Length of the arm.", unit="m")`.

Numbers become array leaves, so that they can be batched, differentiated and changed
without recompiling. What decides a shape or chooses between pieces of code is static.
"""

import copy
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jaxtyping import ArrayLike


class AbstractParameter:
    """The description of a field, which is also the field's converter.

    Subclass it for another kind of field: `allowed` says in words which values are
    allowed, and calling the description with a value checks and converts it.

    - `description`: what the parameter means, as a sentence.
    - `unit`: its unit; empty if it has none.
    - `name`: its name in error messages: `"Pendulum.gravity"`. Set for each class that
        has the field.
    - `static`: whether the field is static.
    - `rank`: the number of axes of the array that is stored; `None` if the field is
        static or holds no single array.
    """

    static: bool = False
    rank: int | None = None

    def __init__(self, description: str, *, unit: str = ""):
        self.description = description
        self.unit = unit
        self.name = "this parameter"

    @property
    def allowed(self) -> str:
        """The values that are allowed, in words."""
        raise NotImplementedError

    def __call__(self, value: Any) -> Any:
        """Checks a value and converts it to what is stored."""
        raise NotImplementedError

    def named(self, name: str) -> "AbstractParameter":
        """The same description for a field of another class.

        **Arguments:**

        - `name`: the name of the parameter in error messages, such as
            `"CartPole.gravity"`.

        **Returns:**

        A copy with that name.
        """
        described = copy.copy(self)
        described.name = name
        return described

    def field(self, default: Any = dataclasses.MISSING) -> Any:
        """A dataclass field with this description.

        **Arguments:**

        - `default`: the default value; by default there is none.

        **Returns:**

        What to write after the `=` of a field's declaration.
        """
        if default is dataclasses.MISSING:
            return eqx.field(converter=self, static=self.static)
        return eqx.field(default=default, converter=self, static=self.static)


class _AbstractNumber(AbstractParameter):
    """A number, or an array of numbers of a fixed rank, stored as an array leaf."""

    singular: str
    plural: str
    kinds: tuple[Any, ...]

    def __init__(
        self,
        description: str,
        *,
        unit: str,
        minimum: float | int | None,
        maximum: float | int | None,
        shape: tuple[int | None, ...],
        optional: bool,
        above: float | int | None = None,
        finite: bool = True,
    ):
        super().__init__(description, unit=unit)
        self.minimum = minimum
        self.maximum = maximum
        self.above = above
        self.shape = shape
        self.optional = optional
        self.finite = finite

    @property
    def dtype(self) -> np.dtype:
        raise NotImplementedError

    @property
    def rank(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return len(self.shape)

    @property
    def allowed(self) -> str:
        sizes = ", ".join("any" if size is None else str(size) for size in self.shape)
        sizes += "," if len(self.shape) == 1 else ""
        if self.shape:
            text = f"an array of {self.plural} of shape ({sizes})"
        else:
            text = self.singular
        if self.optional:
            text = f"None or {text}"
        match self.minimum, self.maximum:
            case None, None:
                bounds = []
            case minimum, None:
                bounds = [f"at least {minimum:g}"]
            case None, maximum:
                bounds = [f"at most {maximum:g}"]
            case minimum, maximum:
                bounds = [f"from {minimum:g} to {maximum:g}"]
        if self.above is not None:
            bounds.insert(0, f"greater than {self.above:g}")
        return ", ".join([text, *bounds])

    def __call__(self, value: ArrayLike | Sequence[Any] | str | None) -> Any:
        if value is None and self.optional:
            return None
        value = self._to_array(value)
        if len(value.shape) != self.rank or any(
            size != allowed if allowed is not None else size == 0
            for size, allowed in zip(value.shape, self.shape, strict=True)
        ):
            raise ValueError(
                f"{self.name} must be {self.allowed}; got an array of shape "
                f"{value.shape}. (Map over the constructor with `eqx.filter_vmap` to "
                "make a batch of environments.)"
            )
        if not isinstance(value, jax.core.Tracer):
            self._check_values(np.asarray(value))
        if isinstance(value, np.ndarray) and jax.sharding.get_abstract_mesh().empty:
            # `jnp.asarray` makes the same array, but compiles a program for it.
            with np.errstate(over="ignore"):
                return jax.device_put(value.astype(self.dtype))
        return jnp.asarray(value, dtype=self.dtype)

    def _to_array(self, value: Any) -> jax.Array | np.ndarray:
        given = value
        if not isinstance(value, jax.Array):
            try:
                value = np.asarray(value)
            except ValueError:  # a ragged sequence
                value = np.asarray(None)
            if value.dtype == object and type(given) is int:  # more than 64 bits
                value = np.asarray(math.inf if given > 0 else -math.inf)
        if not any(jnp.issubdtype(value.dtype, kind) for kind in self.kinds):
            if type(given) is int:
                raise ValueError(f"{self.name} must be {self.allowed}; got {given}.")
            is_traced = isinstance(given, jax.core.Tracer)
            got = f"the dtype {value.dtype}" if is_traced else repr(given)
            raise TypeError(f"{self.name} must be {self.allowed}; got {got}.")
        return value

    def _check_values(self, given: np.ndarray) -> None:
        allowed = is_number = True
        if np.dtype(self.dtype).kind == "i":
            limits = np.iinfo(self.dtype)
            if not np.all((given >= limits.min) & (given <= limits.max)):
                raise ValueError(
                    f"{self.name} must be {self.allowed}, and fit 32 bits (from "
                    f"{limits.min} to {limits.max}); got {given}."
                )
        else:
            given = given.astype(np.float64)
            with np.errstate(over="ignore"):
                stored = given.astype(self.dtype)
            is_finite = np.isfinite(stored) if self.finite else ~np.isnan(stored)
            allowed = is_number = bool(np.all(is_finite))
            if self.above is not None:
                # As stored: a number may be too small for the dtype.
                allowed = allowed and bool(np.all(stored > self.above))
        if self.minimum is not None:
            allowed = allowed and bool(np.all(given >= self.minimum))
        if self.maximum is not None:
            allowed = allowed and bool(np.all(given <= self.maximum))
        if not allowed:
            finite = "" if is_number else ", and finite"
            raise ValueError(
                f"{self.name} must be {self.allowed}{finite}; got {given}."
            )


class _Real(_AbstractNumber):
    singular, plural = "a real number", "real numbers"
    kinds = (jnp.floating, jnp.integer)

    @property
    def dtype(self) -> np.dtype:
        return jnp.result_type(float)

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str) and value in ("inf", "-inf"):  # JSON has no infinity
            value = float(value)
        return super().__call__(value)


class _Integer(_AbstractNumber):
    singular, plural = "an integer", "integers"
    kinds = (jnp.integer,)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int32)


class _Count(AbstractParameter):
    static = True

    def __init__(self, description: str, *, unit: str, minimum: int):
        super().__init__(description, unit=unit)
        self.minimum = minimum

    @property
    def allowed(self) -> str:
        return f"a Python integer, at least {self.minimum}"

    def __call__(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{self.name} must be {self.allowed}; got {value!r}.")
        if value < self.minimum:
            raise ValueError(f"{self.name} must be {self.allowed}; got {value!r}.")
        if value >= 2**31:
            allowed = f"{self.allowed} and less than 2**31"
            raise ValueError(f"{self.name} must be {allowed}; got {value!r}.")
        return int(value)


class _Flag(AbstractParameter):
    static = True

    @property
    def allowed(self) -> str:
        return "True or False"

    def __call__(self, value: Any) -> bool:
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{self.name} must be {self.allowed}; got {value!r}.")
        return bool(value)


class _Choice(AbstractParameter):
    static = True

    def __init__(self, description: str, options: Sequence[str]):
        super().__init__(description)
        self.options = tuple(options)

    @property
    def allowed(self) -> str:
        return "one of " + ", ".join(repr(option) for option in self.options)

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, str) or value not in self.options:
            raise ValueError(f"{self.name} must be {self.allowed}; got {value!r}.")
        return value


class _Instance(AbstractParameter):
    """A value of a class, such as the environment that a wrapper wraps."""

    def __init__(self, description: str, class_: Callable[[], type], allowed: str):
        super().__init__(description)
        self._class = class_
        self._allowed = allowed

    @property
    def allowed(self) -> str:
        return self._allowed

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, self._class()):
            raise TypeError(f"{self.name} must be {self.allowed}; got {value!r}.")
        return value


class _Function(AbstractParameter):
    @property
    def allowed(self) -> str:
        return "a callable"

    def __call__(self, value: Any) -> Any:
        if not callable(value):
            raise TypeError(f"{self.name} must be {self.allowed}; got {value!r}.")
        # A plain function is no array leaf: it belongs to the structure.
        leaves, structure = jtu.tree_flatten(value)
        is_leaf = len(leaves) == 1 and structure == jtu.tree_structure(0)
        return jtu.Partial(value) if is_leaf else value


def real(
    default: Any = dataclasses.MISSING,
    description: str = "",
    *,
    unit: str = "",
    minimum: float | int | None = None,
    maximum: float | int | None = None,
    above: float | int | None = None,
    shape: tuple[int | None, ...] = (),
    optional: bool = False,
    finite: bool = True,
) -> Any:
    """A field for a real number, stored in JAX's default floating-point dtype.

    NaN is never allowed.

    **Arguments:**

    - `default`: the default value.
    - `description`: what the parameter means, as a sentence.
    - `unit`: its unit, such as `"m/s²"`.
    - `minimum`, `maximum`: the smallest and the largest number allowed.
    - `above`: a number that the parameter must exceed, such as 0 if the dynamics divide
        by it.
    - `shape`: the shape of an array of numbers; `None` for a size that is free, but
        not 0.
    - `optional`: whether `None` is allowed.
    - `finite`: whether infinity is refused.

    **Returns:**

    A field.
    """
    return _Real(
        description,
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        above=above,
        shape=shape,
        optional=optional,
        finite=finite,
    ).field(default)


def integer(
    default: Any = dataclasses.MISSING,
    description: str = "",
    *,
    unit: str = "",
    minimum: int | None = None,
    maximum: int | None = None,
    shape: tuple[int | None, ...] = (),
    optional: bool = False,
) -> Any:
    """A field for an integer that decides no shape, stored as an int32 array.

    **Arguments:**

    Those of [`eqenvs.fields.real`][].

    **Returns:**

    A field.
    """
    return _Integer(
        description,
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        shape=shape,
        optional=optional,
    ).field(default)


def count(
    default: Any = dataclasses.MISSING,
    description: str = "",
    *,
    unit: str = "",
    minimum: int = 1,
) -> Any:
    """A field for a Python integer that decides a shape; it is static.

    **Arguments:**

    - `default`: the default value.
    - `description`: what the parameter means, as a sentence.
    - `unit`: its unit.
    - `minimum`: the smallest number allowed.

    **Returns:**

    A field.
    """
    return _Count(description, unit=unit, minimum=minimum).field(default)


def flag(default: Any = dataclasses.MISSING, description: str = "") -> Any:
    """A field for a Python bool that chooses between two pieces of code; it is static.

    **Arguments:**

    - `default`: the default value.
    - `description`: what the parameter means, as a sentence.

    **Returns:**

    A field.
    """
    return _Flag(description).field(default)


def choice(
    default: Any = dataclasses.MISSING,
    description: str = "",
    *,
    options: Sequence[str],
) -> Any:
    """A field for one of several names; it is static.

    **Arguments:**

    - `default`: the default value.
    - `description`: what the parameter means, as a sentence.
    - `options`: the names.

    **Returns:**

    A field.
    """
    return _Choice(description, options).field(default)


def time_limit(default: Any = dataclasses.MISSING, description: str = "") -> Any:
    """The field `max_steps`: the number of steps after which an episode is truncated.

    **Arguments:**

    - `default`: the default value, an integer of at least 1.
    - `description`: a sentence to replace the usual one.

    **Returns:**

    A field.
    """
    description = description or "Number of steps after which an episode is truncated."
    return integer(default, description, minimum=1)


def environment(description: str = "The environment that is wrapped.") -> Any:
    """The field `env` of a wrapper: an environment; it is required.

    **Arguments:**

    - `description`: what the environment is for, as a sentence.

    **Returns:**

    A field.
    """

    def environment_class() -> type:
        from ._environment import AbstractEnvironment

        return AbstractEnvironment

    return _Instance(description, environment_class, "an environment").field()


def space(description: str) -> Any:
    """A field for a space; it is required.

    **Arguments:**

    - `description`: what the space is for, as a sentence.

    **Returns:**

    A field.
    """

    def space_class() -> type:
        from .spaces import AbstractSpace

        return AbstractSpace

    return _Instance(description, space_class, "a space").field()


def function(default: Any = dataclasses.MISSING, description: str = "") -> Any:
    """A field for a callable. One that is a pytree, such as an `equinox.Module`, keeps
    its arrays as leaves.

    **Arguments:**

    - `default`: the default value.
    - `description`: what the function takes and returns, as a sentence.

    **Returns:**

    A field.
    """
    return _Function(description).field(default)


__all__ = [
    "AbstractParameter",
    "choice",
    "count",
    "environment",
    "flag",
    "function",
    "integer",
    "real",
    "space",
    "time_limit",
]
