"""A key implementation whose random numbers are cheap on a CPU.

The function is pcg3d of Jarzynski & Olano, "Hash functions for GPU rendering" (Journal
of Computer Graphics Techniques 9(3), 2020): a bijection of three 32-bit words, made of
multiplications, additions and shifts. Here the three words are the two of the key and a
counter; there are four rounds instead of two; and between rounds each word is xored
with a constant, so that no key is a fixed point. One of these constants depends on the
purpose: a random number, a key from `split`, one from `fold_in`, or one from a seed.
Each purpose therefore has a function of its own.

`benchmarks/prng/` measures how random it is. It is not for cryptography.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import define_prng_impl
from jaxtyping import Array, UInt32

from ._word_by_word import as_one_word, compiled, FEW_WORDS, Word, word_by_word


_Words = tuple[Word, ...]

_MULTIPLIER = 1664525
_INCREMENT = 1013904223

# The first digits of pi after the point. The first four words tell purposes apart.
_BITS, _SPLIT, _FOLD_IN, _SEED = 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344
_FIRST_CONSTANTS = np.array([0xA4093822, 0x299F31D0], np.uint32)
_OTHER_CONSTANTS = np.array(
    [[0x082EFA98, 0xEC4E6C89, 0x452821E6], [0x38D01377, 0xBE5466CF, 0x34E90C6C]],
    np.uint32,
)


def _mix(x: Word, y: Word, z: Word) -> tuple[Word, Word, Word]:
    x = x + y * z
    y = y + z * x
    z = z + x * y
    return x, y, z


def _change(words: _Words, constants: Any) -> _Words:
    return tuple(
        w ^ (w >> 16) ^ constant for w, constant in zip(words, constants, strict=True)
    )


@word_by_word
def _rounds(x: Word, y: Word, z: Word, purpose: Word) -> tuple[Word, Word]:
    """The four rounds."""
    words = _mix(*_change(_mix(x, y, z), (purpose, *_FIRST_CONSTANTS)))
    if x.size < FEW_WORDS:
        # If these rounds were written out, XLA's CPU backend would fuse them into every
        # use of the words, and repeat the rounds of a step's own key in every lane. A
        # loop is not fused, but takes longer on other devices.
        words = jax.lax.platform_dependent(
            *words, cpu=_other_rounds_in_a_loop, default=_other_rounds
        )
    else:
        words = _other_rounds(*words)
    return words[1], words[2]


def _other_rounds(*words: Word) -> _Words:
    for row in _OTHER_CONSTANTS:
        words = _mix(*_change(words, row))
    return words


def _other_rounds_in_a_loop(*words: Word) -> _Words:
    constants = jnp.asarray(_OTHER_CONSTANTS)
    return jax.lax.fori_loop(
        0, len(constants), lambda i, w: _mix(*_change(w, constants[i])), words
    )


def _hash(k0: Word, k1: Word, counter: Word, purpose: int) -> tuple[Word, Word]:
    """Two random words for every key `(k0, k1)`, counter and purpose."""
    shape = jnp.broadcast_shapes(k0.shape, k1.shape, counter.shape)
    words = (
        jnp.broadcast_to(w * _MULTIPLIER + _INCREMENT, shape) for w in (k0, k1, counter)
    )
    return _rounds(*words, jnp.full(shape, purpose, jnp.uint32))


def _counters(shape: tuple[int, ...]) -> Word:
    size = math.prod(shape)
    if size > 2**32:
        raise NotImplementedError(f"one call draws up to 2**32 numbers, not {size}.")
    return jnp.arange(size, dtype=jnp.uint32).reshape(shape)


@compiled()
def key_data_of_seed(low: Any, high: Any) -> UInt32[Array, " 2"]:
    """The words of the key for a 64-bit seed, given as two halves."""
    low, high = jnp.asarray(low, jnp.uint32), jnp.asarray(high, jnp.uint32)
    return jnp.stack(_hash(low, high, jnp.zeros_like(low), _SEED))


@compiled()
def _seed(seed: Array) -> UInt32[Array, " 2"]:
    low = seed.astype(jnp.uint32)
    if seed.dtype.itemsize == 8:
        high = (seed >> 32).astype(jnp.uint32)
    else:  # The sign, if there is one, is extended.
        high = jnp.where(seed < 0, jnp.uint32(2**32 - 1), jnp.uint32(0))
    return key_data_of_seed(low, high)


@compiled("shape")
def _split(
    key: UInt32[Array, " 2"], shape: tuple[int, ...]
) -> UInt32[Array, "*shape 2"]:
    return jnp.stack(_hash(key[0], key[1], _counters(shape), _SPLIT), axis=-1)


@compiled()
def _fold_in(key: UInt32[Array, " 2"], data: Any) -> UInt32[Array, " 2"]:
    data = jnp.asarray(data).astype(jnp.uint32)
    return jnp.stack(_hash(key[0], key[1], data, _FOLD_IN))


@compiled("bit_width", "shape")
def _random_bits(
    key: UInt32[Array, " 2"], bit_width: int, shape: tuple[int, ...]
) -> Array:
    high, low = _hash(key[0], key[1], _counters(shape), _BITS)
    if bit_width == 64:
        return as_one_word(high, low)
    dtype = {8: jnp.uint8, 16: jnp.uint16, 32: jnp.uint32}[bit_width]
    return (low >> (32 - bit_width)).astype(dtype)


IMPLEMENTATION = define_prng_impl(
    key_shape=(2,),
    seed=_seed,
    split=_split,
    random_bits=_random_bits,
    fold_in=_fold_in,
    name="pcg3d_four_rounds",
    tag="pcg",
)
