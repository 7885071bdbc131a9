"""The threefry that is written out gives the numbers of JAX's own."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import CartPole
from eqenvs.random._threefry import write_out

from .trees import assert_equal


def words(function):
    def call(key):
        result = function(key)
        if jnp.issubdtype(result.dtype, jax.dtypes.prng_key):
            return jr.key_data(result)
        return result

    return call


FUNCTIONS = {
    "one word": lambda key: jr.bits(key),
    "many words": lambda key: jr.bits(key, (3, 5)),
    "no words": lambda key: jr.bits(key, (0,)),
    "bytes": lambda key: jr.bits(key, (33,), jnp.uint8),
    "half words": lambda key: jr.bits(key, (33,), jnp.uint16),
    "uniform": lambda key: jr.uniform(key, (4,)),
    "normal": lambda key: jr.normal(key, (4,)),
    "randint": lambda key: jr.randint(key, (9,), -3, 12),
    "permutation": lambda key: jr.permutation(key, 20),
    "split": lambda key: jr.split(key, (2, 3)),
    "fold_in": lambda key: jr.fold_in(key, 2**32 - 1),
    "fold_in of many": lambda key: jax.vmap(lambda i: jr.fold_in(key, i))(
        jnp.arange(5)
    ),
    "draws of many": lambda key: jax.vmap(jr.uniform)(jr.split(key, 6)),
    "a tree": lambda key: jr.fold_in(jr.split(jr.fold_in(key, 7))[1], 3),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_same_numbers(name, either_precision):
    function = words(FUNCTIONS[name])
    for seed in (0, 1, 2**31 - 1):
        key = jr.key(seed)
        expected = function(key)
        np.testing.assert_array_equal(function(write_out(key)), expected)
        np.testing.assert_array_equal(jax.jit(function)(write_out(key)), expected)


def test_long_words(x64):
    key = jr.key(3)
    draw = lambda key: jr.bits(key, (9,), jnp.uint64)  # noqa: E731
    np.testing.assert_array_equal(draw(write_out(key)), draw(key))


def test_keys_of_another_kind_are_left_alone():
    key = jr.key(0, impl="rbg")
    assert write_out(key) is key
    once = write_out(jr.key(0))
    assert write_out(once) is once


def test_the_older_layout_of_threefry_is_left_alone():
    with jax.threefry_partitionable(False):
        key = jr.key(0)
        assert write_out(key) is key
        _, state = CartPole().reset(key)
        expected = jr.uniform(key, (4,), minval=-0.05, maxval=0.05)
        np.testing.assert_allclose(state.x, expected[0], rtol=1e-6)


def test_environments_draw_what_jax_would_draw():
    """Whoever draws an initial state outside of the loop gets the same."""
    env = CartPole()
    assert_equal(env.reset(jr.key(5))[1], eqx.filter_jit(env.initial_state)(jr.key(5)))


def test_a_seed_through_the_implementation():
    from eqenvs.random._threefry import _IMPLEMENTATION

    ours = jr.key_data(jr.key(17, impl=_IMPLEMENTATION))
    np.testing.assert_array_equal(ours, jr.key_data(jr.key(17)))
