"""Endless random words on standard output, for a test battery at the end of a pipe.

    python -m benchmarks.prng.streams pcg3d splits | dieharder -a -g 200

The words are 32 bits wide, in the machine's byte order. The arrangements are

- `stream`: the 2**32 words of one key, one after another; then those of the next seed;
- `splits`: 65,536 keys that one `split` makes give 64 words each, in turn: the first
  word of every key, then the second of every key, and so on; then another key is split;
- `fold_ins`: likewise, of 65,536 consecutive `fold_in`s into one key;
- `seeds`: likewise, of 65,536 consecutive seeds;
- `tree`: the words of the keys themselves, the leaves of a tree in which every key is
  split into two, twenty times over.
"""

import sys
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Key, UInt32

import eqenvs.random
from eqenvs.random import _pcg3d, _threefry


MAKE_KEY: dict[str, Callable[..., Key[Array, ""]]] = {
    "pcg3d": eqenvs.random.key,
    "threefry": lambda seed: _threefry.write_out(jr.key(seed)),
}
NUM_KEYS = 2**16
NUM_WORDS = 2**6
BLOCK = NUM_KEYS * NUM_WORDS
DEPTH = 20


def words_from(name: str, key: Key[Array, ""], start: Array) -> UInt32[Array, " words"]:
    """Words `start, start + 1, ...` of `jax.random.bits(key, (2**32,))`."""
    k0, k1 = jr.key_data(key)
    counters = start + jnp.arange(BLOCK, dtype=jnp.uint32)
    k0, k1 = (jnp.broadcast_to(word, counters.shape) for word in (k0, k1))
    if name == "pcg3d":
        return _pcg3d._hash(k0, k1, counters, _pcg3d._BITS)[1]
    high, low = _threefry._threefry(k0, k1, jnp.zeros_like(counters), counters)
    return high ^ low


def interleaved(keys: Key[Array, " keys"]) -> UInt32[Array, " words"]:
    """The first word of every key, then the second of every key, and so on."""
    words = jax.vmap(lambda key: jr.bits(key, (NUM_WORDS,), jnp.uint32))(keys)
    return words.T.reshape(-1)


@jax.jit
def children(keys: Key[Array, " keys"]) -> Key[Array, " 2*keys"]:
    """Splits every key into two."""
    return jax.vmap(jr.split)(keys).reshape(-1)


def leaves(key: Key[Array, ""]) -> UInt32[Array, " words"]:
    """The words of the keys that `DEPTH` splits into two make."""
    keys = key[None]
    for _ in range(DEPTH):
        keys = children(keys)
    return jr.key_data(keys).reshape(-1)


def blocks(name: str, arrangement: str, first_seed: int) -> Iterator[Array]:
    """The random words of an arrangement, block by block."""
    make_key = MAKE_KEY[name]
    if arrangement == "stream":
        draw = jax.jit(lambda key, start: words_from(name, key, start))
        for seed in range(first_seed, 2**31):
            for start in range(0, 2**32, BLOCK):
                yield draw(make_key(seed), jnp.uint32(start))
    elif arrangement in ("splits", "fold_ins"):
        key = make_key(first_seed)

        def derive(key):
            if arrangement == "splits":
                return jr.split(key, NUM_KEYS)
            return jax.vmap(lambda i: jr.fold_in(key, i))(jnp.arange(NUM_KEYS))

        @jax.jit
        def draw(key):
            key, parent = jr.split(key)
            return key, interleaved(derive(parent))

        while True:
            key, words = draw(key)
            yield words
    elif arrangement == "seeds":

        @jax.jit
        def draw(first):
            seeds = first + jnp.arange(NUM_KEYS, dtype=jnp.int32)
            return interleaved(jax.vmap(make_key)(seeds))

        for first in range(first_seed, 2**31 - NUM_KEYS, NUM_KEYS):
            yield draw(jnp.int32(first))
    elif arrangement == "tree":
        for seed in range(first_seed, 2**31):
            yield leaves(make_key(seed))


ARRANGEMENTS = ("stream", "splits", "fold_ins", "seeds", "tree")


def main() -> None:
    name, arrangement, *rest = sys.argv[1:]
    first_seed = int(rest[0]) if rest else 0
    if name not in MAKE_KEY or arrangement not in ARRANGEMENTS:
        names, arrangements = ", ".join(MAKE_KEY), ", ".join(ARRANGEMENTS)
        raise SystemExit(f"usage: streams ({names}) ({arrangements}) [first seed]")
    try:
        previous = None
        for block in blocks(name, arrangement, first_seed):
            # While one block is being written, the next is being computed.
            if previous is not None:
                sys.stdout.buffer.write(memoryview(np.asarray(previous)).cast("B"))
            previous = block
    except BrokenPipeError:
        sys.stderr.close()


if __name__ == "__main__":
    main()
