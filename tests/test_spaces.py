import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import stats

from eqenvs.random import below, scale_bits
from eqenvs.spaces import (
    Box,
    Dict,
    Discrete,
    flat_space,
    flatten,
    MultiDiscrete,
    Tuple,
)

from .trees import parts_of


# Made in each test, with the precision that it runs with.
SPACES = {
    "discrete": lambda: Discrete(5),
    "multi_discrete": lambda: MultiDiscrete((2, 3, 7)),
    "box": lambda: Box(-1.0, jnp.array([1.0, 2.0, 3.0])),
    "integers": lambda: Box(-3, 4, (2, 2), jnp.int32),
    "booleans": lambda: Box(False, True, (3, 2), bool),
    "half_bounded": lambda: Box(
        jnp.array([-jnp.inf, 0.0, -jnp.inf]), jnp.array([5, 9, 9.0])
    ),
    "unbounded": lambda: Box(-jnp.inf, jnp.inf, (4,)),
    "tuple": lambda: Tuple((Discrete(2), Box(0.0, 1.0, (2,)))),
    "dict": lambda: Dict({"b": Discrete(3), "a": Tuple((Discrete(2), Discrete(2)))}),
}


@pytest.mark.parametrize("name", SPACES)
def test_samples_are_inside(name, either_precision):
    space = SPACES[name]()
    samples = jax.jit(jax.vmap(space.sample))(jr.split(jr.key(0), 200))
    assert jax.vmap(space.contains)(samples).all()
    first = jax.tree.map(lambda x: x[0], samples)
    checked = space.check(first)
    assert jax.tree.structure(checked) == jax.tree.structure(first)
    for x, y in zip(jax.tree.leaves(checked), jax.tree.leaves(first), strict=True):
        assert x.dtype == y.dtype and (x == y).all()


def test_bounded_samples_need_no_logarithm():
    sample = jax.vmap(Box(-1.0, 1.0, (2,)).sample)

    def names(jaxpr, conditional):
        for equation in jaxpr.eqns:
            yield equation.primitive.name
            if conditional or equation.primitive.name != "cond":
                for part in parts_of(equation):
                    yield from names(part, conditional)

    jaxpr = jax.make_jaxpr(sample)(jr.split(jr.key(0), 200)).jaxpr
    assert "log1p" in set(names(jaxpr, conditional=True))
    assert not {"log", "log1p"} & set(names(jaxpr, conditional=False))


def test_lanes_with_other_bounds_are_sampled_as_alone():
    infinity = jnp.inf
    low = jnp.array([-1.0, -infinity, 2.0, -infinity])
    high = jnp.array([1.0, infinity, infinity, 3.0])
    keys = jr.split(jr.key(0), 4)

    def sample(low, high, key):
        return Box(low, high).sample(key)

    batch = jax.jit(jax.vmap(sample))(low, high, keys)
    for i in range(4):
        assert batch[i] == sample(low[i], high[i], keys[i])


def test_discrete_is_uniform():
    for n in (2, 3, 7, 1000, 2**16, 2**16 + 1):
        draws = np.asarray(below(jr.key(n), n, (50_000,)))
        assert draws.min() >= 0 and draws.max() < n
        counts = np.bincount(draws * 20 // n, minlength=min(20, n))
        expected = np.bincount(np.arange(n) * 20 // n) / n * 50_000
        seen = expected > 0
        assert stats.chisquare(counts[seen], expected[seen]).pvalue > 1e-4


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 255, 65_535, 65_536])
def test_scale_bits_is_the_top_half_of_the_product(n):
    bits = np.random.default_rng(0).integers(0, 2**32, 1000, dtype=np.uint64)
    bits = np.concatenate([bits, [0, 1, 2**16, 2**31, 2**32 - 1]]).astype(np.uint64)
    expected = (bits * np.uint64(n)) >> np.uint64(32)
    np.testing.assert_array_equal(scale_bits(jnp.uint32(bits), n), expected)


def test_scale_bits_refuses_what_it_cannot_do():
    for n in (0, 2**16 + 1):
        with pytest.raises(ValueError, match=f"between 1 and 65536; got {n}"):
            scale_bits(jnp.uint32(0), n)


def test_box_laws():
    keys = jr.split(jr.key(1), 5000)
    sample = jax.vmap(SPACES["half_bounded"]().sample)(keys)
    exponential = stats.expon()
    assert stats.kstest(5 - sample[:, 0], exponential.cdf).pvalue > 1e-4
    assert stats.kstest(sample[:, 1] / 9, stats.uniform().cdf).pvalue > 1e-4
    assert stats.kstest(9 - sample[:, 2], exponential.cdf).pvalue > 1e-4
    normal = jax.vmap(SPACES["unbounded"]().sample)(keys)
    assert stats.kstest(normal[:, 0], stats.norm().cdf).pvalue > 1e-4
    integers = np.asarray(jax.vmap(SPACES["integers"]().sample)(keys))
    assert set(integers.ravel()) == set(range(-3, 5))


def test_contains():
    assert Discrete(3).contains(2) and not Discrete(3).contains(3)
    assert not Discrete(3).contains(-1) and not Discrete(3).contains(1.0)
    box = Box(0.0, 1.0, (2,))
    assert box.contains(jnp.array([0.0, 1.0]))
    assert not box.contains(jnp.array([0.0, 1.1]))
    assert not box.contains(jnp.array([0.0, jnp.nan]))
    assert not box.contains(jnp.zeros(3))
    assert MultiDiscrete((2, 3)).contains(jnp.array([1, 2]))
    assert not MultiDiscrete((2, 3)).contains(jnp.array([2, 2]))
    for name in SPACES:
        for nothing in ("left", None, [[1], [1, 2]]):
            assert not SPACES[name]().contains(nothing)
    assert not SPACES["tuple"]().contains((1,))
    assert not SPACES["dict"]().contains({"b": 1})


def test_repr():
    assert repr(Discrete(3)) == "Discrete(3)"
    assert repr(MultiDiscrete((2, 3))) == "MultiDiscrete((2, 3))"
    assert repr(MultiDiscrete((2,) * 2000)) == "MultiDiscrete((2,) * 2000)"
    assert (
        repr(Box(-1.0, 1.0, (2,), jnp.float32))
        == "Box(low=-1, high=1, shape=(2,), dtype=float32)"
    )
    assert repr(SPACES["dict"]()).startswith("Dict({'b': Discrete(3), 'a': Tuple(")
    assert "low=..." in str(jax.eval_shape(lambda: Box(0.0, 1.0)))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Discrete(0), "positive integer, at most 2147483647; got 0"),
        (lambda: Discrete(2.5), r"Discrete\.n must be a positive integer.*got 2\.5"),
        (lambda: Discrete(True), r"Discrete\.n .* got True"),
        (lambda: Discrete(2**31), "at most 2147483647; got 2147483648"),
        (lambda: MultiDiscrete(()), "positive integers; got none"),
        (lambda: MultiDiscrete((2, 0)), r"nvec\[1\] must be a positive.*got 0"),
        (lambda: MultiDiscrete((2.5, 3)), r"nvec\[0\] must be a positive.*got 2\.5"),
        (lambda: MultiDiscrete(np.array([2.0, 3.0])), r"nvec\[0\] .* got np.float64"),
        (lambda: MultiDiscrete(np.array([[2, 3]])), r"nvec must be a sequence.*\[\[2"),
        (lambda: MultiDiscrete(5), "nvec must be a sequence of positive.*got 5"),
        (lambda: Box(1, 0), r"Box\.low must be at most Box\.high, 0; got 1"),
        (lambda: Box([0.0, 2.0], 1.0), r"Box\.low must be at most Box\.high"),
        (lambda: Box(np.nan, 1), r"Box\.low must be a number.*got nan"),
        (lambda: Box(0, jnp.array([1, jnp.nan])), r"Box\.high must be a number.*nan"),
        (lambda: Box(np.inf, np.inf), r"Box\.low .*not NaN or inf; got inf"),
        (lambda: Box(-np.inf, -np.inf), r"Box\.high .*not NaN or -inf; got -inf"),
        (lambda: Box(0, 1, (2,), complex), r"Box\.dtype .*floating.*got complex"),
        (lambda: Box(0, 1, (2,), "colour"), r"Box\.dtype .*floating.*got 'colour'"),
        (lambda: Box(0j, 1), r"Box\.low must be a number.*got 0j"),
        (lambda: Box(0, "1"), r"Box\.high must be a number.*got '1'"),
        (lambda: Box(0, None), r"Box\.high must be a number.*got None"),
        (lambda: Box([[1], [1, 2]], 3), r"Box\.low must be a number"),
        (lambda: Box(0, 2.5, (2,), int), r"Box\.high .*integer from .*got 2\.5"),
        (lambda: Box(0, np.inf, (2,), int), r"Box\.high .*integer from .*got inf"),
        (lambda: Box(-1, 9, (2,), np.uint8), r"low .*from 0 to 255; got -1"),
        (lambda: Box(0, 256, (2,), np.uint8), r"high .*from 0 to 255; got 256"),
        (lambda: Box(0, 2**70, (2,), np.uint8), r"high .*from 0 to 255; got 1180591"),
        (lambda: Box(0, 2, (), bool), r"high .*from 0 to 1; got 2"),
        (lambda: Box(0, 1, 3), r"Box\.shape must be a tuple of sizes; got 3"),
        (
            lambda: Box(0, 1, (2, -1)),
            r"Box\.shape must be a tuple.*; got \(2, -",
        ),
        (lambda: Box(0, 1, (2.0,)), r"Box\.shape must be a tuple of sizes; got \(2\.0"),
        (lambda: Box([0, 0], [1, 1, 1]), r"Box\.low and Box\.high.*\(2,\) and \(3,\)"),
        (lambda: Box([0, 0], 1, (3,)), r"Box\.low must be .*\(3,\); got .*\(2,\)"),
        (lambda: Box(0, [1, 1], ()), r"Box\.high must be .*\(\); got .*\(2,\)"),
        (lambda: Tuple([5]), r"Tuple\.spaces\[0\] must be a space; got 5"),
        (lambda: Tuple(Discrete(3)), r"Tuple\.spaces must be a sequence.*Discrete\(3"),
        (lambda: Dict({"a": 5}), r"Dict\.spaces\['a'\] must be a space; got 5"),
        (lambda: Dict({1: Discrete(2)}), r"Dict\.spaces must be strings; got 1"),
        (lambda: Dict([Discrete(2)]), r"Dict\.spaces must be a dictionary.*Discrete"),
    ],
)
def test_wrong_spaces(unchecked, make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_sizes_may_be_numbers_of_numpy(either_precision):
    assert Discrete(np.int64(3)) == Discrete(3)
    space = MultiDiscrete(np.array([2, 3]))
    assert space == MultiDiscrete((2, 3)) and hash(space) == hash(MultiDiscrete([2, 3]))
    assert space.contains(space.sample(jr.key(0)))
    large = Discrete(2**31 - 1)
    samples = jax.vmap(large.sample)(jr.split(jr.key(0), 100))
    assert samples.min() >= 0 and samples.max() > 2**30


INTEGERS = (
    jnp.int8, jnp.uint8, jnp.int16, jnp.uint16, jnp.int32, jnp.uint32,
)  # fmt: skip


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_at_the_limits_of_their_dtype(dtype, either_precision):
    """Uniform from the lowest to the highest, whether or not that is the dtype's."""
    lowest, highest = int(jnp.iinfo(dtype).min), int(jnp.iinfo(dtype).max)
    shape = (84, 84, 3)

    @jax.jit  # once for all bounds
    def sample(space):
        drawn = space.sample(jr.key(0))
        return drawn, space.contains(drawn)

    def draw(low, high):
        drawn, inside = sample(Box(low, high, shape, dtype))
        assert drawn.dtype == dtype and inside
        return np.asarray(drawn).astype(np.int64)

    for low, high in (
        (highest - 3, highest),
        (lowest, lowest + 3),
        (highest, highest),
        (lowest, lowest),
    ):
        counts = np.bincount((draw(low, high) - low).ravel())
        assert len(counts) == high - low + 1
        assert stats.chisquare(counts).pvalue > 1e-4 or high == low
    scaled = (draw(lowest, highest).ravel() - lowest) / (highest - lowest + 1.0)
    counts = np.histogram(scaled, 16, (0, 1))[0]
    assert stats.chisquare(counts).pvalue > 1e-4
    # Each entry with bounds of its own.
    low = np.array([lowest, highest - 1, 5], dtype)
    drawn = draw(low, np.array([highest, highest, 6], dtype))
    assert len(np.unique(drawn[..., 0])) > 50
    assert all(len(np.unique(drawn[..., i])) == 2 for i in (1, 2))


def test_integers_of_another_dtype(either_precision):
    """None of them is taken for another number."""
    byte, word = Box(0, 255, (), jnp.uint8), Box(-(2**31), 2**31 - 1, (), jnp.int32)
    for value, is_inside in ((256, False), (-1, False), (255, True), (0, True)):
        assert byte.contains(jnp.int32(value)) == is_inside
        nearest = byte.nearest(byte.check(jnp.int32(value)))
        assert nearest.dtype == jnp.uint8 and nearest == np.clip(value, 0, 255)
    assert not word.contains(jnp.uint32(2**32 - 1))
    assert not byte.contains(0.5) and not byte.contains(1.0)
    for space in (Discrete(1000), MultiDiscrete((1000, 1000))):
        ones = jnp.ones(space.shape, jnp.uint8)
        assert space.contains(250 * ones)
        large = jnp.full(space.shape, 2**32 - 1, jnp.uint32)
        assert not space.contains(large)
        assert (space.nearest(space.check(large)) == 999).all()
    large = np.array(2**40 + 3)
    assert not Discrete(5).contains(large) or not jax.config.jax_enable_x64
    assert Discrete(5).nearest(Discrete(5).check(large)) == 4


def test_a_box_of_booleans_keeps_its_bounds():
    space = Box([False, True, False], [True, True, False], dtype=bool)
    samples = jax.vmap(space.sample)(jr.split(jr.key(0), 100))
    assert 20 < samples[:, 0].sum() < 80
    assert samples[:, 1].all() and not samples[:, 2].any()
    np.testing.assert_array_equal(
        space.nearest(jnp.array([True, False, True])), [True, True, False]
    )


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_samples_in_16_bits(dtype):
    space = Box([-1.0, -np.inf, 0.0, -np.inf], [1.0, 1.0, np.inf, np.inf], dtype=dtype)
    samples = jax.vmap(space.sample)(jr.split(jr.key(0), 500))
    assert samples.dtype == dtype and jax.vmap(space.contains)(samples).all()
    mean = samples.astype(jnp.float32).mean(axis=0)
    np.testing.assert_allclose(mean, [0.0, 0.0, 1.0, 0.0], atol=0.2)


@pytest.mark.parametrize("value", [jr.key(0), 1j, np.complex64(1)])
def test_a_box_contains_no_keys_or_complex_numbers(value):
    for dtype in (float, int, bool):
        assert not Box(0, 1, (), dtype).contains(value)


def test_infinite_bounds_and_bounds_that_are_traced():
    Box(-np.inf, np.inf, (3,))
    Box(-np.inf, 5, (3,))
    low = jax.jit(lambda low: Box(low, 1.0).low)(3.0)  # not known when it is made
    assert low == 3


def test_spaces_without_parts():
    for space in (Tuple(()), Dict({})):
        value = space.sample(jr.key(0))
        assert space.contains(value)
        assert flatten(space, value).shape == flat_space(space).shape == (0,)


@pytest.mark.parametrize("name", SPACES)
def test_sampling_says_what_a_key_is(unchecked, name):
    with pytest.raises(
        TypeError, match=rf"{type(SPACES[name]()).__name__}\.sample.*got 3"
    ):
        SPACES[name]().sample(3)


@pytest.mark.parametrize(
    "space, value, error, message",
    [
        ("tuple", [1, jnp.zeros(2)], TypeError, "x must be in Tuple"),
        ("tuple", (1,), TypeError, "x must be in Tuple"),
        ("tuple", (1, jnp.zeros(3)), ValueError, r"x\[1\] must have shape \(2,\)"),
        ("dict", {"a": 1}, TypeError, "x must be in Dict"),
        ("dict", {"a": (0, 0), "b": 0.5}, TypeError, r"x\['b'\] must be in Discr"),
        ("booleans", jnp.zeros((3, 2)), TypeError, "dtype float"),
        ("integers", jnp.zeros((2, 2)), TypeError, "dtype float"),
        ("box", jnp.zeros((5, 3)), ValueError, r"got the shape \(5, 3\).*VectorEnv"),
        ("box", jr.key(0), TypeError, "dtype key"),
        ("discrete", jnp.bfloat16(1), TypeError, "dtype bfloat16"),
        ("integers", jnp.zeros((2, 2), jnp.bfloat16), TypeError, "dtype bfloat16"),
        ("discrete", 1j, TypeError, "got 1j"),
    ],
)
def test_check_says_what_is_wrong(unchecked, space, value, error, message):
    with pytest.raises(error, match=message):
        SPACES[space]().check(value, "x")
