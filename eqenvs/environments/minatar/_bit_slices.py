"""Small integers for 32 slots at once, bit by bit.

A game with a changing number of objects gives each of them one of 32 slots. A boolean
property of an object is then one bit of a word, and an integer takes one word for each
of its binary digits ("bit slicing"). A few bitwise operations do the arithmetic of all
slots together, and they vectorize over the lanes of a batch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, UInt32


Slots = UInt32[Array, ""]  # a set of slots: bit `i` is one if slot `i` belongs to it

NO_SLOT, ALL_SLOTS = np.uint32(0), np.uint32(2**32 - 1)


def slots_if(condition: Bool[Array, "*shape"]) -> UInt32[Array, "*shape"]:
    """All slots where `condition` holds, no slot elsewhere."""
    return jnp.where(condition, ALL_SLOTS, NO_SLOT)


def lowest(slots: Slots) -> Slots:
    """The lowest of some slots; none if there is none."""
    return slots & -slots


class Numbers(eqx.Module):
    """An unsigned integer for each of 32 slots, modulo `2**len(digits)`.

    `digits[k]` are the slots whose number has a one in the place of `2**k`.
    """

    digits: tuple[Slots, ...]

    @classmethod
    def zeros(cls, num_digits: int) -> "Numbers":
        """The number zero in every slot."""
        return cls((jnp.uint32(0),) * num_digits)

    def equal(self, value: Any) -> UInt32[Array, "..."]:
        """The slots whose number is `value`; for an array of values, the slots for each
        of them."""
        different: Any = NO_SLOT
        for digit, other in zip(self.digits, self._digits_of(value), strict=True):
            different = different | (digit ^ other)
        return ~different

    def is_zero(self) -> Slots:
        """The slots whose number is zero."""
        return self.equal(np.int32(0))

    def replace(self, slots: Slots | np.uint32, value: Any) -> "Numbers":
        """Puts `value` into `slots` and leaves the others as they are."""
        return self.map(lambda old, new: (old & ~slots) | (new & slots), value)

    def step(self, slots: Slots | np.uint32, up: Slots | np.uint32) -> "Numbers":
        """Adds 1 in those of `slots` that are in `up`, and subtracts 1 in the
        others."""
        digits = []
        for digit in self.digits:
            digits.append(digit ^ slots)
            # Where the digit was one, adding carries; where it was zero, subtracting.
            slots = slots & ~(digit ^ up)
        return Numbers(tuple(digits))

    def map(self, function: Callable[..., Slots], *values: Any) -> "Numbers":
        """`function` of each digit of these numbers and of `values`."""
        return Numbers(tuple(map(function, self.digits, *map(self._digits_of, values))))

    def _digits_of(self, value: Any) -> Sequence[Any]:
        """The digits of other numbers, or of one that is the same in every slot."""
        if isinstance(value, Numbers):
            return value.digits
        value = jnp.asarray(value)
        return [slots_if((value >> k) & 1 == 1) for k in range(len(self.digits))]
