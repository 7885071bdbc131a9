"""A choice among a few continuous actions, as in Gymnasium's wrapper of that name."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

from .._environment import AbstractEnvironment, Observation, State
from ..fields import AbstractParameter, environment, flag
from ..spaces import Box, Discrete, MultiDiscrete
from ._spaces import digits, is_bounded_box, require
from ._wrapper import AbstractActionWrapper


class _Counts(AbstractParameter):
    """A positive integer, or several."""

    static = True

    @property
    def allowed(self) -> str:
        return "a Python integer, at least 1, or a sequence of them"

    def __call__(self, value: Any) -> int | tuple[int, ...]:
        is_one = isinstance(value, int | np.integer)
        is_some = isinstance(value, tuple | list | np.ndarray) and np.size(value) > 0
        counts: list[Any] = [value] if is_one else list(value) if is_some else [None]
        for count in counts:
            if isinstance(count, bool) or not isinstance(count, int | np.integer):
                raise TypeError(f"{self.name} must be {self.allowed}; got {value!r}.")
            if not 1 <= count < 2**31:
                raise ValueError(
                    f"{self.name} must be {self.allowed}, less than 2**31; got "
                    f"{value!r}."
                )
        return int(counts[0]) if is_one else tuple(map(int, counts))


class DiscretizeAction(AbstractActionWrapper[State, Int32[Array, "..."], Observation]):
    """Offers `num_bins` values for every number in an action: the centers of equal
    parts of its range.

    ```python
    env = DiscretizeAction(PointRobot(), (3, 5))  # 15 actions
    ```

    The action space is one `Discrete` space of all combinations, in which the last
    number varies fastest; with `multidiscrete`, it is a `MultiDiscrete` space.
    """

    env: AbstractEnvironment[State, Float[Array, "..."], Observation] = environment(
        "The environment, with a bounded `Box` of real numbers as its action space."
    )
    num_bins: int | tuple[int, ...] = _Counts(
        "Number of values for each number in an action: one for all, or one for each."
    ).field()
    multidiscrete: bool = flag(
        False, "Whether each number in an action is a choice of its own."
    )

    def __check_init__(self):
        needs = "a bounded Box of real numbers"
        require(self.env, "action_space", is_bounded_box, self, needs)
        if isinstance(self.num_bins, tuple):
            require(
                self.env,
                "action_space",
                lambda space: math.prod(space.shape) == len(self.num_bins),  # pyright: ignore
                self,
                f"of as many numbers as num_bins={self.num_bins}",
            )
        if not self.multidiscrete:
            require(
                self.env,
                "action_space",
                lambda space: math.prod(self._sizes_of(space)) < 2**31,
                self,
                f"so small that {self.num_bins} values for each number make fewer than "
                "2**31 actions (or use `multidiscrete=True`)",
            )

    def transform_action(self, action: Int32[Array, "..."]) -> Float[Array, "..."]:
        space: Box = self.env.action_space  # pyright: ignore
        if not self.multidiscrete:
            action = jnp.stack(digits(action, self._sizes))
        index = action.reshape(space.shape).astype(space.dtype)
        sizes = np.reshape(self._sizes, space.shape).astype(space.dtype)
        fraction = (index + 0.5) / sizes
        return space.low * (1 - fraction) + space.high * fraction

    @property
    def action_space(self) -> Discrete | MultiDiscrete:
        if self.multidiscrete:
            return MultiDiscrete(self._sizes)
        return Discrete(math.prod(self._sizes))

    @property
    def _sizes(self) -> tuple[int, ...]:
        return self._sizes_of(self.env.action_space)

    def _sizes_of(self, space: Any) -> tuple[int, ...]:
        if isinstance(self.num_bins, tuple):
            return self.num_bins
        return (self.num_bins,) * math.prod(space.shape)
