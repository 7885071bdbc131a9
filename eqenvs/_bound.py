"""Modules whose methods work with every transformation of JAX."""

import functools as ft
import inspect
from collections.abc import Callable
from types import MethodType
from typing import Any, TYPE_CHECKING

import equinox as eqx
import jax.tree_util as jtu


class AbstractValue(eqx.Module):
    """A module whose methods can be given to `jax.jit` as well as `equinox.filter_jit`.

    Equinox's bound methods are pytrees, so that `eqx.filter_jit(env.step)` traces the
    parameters of `env`. The methods of this class can also be hashed, as
    `jax.jit(env.step)`, `jax.checkpoint` and `jax.pmap` require; those turn the
    parameters into constants.
    """

    if not TYPE_CHECKING:

        def __getattribute__(self, name: str) -> Any:
            value = object.__getattribute__(self, name)
            is_method = type(value) is MethodType and value.__self__ is self
            if is_method and not name.startswith("__"):
                return BoundMethod(value.__func__, self)
            return value


@jtu.register_pytree_node_class
class BoundMethod:
    """A method of one object: a pytree of that object, hashed by its identity."""

    __slots__ = ("__self__", "__weakref__", "function")

    def __init__(self, function: Callable[..., Any], owner: Any):
        self.function = function
        self.__self__ = owner

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return ft.partial(self.function, self.__self__)

    @property
    def __func__(self) -> Callable[..., Any]:
        return self.function

    @property
    def __name__(self) -> str:
        return self.function.__name__

    @property
    def __doc__(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.function.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.function(self.__self__, *args, **kwargs)
        except TypeError as error:
            # One that no other frame has raised is about the arguments themselves.
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
            raise TypeError(self._wrong_arguments(args, kwargs)) from None

    def _wrong_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        _, *parameters = inspect.signature(self.function).parameters.values()
        allowed = [str(p.replace(annotation=p.empty)) for p in parameters]
        number = f"{len(args)} positional argument{'s' * (len(args) != 1)}"
        got = [number] * bool(args or not kwargs)
        got += [f"the keyword {name!r}" for name in kwargs]
        return (
            f"`{type(self.__self__).__name__}.{self.__name__}` takes "
            f"({', '.join(allowed)}); got {', '.join(got)}."
        )

    def __hash__(self) -> int:
        return hash((self.function, id(self.__self__)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, BoundMethod)
            and self.function is other.function
            and self.__self__ is other.__self__
        )

    def __repr__(self) -> str:
        return f"<{self.function.__qualname__} of {self.__self__!r}>"

    def tree_flatten(self):
        return (self.__self__,), self.function

    @classmethod
    def tree_unflatten(cls, function: Any, children: Any) -> "BoundMethod":
        return cls(function, *children)
