"""Fair coins that use only the bits they need."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Bool, UInt32


def words_for(num_coins: int) -> int:
    """How many random words have enough bits for that many coins."""
    return math.ceil(num_coins / 32)


def fair_coins(words: UInt32[Array, " words"], num_coins: int) -> Bool[Array, " coins"]:
    """Independent fair coins: the bits of uniformly random words, 32 from each."""
    places = jnp.arange(32, dtype=jnp.uint32)
    bits = (words[:, None] >> places[None]) & 1
    return bits.reshape(-1)[:num_coins] == 1
