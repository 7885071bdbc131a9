"""Keys that are cheap to draw from, and integers that use only the bits they need."""

from ._integers import (
    below as below,
    next_digit as next_digit,
    scale_bits as scale_bits,
)
from ._key import key as key
