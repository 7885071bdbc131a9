"""Classes of described fields: error messages, documentation and batching."""

import dataclasses
import difflib
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TYPE_CHECKING

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jaxtyping import PyTree

from ._bound import AbstractValue
from .fields import AbstractParameter


if TYPE_CHECKING:
    # A constructor takes Python numbers where the fields are arrays. A type checker
    # that made the constructor from the fields would refuse `CartPole(gravity=9.8)`.
    import abc
    from typing import ClassVar

    class AbstractDescribed(abc.ABC):
        __dataclass_fields__: ClassVar[dict[str, Any]]

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...  # noqa: B027

else:
    AbstractDescribed = AbstractValue


class AbstractParametric(AbstractDescribed):
    """A module whose fields are described by the functions of `eqenvs.fields`.

    A concrete subclass is final. Its error messages name its parameters, and the
    *Arguments* section of its docstring is made from their descriptions.
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
        _name_fields(cls)
        _document(cls)

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
    """Numbers as numbers; large or traced arrays as their shape and dtype."""
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
        f"{', '.join(allowed) or 'none'}."
    )


# Descriptions.


@dataclasses.dataclass(frozen=True)
class DescribedField:
    """A field of a class and its description."""

    name: str
    parameter: AbstractParameter
    default: Any  # dataclasses.MISSING if there is none

    @property
    def default_text(self) -> str:
        """The default as a user would write it; empty if there is none."""
        if self.default is dataclasses.MISSING:
            return ""
        if isinstance(self.default, float):
            return f"{self.default:.6g}"
        return repr(self.default)


def described_fields(cls: type) -> dict[str, DescribedField]:
    """The fields of a class that are described, by name.

    **Arguments:**

    - `cls`: a subclass of `AbstractParametric`.
    """
    described = {}
    for field in dataclasses.fields(cls):
        parameter = _description(field)
        if parameter is not None:
            described[field.name] = DescribedField(field.name, parameter, field.default)
    return described


def converted(cls: type, name: str, value: Any) -> Any:
    """`value`, checked and converted by the field `name` of `cls`; for an `__init__`
    that needs one field to make another."""
    return described_fields(cls)[name].parameter(value)


def _description(field: Any) -> AbstractParameter | None:
    if not isinstance(field, dataclasses.Field):
        return None
    parameter = field.metadata.get("converter")
    return parameter if isinstance(parameter, AbstractParameter) else None


def _name_fields(cls: type) -> None:
    """Gives a class that is being created its own copies of all descriptions, inherited
    ones included, so that error messages can name the class."""
    inherited: dict[str, dataclasses.Field[Any]] = {}
    annotations: dict[str, Any] = {}
    for base in reversed(cls.__mro__[1:]):
        inherited |= vars(base).get("__dataclass_fields__", {})
        annotations |= inspect.get_annotations(base)
    if "__annotations__" not in vars(cls):
        cls.__annotations__ = {}
    candidates = {name: inherited[name] for name in inherited if name not in vars(cls)}
    for name, field in (candidates | dict(vars(cls))).items():
        parameter = _description(field)
        if parameter is not None:
            metadata = {
                **field.metadata,
                "converter": parameter.named(f"{cls.__name__}.{name}"),
            }
            setattr(cls, name, _copy_field(field, metadata))
            if name not in cls.__annotations__:
                cls.__annotations__[name] = annotations.get(name, Any)


def _copy_field(field: dataclasses.Field[Any], metadata: dict[str, Any]) -> Any:
    kwargs: dict[str, Any] = {"metadata": metadata, "init": field.init}
    if field.default is not dataclasses.MISSING:
        kwargs["default"] = field.default
    if field.default_factory is not dataclasses.MISSING:
        kwargs["default_factory"] = field.default_factory
    if field.kw_only is not dataclasses.MISSING:
        kwargs["kw_only"] = field.kw_only
    return dataclasses.field(**kwargs)


def _document(cls: type) -> None:
    # The class is still being created and is not a dataclass yet: its fields are in
    # its namespace.
    doc = inspect.cleandoc(cls.__doc__ or "")
    if "**Arguments:**" in doc:
        return
    lines = []
    for name, field in vars(cls).items():
        parameter = _description(field)
        if parameter is None:
            continue
        details = [f"Unit: {parameter.unit}."] if parameter.unit else []
        details.append(f"Allowed: {parameter.allowed}.")
        if default := DescribedField(name, parameter, field.default).default_text:
            details.append(f"Default: `{default}`.")
        lines.append(f"- `{name}`: {parameter.description} {' '.join(details)}")
    if lines:
        cls.__doc__ = f"{doc}\n\n**Arguments:**\n\n" + "\n".join(lines)


# Batches: objects some of whose leaves have one more leading axis than described.


def leaf_ranks(value: Any) -> list[tuple[str, int | None]]:
    """The path of every leaf, and its number of axes when not batched.

    The rank comes from the description of a field or from its jaxtyping annotation, and
    is `None` if neither has it.
    """
    if not isinstance(value, AbstractParametric):
        # Only spaces know: they store their shape.
        nodes, _ = jtu.tree_flatten_with_path(value, is_leaf=_has_rank)
        return [
            (jtu.keystr((*path, *below)), node._rank if _has_rank(node) else None)
            for path, node in nodes
            for below, _ in jtu.tree_leaves_with_path(node)
        ]
    ranks: list[tuple[str, int | None]] = []
    for field in dataclasses.fields(value):
        if field.metadata.get("static", False):
            continue
        inside = getattr(value, field.name)
        parameter = _description(field)
        rank = _annotated_rank(field.type) if parameter is None else parameter.rank
        if rank is None:
            below = leaf_ranks(inside)
        else:
            below = [
                (jtu.keystr(path), rank)
                for path, _ in jtu.tree_leaves_with_path(inside)
            ]
        ranks += [(f".{field.name}{path}", rank) for path, rank in below]
    return ranks


def _has_rank(value: Any) -> bool:
    return isinstance(value, AbstractValue) and hasattr(value, "_rank")


def _annotated_rank(annotation: Any) -> int | None:
    dims = getattr(annotation, "dims", None)
    if not isinstance(dims, tuple):
        return None
    is_variadic = any("Variadic" in type(dim).__name__ for dim in dims)
    return None if is_variadic else len(dims)


def batch_axes(
    value: Any, size: int | None = None, size_name: str = ""
) -> PyTree[int | None]:
    """The batch axis of every leaf: 0 if it has a leading axis for the batch, or else
    `None`.

    **Arguments:**

    - `value`: an object, such as an environment.
    - `size`: the size of the batch; by default that of the leaves that have one.
    - `size_name`: the text before it in an error message, such as `"num_envs="`.

    **Returns:**

    A pytree of the structure of `value`.

    **Raises:**

    `ValueError` if a leaf neither has the described shape nor one more leading axis of
    this size.
    """
    leaves, structure = jtu.tree_flatten(value)
    ranks = leaf_ranks(value)
    is_batched = [
        rank is not None and eqx.is_array(leaf) and leaf.ndim != rank
        for leaf, (_, rank) in zip(leaves, ranks, strict=True)
    ]
    some_batched = any(is_batched)
    if size is None and some_batched:
        size = leaves[is_batched.index(True)].shape[0]
    axes: list[int | None] = []
    for leaf, (path, rank), batched in zip(leaves, ranks, is_batched, strict=True):
        if rank is None:
            # Its rank is unknown: it follows the others.
            batched = some_batched and eqx.is_array(leaf) and leaf.shape[:1] == (size,)
        elif batched and (leaf.ndim != rank + 1 or leaf.shape[0] != size):
            usual = f"{rank} axes" if rank != 1 else "1 axis"
            raise ValueError(
                f"`{path[1:]}` of {type(value).__name__} must have {usual}, or for a "
                f"batch one more, of size {size_name}{size}; got the shape "
                f"{leaf.shape}."
            )
        axes.append(0 if batched else None)
    return jtu.tree_unflatten(structure, axes)


def is_batched(axes: PyTree[int | None]) -> bool:
    """Whether any leaf is batched, given the result of `batch_axes`."""
    return any(axis == 0 for axis in jax.tree.leaves(axes))


def map_leaves(function: Callable[[Any], Any], value: Any, axes: PyTree) -> Any:
    """Applies `function` to every batched leaf and keeps the others."""
    return jax.tree.map(
        lambda axis, leaf: leaf if axis is None else function(leaf),
        axes,
        value,
        is_leaf=lambda axis: axis is None,
    )
