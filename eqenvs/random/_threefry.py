"""JAX's own threefry, bit for bit, with its rounds written out.

For a CPU, JAX compiles the twenty rounds of threefry as a loop, which writes every word
to memory and reads it back five times. Written out, they are fused into whatever uses
the numbers, and take a fraction of the time. Other devices get JAX's own rounds.

The function is Threefry-2x32 with twenty rounds, of Salmon, Moraes, Dror & Shaw,
"Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
from jax.extend.random import define_prng_impl, threefry2x32_p
from jaxtyping import Array, Key, UInt32

from .._varying import vary, varying_axes
from ._word_by_word import as_one_word, compiled, FEW_WORDS, Word, word_by_word


_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


@word_by_word
def _threefry(k0: Word, k1: Word, x0: Word, x1: Word) -> tuple[Word, Word]:
    """Encrypts the counters `(x0, x1)` by the keys `(k0, k1)`, all of one shape."""
    if x0.size < FEW_WORDS:
        # JAX's loop. There is nothing to gain with so few words, and LLVM can take
        # minutes to compile rounds that it unrolls over a handful of them.
        return _by_jax(k0, k1, x0, x1)
    return jax.lax.platform_dependent(k0, k1, x0, x1, cpu=_written_out, default=_by_jax)


def _by_jax(*words: Word) -> tuple[Word, Word]:
    encrypted = threefry2x32_p.bind(*words)
    # JAX forgets that they differ between devices.
    return vary((encrypted[0], encrypted[1]), varying_axes(words))


def _written_out(k0: Word, k1: Word, x0: Word, x1: Word) -> tuple[Word, Word]:
    keys = (k0, k1, k0 ^ k1 ^ jnp.uint32(_PARITY))
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for i in range(5):
        for distance in _ROTATIONS[i % 2]:
            x0 = x0 + x1
            x1 = ((x1 << distance) | (x1 >> (32 - distance))) ^ x0
        x0 = x0 + keys[(i + 1) % 3]
        x1 = x1 + keys[(i + 2) % 3] + jnp.uint32(i + 1)
    return x0, x1


def _encrypted_counters(
    key: UInt32[Array, " 2"], shape: tuple[int, ...]
) -> tuple[Word, Word]:
    size = math.prod(shape)
    if size >= 2**32:
        raise NotImplementedError(f"one call draws fewer than 2**32 words, not {size}.")
    counters = jnp.arange(size, dtype=jnp.uint32).reshape(shape)
    return _encrypt(key, counters)


def _encrypt(key: UInt32[Array, " 2"], counters: Word) -> tuple[Word, Word]:
    k0, k1 = (jnp.broadcast_to(word, counters.shape) for word in (key[0], key[1]))
    return _threefry(k0, k1, jnp.zeros_like(counters), counters)


def _seed(seed: Array) -> UInt32[Array, " 2"]:
    return jr.key_data(jr.key(seed, impl="threefry2x32"))


@compiled("shape")
def _split(
    key: UInt32[Array, " 2"], shape: tuple[int, ...]
) -> UInt32[Array, "*shape 2"]:
    return jnp.stack(_encrypted_counters(key, shape), axis=-1)


@compiled()
def _fold_in(key: UInt32[Array, " 2"], data: Any) -> UInt32[Array, " 2"]:
    data = jnp.asarray(data).astype(jnp.uint32)
    return jnp.stack(_encrypt(key, data))


@compiled("bit_width", "shape")
def _random_bits(
    key: UInt32[Array, " 2"], bit_width: int, shape: tuple[int, ...]
) -> Array:
    high, low = _encrypted_counters(key, shape)
    if bit_width == 64:
        return as_one_word(high, low)
    dtype = {8: jnp.uint8, 16: jnp.uint16, 32: jnp.uint32}[bit_width]
    return (high ^ low).astype(dtype)


_IMPLEMENTATION = define_prng_impl(
    key_shape=(2,),
    seed=_seed,
    split=_split,
    random_bits=_random_bits,
    fold_in=_fold_in,
    name="threefry2x32_written_out",
    tag="fry",
)


def write_out(key: Key[Array, "..."]) -> Key[Array, "..."]:
    """The same key with the same random numbers, computed faster.

    Any key other than JAX's threefry, in its default variant, is returned unchanged.
    """
    is_default_variant = getattr(jax.config, "jax_threefry_partitionable", False)
    if jr.key_impl(key) != "threefry2x32" or not is_default_variant:
        return key
    return jr.wrap_key_data(jr.key_data(key), impl=_IMPLEMENTATION)
