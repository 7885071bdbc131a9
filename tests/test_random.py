"""Fast keys: the right function, everywhere, and random enough.

`benchmarks/prng/` looks at the randomness with far more numbers.
"""

import copy
import pickle
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import eqenvs
from eqenvs import CartPole
from eqenvs.random import below, key, next_digit
from eqenvs.random._threefry import write_out

from .reference.fast_keys import two_words
from .trees import assert_equal


WORDS = st.integers(0, 2**32 - 1)


def key_of(k0, k1):
    return jr.wrap_key_data(jnp.array([k0, k1], jnp.uint32), impl=jr.key_impl(key(0)))


def data(keys):
    return np.asarray(jr.key_data(keys))


# --- The function ---------------------------------------------------------------------


@settings(max_examples=25)
@given(k0=WORDS, k1=WORDS, counter=WORDS)
def test_fold_in_is_the_function(k0, k1, counter):
    derived = data(jr.fold_in(key_of(k0, k1), counter))
    assert tuple(derived) == two_words(k0, k1, counter, "fold_in")


@settings(max_examples=10)
@given(k0=WORDS, k1=WORDS)
def test_split_and_bits_are_the_function(k0, k1):
    k = key_of(k0, k1)
    derived = data(jr.split(k, (2, 3))).reshape(6, 2)
    assert [tuple(d) for d in derived] == [
        two_words(k0, k1, i, "split") for i in range(6)
    ]
    words = [two_words(k0, k1, i, "bits") for i in range(6)]
    for dtype, width in ((jnp.uint32, 32), (jnp.uint16, 16), (jnp.uint8, 8)):
        bits = jr.bits(k, (2, 3), dtype).reshape(-1)
        assert bits.tolist() == [low >> (32 - width) for _, low in words]
    with jax.enable_x64(True):
        bits = jr.bits(k, (2, 3), jnp.uint64).reshape(-1)
    assert bits.tolist() == [(high << 32) + low for high, low in words]


@settings(max_examples=25)
@given(seed=st.integers(-(2**63), 2**64 - 1))
def test_a_seed_is_hashed_whole(seed):
    low, high = seed % 2**32, (seed >> 32) % 2**32
    assert tuple(data(key(seed))) == two_words(low, high, 0, "seed")


def test_integers_of_every_kind_make_the_same_key(either_precision):
    for kind in (np.uint8, np.int16, np.uint32, np.int64, jnp.int32, jnp.uint32):
        np.testing.assert_array_equal(data(key(kind(7))), data(key(7)))
    np.testing.assert_array_equal(data(key(jnp.int32(-1))), data(key(-1)))
    np.testing.assert_array_equal(data(jax.jit(key)(jnp.int32(-7))), data(key(-7)))
    np.testing.assert_array_equal(
        data(jax.vmap(key)(jnp.arange(3))), [data(key(seed)) for seed in range(3)]
    )
    if either_precision:
        for seed in (2**40 + 3, -(2**40)):
            np.testing.assert_array_equal(data(key(jnp.int64(seed))), data(key(seed)))


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (2**64, ValueError, r"from -2\*\*63 to 2\*\*64 - 1; got 18446744073709551616"),
        (-(2**63) - 1, ValueError, "got -9223372036854775809"),
        (0.5, TypeError, "must be an integer; got 0.5"),
        (True, TypeError, "must be an integer; got True"),
        (None, TypeError, "must be an integer; got None"),
        (np.float32(1), TypeError, "must be an integer"),
        (np.arange(3), ValueError, r"shape \(3,\).*vmap"),
        (jnp.arange(3), ValueError, r"shape \(3,\).*vmap"),
    ],
)
def test_what_is_not_a_seed(seed, error, message, unchecked):
    with pytest.raises(error, match=message):
        key(seed)


# --- Everywhere -----------------------------------------------------------------------


def draws(k):
    """Numbers of many kinds."""
    a, b, c, d = jr.split(k, 4)
    return (
        jr.uniform(a, (5,), jnp.float32),
        jr.normal(b, (2, 2), jnp.float32),
        jr.randint(c, (7,), -5, 60, jnp.int32),
        jr.permutation(jr.fold_in(d, 3), jnp.arange(20, dtype=jnp.int32)),
        jr.bits(d, (3,), jnp.uint8),
        jr.categorical(jr.fold_in(a, 9), jnp.zeros(6, jnp.float32)).astype(jnp.int32),
        jr.bernoulli(b, jnp.float32(0.3), (9,)),
    )


def test_the_same_numbers_in_every_transformation():
    keys = jr.split(key(4), 3)
    expected = [jax.jit(draws)(k) for k in keys]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *expected)

    def close(actual):
        for x, y in zip(jax.tree.leaves(actual), jax.tree.leaves(stacked), strict=True):
            if jnp.issubdtype(x.dtype, jnp.floating):
                np.testing.assert_allclose(x, y, rtol=1e-5)
            else:
                np.testing.assert_array_equal(x, y)

    close(jax.jit(jax.vmap(draws))(keys))
    close(jax.lax.scan(lambda _, k: (None, draws(k)), None, keys)[1])


def test_the_same_numbers_in_either_precision():
    expected = jax.jit(draws)(key(2**40))
    with jax.enable_x64(True):
        wide = jax.jit(draws)(key(2**40))
    assert_equal(wide, expected)


@pytest.mark.slow
def test_the_same_numbers_on_many_devices():
    """Under `shard_map`, and with keys that are sharded, on four devices."""
    program = """
        import jax, jax.numpy as jnp, jax.random as jr, numpy as np
        from jax.sharding import NamedSharding, PartitionSpec as P
        from eqenvs.random import key
        automatic = jax.sharding.AxisType.Auto
        mesh = jax.make_mesh((4,), ("lanes",), axis_types=(automatic,))
        keys = jr.split(key(0), 8)
        draw = jax.vmap(lambda k: jr.bits(jr.fold_in(k, 5), (3,)))
        mapped = jax.shard_map(
            draw, mesh=mesh, in_specs=P("lanes"), out_specs=P("lanes")
        )
        np.testing.assert_array_equal(jax.jit(mapped)(keys), draw(keys))
        sharding = NamedSharding(mesh, P("lanes"))
        sharded = jax.device_put(keys, sharding)
        words = jax.jit(draw)(sharded)
        assert len(words.sharding.device_set) == 4
        np.testing.assert_array_equal(words, draw(keys))
        many = jax.jit(lambda k: jr.bits(k, (16,)), out_shardings=sharding)
        np.testing.assert_array_equal(many(key(1)), jr.bits(key(1), (16,)))
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        check=True,
        env={"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "PATH": ""}
        | {"JAX_PLATFORMS": "cpu"},
    )


@pytest.mark.parametrize("make_key", [key, lambda seed: write_out(jr.key(seed))])
@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda k: pickle.loads(pickle.dumps(k))]
)
def test_keys_can_be_copied_and_pickled(make_key, copied):
    for k in (make_key(5), jr.split(make_key(5), 3)):
        again = copied(k)
        assert again.dtype == k.dtype
        np.testing.assert_array_equal(data(again), data(k))
        first, expected = again.ravel()[0], k.ravel()[0]
        np.testing.assert_array_equal(jr.bits(first, (9,)), jr.bits(expected, (9,)))


def test_environments_take_fast_keys():
    env = CartPole()
    _, state = env.reset(key(0))
    step = env.step(key(1), state, 1)
    envs = eqenvs.VectorEnvironment(env, 20)
    _, states = envs.reset(key(0))
    assert_equal(states.x[3], env.reset(jr.fold_in(key(0), 3))[1].x)
    steps = envs.step(key(1), states, jnp.ones(20, jnp.int32))
    assert step.observation.shape == steps.observation.shape[1:]
    values = below(key(0), 6, (1000,))
    assert set(values.tolist()) == set(range(6))


@pytest.mark.parametrize("make_key", [key, lambda seed: write_out(jr.key(seed))])
def test_outside_of_jit_nothing_is_compiled_twice(make_key):
    def derive(seed):
        k = make_key(seed)
        many = jr.split(k, 3)
        return jr.fold_in(k, seed), jr.bits(k, (2,)), jax.vmap(jr.split)(many)

    derive(0)
    compilations = []

    def listen(event, duration, **_):
        if "compile" in event:
            compilations.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    derive(1)
    assert not compilations
    jr.bits(make_key(0), (3, 5, 1, 1))
    assert compilations  # There is something to hear.


# --- Randomness -----------------------------------------------------------------------


def flipped(words, bit):
    """The words `(samples, 3)` with one of their 96 bits changed."""
    return words.at[:, bit // 32].set(words[:, bit // 32] ^ jnp.uint32(1 << bit % 32))


@jax.jit
def outputs(words):
    """For keys and counters `(samples, 3)`, all that is derived from them, as bits."""

    def derive(k0, k1, counter):
        k = jr.wrap_key_data(jnp.stack([k0, k1]), impl=jr.key_impl(key(0)))
        return jr.key_data(jr.fold_in(k, counter))

    derived = jax.vmap(derive)(*words.T)
    bits = (derived[:, :, None] >> jnp.arange(32, dtype=jnp.uint32)) & 1
    return bits.reshape(len(words), 64).astype(jnp.int32)


@pytest.mark.parametrize("kind", ["random", "small"])
def test_avalanche(kind):
    """Every bit of key and counter changes every bit of the result half of the time."""
    n = 2**13
    words = jr.bits(jr.key(0), (n, 3), jnp.uint32)
    if kind == "small":
        words = words >> 26
    before = outputs(words)
    for bit in range(96):
        changed = (outputs(flipped(words, bit)) ^ before).sum(axis=0)
        # 12,288 such figures: the largest of them is beyond 6.5 once in a million runs.
        deviation = np.abs(np.asarray(changed) - n / 2) / np.sqrt(n / 4)
        assert deviation.max() < 6.5, (bit, deviation.argmax())


def correlation(a, b):
    """How far the bits of two arrays of words agree, in standard deviations."""
    different = np.bitwise_count(np.asarray(a) ^ np.asarray(b)).sum()
    n = 32 * a.size
    return abs(different - n / 2) / np.sqrt(n / 4)


def test_parents_children_and_neighbours_are_unlike():
    n = 2**16
    parent = key(11)
    words = jr.bits(parent, (n,), jnp.uint32)
    left, right = jr.split(parent)
    relatives = {
        "left": left,
        "right": right,
        "folded": jr.fold_in(parent, 0),
        "folded again": jr.fold_in(parent, 1),
        "next seed": key(12),
        "grandchild": jr.split(left)[0],
    }
    drawn = {name: jr.bits(k, (n,), jnp.uint32) for name, k in relatives.items()}
    for name, others in drawn.items():
        assert correlation(words, others) < 5, name
        assert correlation(words[1:], others[:-1]) < 5, name
    assert correlation(drawn["left"], drawn["right"]) < 5
    # The keys themselves, and the words that are drawn from the key they are split off.
    assert correlation(data(jr.split(parent, n))[:, 1], words) < 5
    folded = jax.vmap(lambda i: jr.fold_in(parent, i))(jnp.arange(n))
    assert correlation(data(folded)[:, 1], words) < 5
    assert correlation(data(folded), data(jr.split(parent, n))) < 5


def test_no_two_derived_keys_are_equal():
    n = 2**16
    seeds = jax.vmap(key)(jnp.arange(n))
    keys = [seeds, jr.split(key(n), n), jax.vmap(lambda k: jr.split(k)[1])(seeds)]
    keys.append(jax.vmap(lambda i: jr.fold_in(key(n), i))(jnp.arange(n)))
    words = np.concatenate([data(k) for k in keys])
    assert len(np.unique(words, axis=0)) == len(words)


@pytest.mark.parametrize("arrangement", ["one key", "many keys", "seeds"])
def test_bytes_and_runs_are_uniform(arrangement):
    n = 2**18
    if arrangement == "one key":
        words = jr.bits(key(1), (n,), jnp.uint32)
    elif arrangement == "many keys":
        words = jax.vmap(lambda k: jr.bits(k, (), jnp.uint32))(jr.split(key(2), n))
    else:
        draw = lambda seed: jr.bits(key(seed), (), jnp.uint32)  # noqa: E731
        words = jax.vmap(draw)(jnp.arange(n))
    words = np.asarray(words)
    for shift in (0, 8, 16, 24):
        counts = np.bincount((words >> shift) & 255, minlength=256)
        chi_squared = ((counts - n / 256) ** 2).sum() / (n / 256)
        assert abs(chi_squared - 255) < 6 * np.sqrt(2 * 255)
    # Pairs of successive words, in 64 x 64 cells of their upper and their lower bits.
    for part in (words >> 26, words & 63):
        counts = np.bincount(part[0::2] * 64 + part[1::2], minlength=4096)
        expected = n / 2 / 4096
        chi_squared = ((counts - expected) ** 2).sum() / expected
        assert abs(chi_squared - 4095) < 6 * np.sqrt(2 * 4095)


def test_the_digits_of_a_word_have_all_combinations():
    bases = (3, 4, 5)
    fraction = jnp.asarray((np.arange(60) + 0.5) / 60 * 2**32, jnp.uint32)
    digits = []
    for n in bases:
        digit, fraction = next_digit(fraction, n)
        digits.append(digit)
    assert [*zip(*(d.tolist() for d in digits), strict=True)] == [*np.ndindex(bases)]
