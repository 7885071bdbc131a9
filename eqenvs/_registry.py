"""The names of environments and the facts about each: `make("CartPole-v1")`."""

import dataclasses
import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ._environment import AbstractEnvironment
from ._parametric import unknown_parameter


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvironmentSpec:
    """The facts about a registered environment.

    - `id`: its name, such as `"CartPole-v1"`.
    - `entry_point`: a class or function that returns it, or a string
        `"package.module:Class"` to import that from.
    - `family`: the family it belongs to, such as `"classic control"`.
    - `parameters`: the parameters that distinguish it from other ids of the same class.
    - `solved_return`: the mean return of an episode that counts as solved; `None` if
        there is no such number.
    - `training`: a dictionary from names of algorithms, such as `"ppo"`, to settings
        known to work; `"num_steps"` is the number of steps to train for, and
        `"parameters"` has those of the environment that differ in training.
    - `frames_per_second`: the number of steps per second in videos and when played by
        hand.
    """

    id: str
    entry_point: str | Callable[..., AbstractEnvironment]
    family: str = ""
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    solved_return: float | None = None
    training: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    frames_per_second: float = 15.0

    @property
    def factory(self) -> Callable[..., AbstractEnvironment]:
        """The class or function that makes the environment.

        **Raises:**

        `ImportError` if it cannot be imported.
        """
        if not isinstance(self.entry_point, str):
            return self.entry_point
        module, name = self.entry_point.split(":")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ImportError(
                f"the entry point {self.entry_point!r} of {self.id!r} cannot be "
                f"imported: {error}."
            ) from error

    @property
    def summary(self) -> str:
        """The first line of the class's docstring."""
        lines = (self.factory.__doc__ or "").strip().splitlines()
        return lines[0] if lines else ""

    def make(self, **parameters: Any) -> AbstractEnvironment:
        """Makes the environment, as [`eqenvs.make`][] does.

        **Arguments:**

        - `**parameters`: the environment's parameters, as its class takes them.

        **Returns:**

        The environment.

        **Raises:**

        `TypeError` or `ValueError` if there is no such parameter, its value is not
        allowed, or the entry point returns no environment.
        """
        factory = self.factory
        allowed = inspect.signature(factory).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in allowed.values()):
            for name in parameters:
                if name not in allowed:
                    raise TypeError(unknown_parameter(self.id, name, allowed))
        env = factory(**{**self.parameters, **parameters})
        if not isinstance(env, AbstractEnvironment):
            raise TypeError(
                f"the entry point of {self.id!r}, {self.entry_point!r}, must return an "
                f"environment; it returned {env!r}."
            )
        return env


_registry: dict[str, EnvironmentSpec] = {}

# For each prefix of ids of other libraries' environments, the adapter and the library.
_LIBRARIES = {
    "brax": ("brax", "Brax"),
    "envelope": ("envelope", "jax-envelope"),
    "gymnasium": ("gymnasium", "Gymnasium"),
    "gymnax": ("gymnax", "gymnax"),
    "jumanji": ("jumanji", "Jumanji"),
    "navix": ("navix", "Navix"),
    "pgx": ("pgx", "Pgx"),
    "playground": ("playground", "MuJoCo Playground"),
}
PREFIXES = (*_LIBRARIES, "bsuite")
"""What ids of other libraries' environments begin with, before a colon."""


def is_foreign(id: str) -> bool:
    """Whether an id has a known prefix, such as `"brax:ant"` or `"bsuite:catch/3"`."""
    return id.partition(":")[0] in PREFIXES and ":" in id


def _foreign_spec(id: str) -> EnvironmentSpec:
    """The facts about another library's environment. Nothing is imported."""
    prefix, _, name = id.partition(":")
    if prefix == "bsuite":
        return _bsuite_spec(id, name)
    if prefix not in _LIBRARIES or not name:
        raise ValueError(
            f"there is no environment with the id {id!r}. Those of other libraries are "
            f"called 'PREFIX:NAME', where PREFIX is one of {', '.join(_LIBRARIES)} or "
            "bsuite."
        )
    module, library = _LIBRARIES[prefix]

    def entry_point(**parameters: Any) -> AbstractEnvironment:
        # `eqenvs.adapters` says what to install if the library is missing.
        adapters = importlib.import_module(".adapters", __package__)
        return adapters._adapter(module).make(name, **parameters)

    entry_point.__doc__ = f"{name} of {library}."
    return EnvironmentSpec(id=id, entry_point=entry_point, family=library)


def _bsuite_spec(id: str, name: str) -> EnvironmentSpec:
    """The facts about one of bsuite's settings."""
    sweep = importlib.import_module(".sweeps.bsuite", __package__)
    sweep.setting(name)

    def entry_point(**parameters: Any) -> AbstractEnvironment:
        return sweep.make(name, **parameters)

    entry_point.__doc__ = f"The setting {name} of bsuite."
    return EnvironmentSpec(id=id, entry_point=entry_point, family="bsuite")


def register(
    id: str, entry_point: str | Callable[..., AbstractEnvironment], **facts: Any
) -> None:
    """Registers an environment under a name for [`eqenvs.make`][].

    ```python
    register("MyMaze-v0", MyMaze, family="mazes", solved_return=0.9)
    ```

    **Arguments:**

    - `id`: the name, such as `"CartPole-v1"`.
    - `entry_point`: a class or function that returns an environment, or a string
        `"package.module:Class"` to import it from.
    - `**facts`: the other fields of [`eqenvs.EnvironmentSpec`][].

    **Raises:**

    `TypeError` if the entry point is neither, or a class that is not an environment, or
    there is no such field; `ValueError` if the name is taken, except that a cell of a
    notebook may run again.
    """
    if not isinstance(id, str) or not id:
        raise TypeError(f"an id must be a string that is not empty; got {id!r}.")
    is_path = isinstance(entry_point, str) and entry_point.count(":") == 1
    if not callable(entry_point) and not is_path:
        raise TypeError(
            "an entry point must be a class, a function or a string of the form "
            f"'package.module:Class'; got {entry_point!r}."
        )
    if isinstance(entry_point, type) and not issubclass(
        entry_point, AbstractEnvironment
    ):
        raise TypeError(
            "an entry point that is a class must be a subclass of "
            f"`eqenvs.AbstractEnvironment`; got {entry_point!r}."
        )
    known = [field.name for field in dataclasses.fields(EnvironmentSpec)]
    for name in facts:
        if name not in known:
            raise TypeError(unknown_parameter("EnvironmentSpec", name, known))
    if id in _registry and not _is_again(_registry[id].entry_point, entry_point):
        raise ValueError(
            f"the id {id!r} is already registered, for "
            f"{_registry[id].entry_point!r}. Choose another."
        )
    _registry[id] = EnvironmentSpec(id=id, entry_point=entry_point, **facts)


def _is_again(first: Any, second: Any) -> bool:
    """Whether a cell of a notebook, which defines and registers an environment, runs
    again."""
    names = [getattr(x, "__qualname__", None) for x in (first, second)]
    modules = {getattr(x, "__module__", None) for x in (first, second)}
    return modules == {"__main__"} and names[0] == names[1]


def registered() -> tuple[str, ...]:
    """The names that [`eqenvs.make`][] accepts, in order of registration."""
    return tuple(_registry)


def spec(id: str) -> EnvironmentSpec:
    """The facts about an environment.

    **Arguments:**

    - `id`: as for [`eqenvs.make`][].

    **Returns:**

    An [`eqenvs.EnvironmentSpec`][].

    **Raises:**

    `ValueError` if there is no such id; the message suggests similar ones.
    """
    if isinstance(id, str) and id not in _registry and ":" in id:
        return _foreign_spec(id)
    if not isinstance(id, str) or id not in _registry:
        close = difflib.get_close_matches(str(id), _registry, n=3, cutoff=0.4)
        if not close:
            lowered = {known.lower(): known for known in _registry}
            matches = difflib.get_close_matches(str(id).lower(), lowered, 3, 0.3)
            close = [lowered[match] for match in matches]
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise ValueError(
            f"there is no environment with the id {id!r}.{hint} "
            "`eqenvs.registered()` returns all ids."
        )
    return _registry[id]


def make(id: str, **parameters: Any) -> AbstractEnvironment:
    """Makes an environment by its name.

    ```python
    env = make("CartPole-v1", gravity=3.7)
    ant = make("brax:ant", backend="spring", max_steps=500)
    ```

    **Arguments:**

    - `id`: one of [`eqenvs.registered`][]`()`, such as `"CartPole-v1"`; or the name of
        an environment of another library after `brax:`, `envelope:`, `gymnasium:`,
        `gymnax:`, `jumanji:`, `navix:`, `pgx:` or `playground:`; or one of bsuite's
        settings, such as `"bsuite:cartpole_noise/3"`.
    - `**parameters`: the environment's parameters, as its class takes them; for one of
        another library, `max_steps` and what that library's own `make` takes.

    **Returns:**

    The environment.

    **Raises:**

    `ValueError` if there is no such id; `TypeError` or `ValueError` if there is no such
    parameter, or its value is not allowed; `ModuleNotFoundError` if the other library
    is not installed.
    """
    return spec(id).make(**parameters)
