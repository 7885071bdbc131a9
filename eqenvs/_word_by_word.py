"""What the functions behind the key implementations have in common."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, UInt32


Word = UInt32[Array, "..."]

# Fewer words than this are better made in a loop than written out.
FEW_WORDS = 100


def word_by_word(
    function: Callable[..., tuple[Word, Word]],
) -> Callable[..., tuple[Word, Word]]:
    """Decorates a function that makes two words of the words at each place.

    It takes arrays of one shape. Under `vmap`, a batch is only a larger shape; so what
    it is called with in the end tells how many words there are in all.
    """
    mapped = jax.custom_batching.custom_vmap(function)

    @mapped.def_vmap
    def _(axis_size: int, in_batched: Any, *words: Word):
        words = tuple(
            word if is_batched else jnp.broadcast_to(word, (axis_size, *word.shape))
            for word, is_batched in zip(words, in_batched, strict=True)
        )
        return mapped(*words), (True, True)

    return mapped
