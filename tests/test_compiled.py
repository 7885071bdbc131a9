import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqenvs
from eqenvs._compiled import jit


def counted():
    """A compiled function, and a list that grows with every trace of it."""
    traces = []

    @jit
    def function(x, other):
        traces.append(None)
        return (other(x) if callable(other) else x + other), other

    return function, traces


def test_compiles_once_for_arrays():
    function, traces = counted()
    for value in range(3):
        total, other = function(jnp.int32(value), np.int32([1, 2]))
        assert isinstance(other, jax.Array)
        np.testing.assert_array_equal(total, [value + 1, value + 2])
    assert len(traces) == 1


def test_compiles_once_for_what_is_no_array():
    function, traces = counted()
    for value in range(3):
        angle, other = function(jnp.float32(value), jnp.sin)
        assert other is jnp.sin
        np.testing.assert_allclose(angle, np.sin(value), rtol=1e-6)
    assert len(traces) == 1


@pytest.mark.parametrize("action", ["left", None])
def test_no_number_for_an_action(action):
    env = eqenvs.make("CartPole-v1")
    _, state = env.reset(jax.random.key(0))
    with pytest.raises(TypeError, match="action of CartPole"):
        env.step(jax.random.key(0), state, action)
