import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import stats

from eqenvs.random import below, scale_bits
from eqenvs.spaces import Box, Dict, Discrete, MultiDiscrete, Tuple


SPACES = {
    "discrete": Discrete(5),
    "multi_discrete": MultiDiscrete((2, 3, 7)),
    "box": Box(-1.0, jnp.array([1.0, 2.0, 3.0])),
    "integers": Box(-3, 4, (2, 2), jnp.int32),
    "booleans": Box(False, True, (3, 2), bool),
    "half_bounded": Box(jnp.array([-jnp.inf, 0.0, -jnp.inf]), jnp.array([5, 9, 9.0])),
    "unbounded": Box(-jnp.inf, jnp.inf, (4,)),
    "tuple": Tuple((Discrete(2), Box(0.0, 1.0, (2,)))),
    "dict": Dict({"b": Discrete(3), "a": Tuple((Discrete(2), Discrete(2)))}),
}


@pytest.mark.parametrize("name", SPACES)
def test_samples_are_inside(name, either_precision):
    space = SPACES[name]
    samples = jax.jit(jax.vmap(space.sample))(jr.split(jr.key(0), 200))
    assert jax.vmap(space.contains)(samples).all()
    first = jax.tree.map(lambda x: x[0], samples)
    checked = space.check(first)
    assert jax.tree.structure(checked) == jax.tree.structure(first)
    for x, y in zip(jax.tree.leaves(checked), jax.tree.leaves(first), strict=True):
        assert x.dtype == y.dtype and (x == y).all()


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
    sample = jax.vmap(SPACES["half_bounded"].sample)(keys)
    exponential = stats.expon()
    assert stats.kstest(5 - sample[:, 0], exponential.cdf).pvalue > 1e-4
    assert stats.kstest(sample[:, 1] / 9, stats.uniform().cdf).pvalue > 1e-4
    assert stats.kstest(9 - sample[:, 2], exponential.cdf).pvalue > 1e-4
    normal = jax.vmap(SPACES["unbounded"].sample)(keys)
    assert stats.kstest(normal[:, 0], stats.norm().cdf).pvalue > 1e-4
    integers = np.asarray(jax.vmap(SPACES["integers"].sample)(keys))
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
    assert not SPACES["tuple"].contains((1,))
    assert not SPACES["dict"].contains({"b": 1})


def test_repr():
    assert repr(Discrete(3)) == "Discrete(3)"
    assert (
        repr(Box(-1.0, 1.0, (2,))) == "Box(low=-1, high=1, shape=(2,), dtype=float32)"
    )
    assert repr(SPACES["dict"]).startswith("Dict({'b': Discrete(3), 'a': Tuple(")
    assert "low=..." in str(jax.eval_shape(lambda: Box(0.0, 1.0)))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Discrete(0), "positive integer; got 0"),
        (lambda: Discrete(2.5), r"positive integer; got 2\.5"),
        (lambda: MultiDiscrete(()), "positive integers"),
        (lambda: MultiDiscrete((2, 0)), "positive integers"),
    ],
)
def test_wrong_spaces(unchecked, make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "space, value, error, message",
    [
        ("tuple", [1, jnp.zeros(2)], TypeError, "x must be in Tuple"),
        ("tuple", (1,), TypeError, "x must be in Tuple"),
        ("tuple", (1, jnp.zeros(3)), ValueError, r"x\[1\] must have shape \(2,\)"),
        ("dict", {"a": 1}, TypeError, "x must be in Dict"),
        ("dict", {"a": (0, 0), "b": 0.5}, TypeError, r"x\['b'\] must be in Discr"),
        ("booleans", jnp.zeros((3, 2)), TypeError, "dtype float32"),
        ("integers", jnp.zeros((2, 2)), TypeError, "dtype float32"),
        ("box", jnp.zeros((5, 3)), ValueError, r"got the shape \(5, 3\).*VectorEnv"),
        ("box", jr.key(0), TypeError, "dtype key"),
    ],
)
def test_check_says_what_is_wrong(unchecked, space, value, error, message):
    with pytest.raises(error, match=message):
        SPACES[space].check(value, "x")
