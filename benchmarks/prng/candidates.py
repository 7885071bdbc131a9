"""Published counter-based functions, beside each other: what they cost, and avalanche.

    python -m benchmarks.prng.candidates

Every function makes two random words of two words of key and a 32-bit counter. Timed
are a million words drawn from one key, and a million keys derived from one, with one
word drawn from each, as a step of a vector of environments does; the functions take
turns. The avalanche is that of `benchmarks.prng.structure`, over random inputs: below 5
is what chance gives, and what is beyond is a flaw that a battery finds sooner or later.

JAX has no 64-bit integers unless they are turned on, so the products of Philox and of
Squares are put together from halves.
"""

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, UInt32

from eqenvs.random import _pcg3d

from .structure import avalanche


Word = UInt32[Array, "..."]
Function = Callable[[Word, Word, Word], tuple[Word, Word]]

NUM_WORDS = 1_000_000


def rotate(x: Word, distance: int) -> Word:
    return (x << distance) | (x >> (32 - distance))


def high_product(a: Word, b: Word) -> Word:
    """The upper half of the 64-bit product."""
    a_high, a_low, b_high, b_low = a >> 16, a & 0xFFFF, b >> 16, b & 0xFFFF
    middle = a_high * b_low + ((a_low * b_low) >> 16)
    other = a_low * b_high + (middle & 0xFFFF)
    return a_high * b_high + (middle >> 16) + (other >> 16)


def threefry(rounds: int) -> Function:
    """Threefry-2x32 (Salmon, Moraes, Dror & Shaw 2011)."""
    rotations = (13, 15, 26, 6, 17, 29, 16, 24)

    def function(k0, k1, counter):
        keys = (k0, k1, k0 ^ k1 ^ jnp.uint32(0x1BD11BDA))
        x, y = k0, counter + k1
        for i in range(rounds):
            x = x + y
            y = rotate(y, rotations[i % 8]) ^ x
            if i % 4 == 3:
                j = i // 4 + 1
                x, y = x + keys[j % 3], y + keys[(j + 1) % 3] + jnp.uint32(j)
        return x, y

    return function


def philox(rounds: int) -> Function:
    """Philox-2x32 (the same paper); the second word of key begins the counter."""

    def function(k0, k1, counter):
        multiplier = jnp.uint32(0xD256D193)
        x, y = counter, k1
        for i in range(rounds):
            key = k0 + jnp.uint32(i * 0x9E3779B9 % 2**32)
            x, y = high_product(x, multiplier) ^ key ^ y, x * multiplier
        return x, y

    return function


def squares(k0: Word, k1: Word, counter: Word) -> tuple[Word, Word]:
    """The 64-bit variant of Squares, with five rounds (Widynski 2020)."""

    def add(a, b):
        low = a[1] + b[1]
        return a[0] + b[0] + (low < a[1]).astype(jnp.uint32), low

    def square(a):
        return high_product(a[1], a[1]) + 2 * a[0] * a[1], a[1] * a[1]

    key = (k0, k1)
    high = high_product(counter, key[1]) + counter * key[0]
    x = y = (high, counter * key[1])
    z = add(y, key)
    for addend in (y, z, y, z):
        before = add(square(x), addend)
        x = before[1], before[0]
    return before[0], before[1] ^ add(square(x), y)[0]


def pcg3d(rounds: int) -> Function:
    """Two rounds are the pcg3d of Jarzynski & Olano (2020)."""

    def function(k0, k1, counter):
        x, y, z = (w * 1664525 + 1013904223 for w in (k0, k1, counter))
        for i in range(rounds):
            if i > 0:
                x, y, z = (w ^ (w >> 16) for w in (x, y, z))
            x = x + y * z
            y = y + z * x
            z = z + x * y
        return y, z

    return function


def pcg4d(rounds: int) -> Function:
    """Two rounds are the pcg4d of the same paper; the fourth word is a constant."""

    def function(k0, k1, counter):
        w = jnp.full_like(counter, 0x9E3779B9)
        x, y, z = (w * 1664525 + 1013904223 for w in (k0, k1, counter))
        for i in range(rounds):
            if i > 0:
                x, y, z, w = (v ^ (v >> 16) for v in (x, y, z, w))
            x = x + y * w
            y = y + z * x
            z = z + x * y
            w = w + y * z
        return z, w

    return function


def ours(k0: Word, k1: Word, counter: Word) -> tuple[Word, Word]:
    return _pcg3d._hash(k0, k1, counter, _pcg3d._BITS)


FUNCTIONS: dict[str, Function] = {
    "threefry, 20 rounds": threefry(20),
    "threefry, 13 rounds": threefry(13),
    "philox, 10 rounds": philox(10),
    "philox, 7 rounds": philox(7),
    "squares, 5 rounds": squares,
    "pcg3d, 2 rounds": pcg3d(2),
    "pcg3d, 3 rounds": pcg3d(3),
    "pcg3d, 4 rounds": pcg3d(4),
    "pcg4d, 2 rounds": pcg4d(2),
    "pcg4d, 3 rounds": pcg4d(3),
    "pcg4d, 4 rounds": pcg4d(4),
    "eqenvs.random.key": ours,
}


def draw(function: Function, key: Word) -> Word:
    """The sum of a million words of one key."""
    counters = jnp.arange(NUM_WORDS, dtype=jnp.uint32)
    k0, k1 = (jnp.broadcast_to(word, counters.shape) for word in key)
    return function(k0, k1, counters)[1].sum()


def derive(function: Function, key: Word) -> Word:
    """The sum of one word each of a million keys."""
    counters = jnp.arange(NUM_WORDS, dtype=jnp.uint32)
    k0, k1 = (jnp.broadcast_to(word, counters.shape) for word in key)
    k0, k1 = function(k0, k1, counters)
    return function(k0, k1, jnp.zeros_like(counters))[1].sum()


def jax_draw(key: Word) -> Word:
    return jr.bits(jr.wrap_key_data(key), (NUM_WORDS,), jnp.uint32).sum()


def jax_derive(key: Word) -> Word:
    keys = jr.split(jr.wrap_key_data(key), NUM_WORDS)
    return jax.vmap(lambda key: jr.bits(key, (), jnp.uint32))(keys).sum()


def seconds(functions: dict[str, Callable], repeats: int = 11) -> dict[str, float]:
    """The median of the seconds that each takes, turn by turn."""
    key = jr.key_data(jr.key(5))
    compiled = {name: jax.jit(f).lower(key).compile() for name, f in functions.items()}
    spent: dict[str, list[float]] = {name: [] for name in functions}
    for i in range(repeats + 1):
        for name, function in compiled.items():
            start = time.perf_counter()
            jax.block_until_ready(function(key))
            if i > 0:
                spent[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in spent.items()}


def main() -> None:
    draws = {name: lambda key, f=f: draw(f, key) for name, f in FUNCTIONS.items()}
    derivations = {
        name: lambda key, f=f: derive(f, key) for name, f in FUNCTIONS.items()
    }
    draw_seconds = seconds({"jax.random": jax_draw, **draws})
    derive_seconds = seconds({"jax.random": jax_derive, **derivations})
    print(f"{'milliseconds for a million':28}{'words':>8}{'keys':>8}{'avalanche':>12}")
    for name in draw_seconds:
        figures = [1e3 * spent[name] for spent in (draw_seconds, derive_seconds)]
        row = f"{name:28}" + "".join(f"{figure:8.2f}" for figure in figures)
        if name in FUNCTIONS:
            function = FUNCTIONS[name]
            largest, _ = avalanche(lambda w, f=function: jnp.stack(f(*w)), False)
            row += f"{largest:12.1f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
