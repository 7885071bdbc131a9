"""Avalanche, correlation of relatives, and equal keys, in large numbers.

    python -m benchmarks.prng.structure

- Avalanche: of the inputs of the function, two words of key and one counter, every bit
  is changed in turn; every bit of the result should change in half of the cases. For
  random inputs, and for small ones, which differ only in the lower halves of their
  words. Given are the largest deviation of the 96 x 64 frequencies, in standard
  deviations, and the mean of the squares of all, which should be 1.
- Correlation: the bits in which the words drawn from a key and from a relative of it
  differ, at the same place and shifted by one, for many keys; likewise the largest
  deviation from a half and the mean square.
- Equal keys: among ten million keys of each origin, and among all of them together. Of
  40 million random keys two are equal with a probability of 0.00004.

JAX's threefry goes through the same as the control. In it `fold_in(key, i)` is
`split(key, n)[i]`, so all of these keys occur twice.
"""

import math
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, UInt32

from .streams import children, MAKE_KEY


RESULT = pathlib.Path(__file__).parent / "results" / "structure.txt"
NUM_SAMPLES = 2**18
NUM_RELATIVES = 2**12
NUM_WORDS = 2**10
NUM_KEYS = 10_000_000


def avalanche(
    derive: Callable[[UInt32[Array, " 3"]], UInt32[Array, " 2"]], is_small: bool
) -> tuple[float, float]:
    """The largest deviation of 96 x 64 frequencies, and the mean of their squares."""

    @jax.jit
    def changes(words, bit):
        mask = jnp.where(jnp.arange(3) == bit // 32, jnp.uint32(1) << (bit % 32), 0)
        different = jax.vmap(derive)(words) ^ jax.vmap(derive)(words ^ mask)
        bits = (different[..., None] >> jnp.arange(32, dtype=jnp.uint32)) & 1
        return bits.astype(jnp.int32).sum(axis=0).reshape(64)

    words = jr.bits(jr.key(42), (NUM_SAMPLES, 3), jnp.uint32)
    if is_small:
        words = words >> 16
    counts = np.stack([changes(words, jnp.uint32(bit)) for bit in range(96)])
    deviations = (counts - NUM_SAMPLES / 2) / math.sqrt(NUM_SAMPLES / 4)
    return float(np.abs(deviations).max()), float((deviations**2).mean())


def key_from(name: str) -> Callable[[UInt32[Array, " 3"]], UInt32[Array, " 2"]]:
    """Folds the third word into the key of the first two."""
    impl = jr.key_impl(MAKE_KEY[name](0))

    def derive(words):
        key = jr.wrap_key_data(words[:2], impl=impl)
        return jr.key_data(jr.fold_in(key, words[2]))

    return derive


def correlations(name: str) -> dict[str, tuple[float, float]]:
    """For each kind of relative, the largest deviation and the mean square."""
    make_key = MAKE_KEY[name]

    def draw(key):
        return jr.bits(key, (NUM_WORDS,), jnp.uint32)

    def relatives(seed):
        key = make_key(seed)
        left, right = jr.split(key)
        return draw(key), {
            "split off, first": draw(left),
            "split off, second": draw(right),
            "folded in, 0": draw(jr.fold_in(key, 0)),
            "folded in, 1": draw(jr.fold_in(key, 1)),
            "grandchild": draw(jr.split(left)[0]),
            "next seed": draw(make_key(seed + 1)),
            "words of its keys": jr.key_data(jr.split(key, NUM_WORDS))[:, 1],
        }

    def deviation(a, b):
        different = jax.lax.population_count(a ^ b).astype(jnp.int32).sum()
        n = 32 * a.size
        return (different - n / 2) / math.sqrt(n / 4)

    @jax.jit
    def deviations(seed):
        words, others = relatives(seed)
        both = {"itself, shifted": deviation(words[1:], words[:-1])}
        for kind, other in others.items():
            both[kind] = deviation(words, other)
            both[f"{kind}, shifted"] = deviation(words[1:], other[:-1])
        return both

    result = jax.lax.map(deviations, jnp.arange(NUM_RELATIVES), batch_size=256)
    return {
        kind: (float(jnp.abs(x).max()), float((x**2).mean()))
        for kind, x in result.items()
    }


def equal_keys(name: str) -> dict[str, int]:
    """How many keys occur again, for each origin and in all."""
    make_key = MAKE_KEY[name]
    root = make_key(NUM_KEYS)
    numbers = jnp.arange(NUM_KEYS, dtype=jnp.int32)
    tree = make_key(NUM_KEYS + 1)[None]
    while tree.size < NUM_KEYS:
        tree = children(tree)
    keys = {
        "seeds": jax.jit(jax.vmap(make_key))(numbers),
        "splits": jr.split(root, NUM_KEYS),
        "fold_ins": jax.jit(jax.vmap(lambda i: jr.fold_in(root, i)))(numbers),
        "tree": tree[:NUM_KEYS],
    }
    numbers = {
        kind: np.asarray(jr.key_data(k)).reshape(-1).view(np.uint64)
        for kind, k in keys.items()
    }
    numbers["all together"] = np.concatenate(list(numbers.values()))
    return {kind: int((np.diff(np.sort(x)) == 0).sum()) for kind, x in numbers.items()}


def main() -> None:
    RESULT.parent.mkdir(exist_ok=True)
    with open(RESULT, "w") as log:

        def say(line: str = "") -> None:
            print(line, flush=True)
            print(line, file=log, flush=True)

        for name in MAKE_KEY:
            say(name)
            say(f"  avalanche, {NUM_SAMPLES:,} samples  largest deviation, mean square")
            for is_small in (False, True):
                largest, mean_square = avalanche(key_from(name), is_small)
                kind = "small" if is_small else "random"
                say(f"    {kind:30}{largest:8.2f}{mean_square:8.3f}")
            say(f"  correlation, {NUM_RELATIVES:,} keys")
            for kind, (largest, mean_square) in correlations(name).items():
                say(f"    {kind:30}{largest:8.2f}{mean_square:8.3f}")
            say(f"  equal keys among {NUM_KEYS:,} of each kind")
            for kind, count in equal_keys(name).items():
                say(f"    {kind:30}{count:8d}")
            say()


if __name__ == "__main__":
    main()
