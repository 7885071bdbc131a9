"""Wrappers on the command line: by name, or of the user's own."""

import difflib
from collections.abc import Sequence

from .. import wrappers
from .._environment import AbstractEnvironment
from ._algorithms import import_class
from ._arguments import parse


# What an algorithm has in place of each.
_WITH_STATISTICS = {
    "NormalizeObservation": "--agent.scale-observations True",
    "NormalizeReward": "--agent.reward-scale",
}


def wrap(env: AbstractEnvironment, words: Sequence[str]) -> AbstractEnvironment:
    """Puts wrappers around an environment, the first of them innermost.

    **Arguments:**

    - `env`: the environment.
    - `words`: names of wrappers, each followed by its parameters as `name=value`. A
        class of the user's own is written `"module:Class"`.

    **Raises:**

    `TypeError` or `ValueError` if there is no such wrapper or parameter, or its value
    is not allowed.
    """
    chosen: list[tuple[str, list[str]]] = []
    for word in words:
        if "=" not in word:
            chosen.append((word, []))
        elif chosen:
            chosen[-1][1].append(word)
        else:
            raise ValueError(
                f"--wrappers must begin with the name of a wrapper; got {word!r}."
            )
    for name, assignments in chosen:
        wrapper, parameters = _find(name), parse(assignments)
        if name in _WITH_STATISTICS and not {"mean", "variance"} & {*parameters}:
            raise ValueError(
                f"training does not update the statistics of {name}: give it a mean or "
                f"a variance, or use {_WITH_STATISTICS[name]} instead."
            )
        env = wrapper(env, **parameters)
    return env


def _find(name: str) -> type[wrappers.AbstractWrapper]:
    if name.count(":") == 1:
        return import_class(name, "wrapper", "eqenvs.wrappers:AbstractWrapper")
    known = {
        key: x
        for key, x in vars(wrappers).items()
        if isinstance(x, type)
        and issubclass(x, wrappers.AbstractWrapper)
        and not key.startswith("Abstract")
    }
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"there is no wrapper {name!r}.{hint} One of your own is written "
            "'module:Class'."
        )
    return known[name]
