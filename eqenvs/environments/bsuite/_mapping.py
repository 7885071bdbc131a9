"""Arrays that bsuite draws once per environment, not once per episode."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Array


def choose_mapping(
    owner: str,
    field: str,
    value: Any,
    mapping_seed: int | None,
    key: Any,
    *,
    default_seed: int,
    from_seed: Callable[[int], np.ndarray],
    from_key: Callable[[Any], Array],
) -> Any:
    """Returns `value` if it is given, or else draws it from a seed or a key.

    At most one of `value`, `mapping_seed` and `key` may be given; without any of them
    `default_seed` is used.
    """
    given = {field: value, "mapping_seed": mapping_seed, "key": key}
    names = [name for name, x in given.items() if x is not None]
    if len(names) > 1:
        raise ValueError(
            f"{owner} takes one of {field}, mapping_seed and key; got "
            f"{' and '.join(names)}."
        )
    if value is not None:
        return value
    if key is not None:
        return from_key(key)
    if mapping_seed is None:
        mapping_seed = default_seed
    if isinstance(mapping_seed, bool) or not isinstance(mapping_seed, int | np.integer):
        raise TypeError(
            f"{owner}.mapping_seed must be a Python integer; got {mapping_seed!r}. "
            "(To draw a batch, map over `key`.)"
        )
    return from_seed(int(mapping_seed))
