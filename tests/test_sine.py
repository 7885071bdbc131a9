import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqenvs._sine import sin_cos


@pytest.mark.parametrize("bound", [0.2, 4.0, 100.0, 1000.0])
def test_it_is_off_by_less_than_1e_7(bound):
    angles = np.random.default_rng(0).uniform(-bound, bound, 1_000_000)
    angles = angles.astype(np.float32)
    sine, cosine = (np.asarray(x) for x in jax.jit(sin_cos)(angles))
    assert np.max(np.abs(sine - np.sin(angles.astype(float)))) < 1e-7
    assert np.max(np.abs(cosine - np.cos(angles.astype(float)))) < 1e-7
    assert np.max(np.abs(sine)) <= 1 and np.max(np.abs(cosine)) <= 1


def test_quarter_turns():
    angles = np.arange(-8, 9).astype(np.float32) * np.float32(np.pi / 2)
    sine, cosine = (np.asarray(x) for x in sin_cos(jnp.asarray(angles)))
    np.testing.assert_allclose(sine, np.sin(angles.astype(float)), atol=1e-7)
    np.testing.assert_allclose(cosine, np.cos(angles.astype(float)), atol=1e-7)


def test_any_other_number():
    huge = jnp.array([3e4, 1e9, -1e20, 3e38], jnp.float32)
    for values in sin_cos(huge):
        assert np.all(np.abs(values) <= 1)
    for values in sin_cos(jnp.array([jnp.inf, -jnp.inf, jnp.nan], jnp.float32)):
        assert np.all(np.isnan(values))


def test_one_lane_is_as_many():
    angles = jnp.linspace(-10.0, 10.0, 1_001, dtype=jnp.float32)
    many = jax.jit(sin_cos)(angles)
    single = jax.jit(sin_cos)
    for i in range(0, angles.size, 50):
        for all_of_them, one in zip(many, single(angles[i]), strict=True):
            assert all_of_them[i] == one


def test_derivatives():
    angles = jnp.linspace(-10.0, 10.0, 101, dtype=jnp.float32)
    sine, cosine = sin_cos(angles)

    def first(angle):
        return sin_cos(angle)[0]

    def second(angle):
        return sin_cos(angle)[1]

    assert jnp.array_equal(jax.vmap(jax.grad(first))(angles), cosine)
    assert jnp.array_equal(jax.vmap(jax.grad(second))(angles), -sine)
    assert jnp.array_equal(jax.vmap(jax.grad(jax.grad(first)))(angles), -sine)


def test_other_precisions_are_left_to_jax():
    with jax.enable_x64(True):
        angles = jnp.linspace(-10.0, 10.0, 101, dtype=jnp.float64)
        sine, cosine = sin_cos(angles)
        assert jnp.array_equal(sine, jnp.sin(angles))
        assert jnp.array_equal(cosine, jnp.cos(angles))
    assert sin_cos(jnp.ones(3, jnp.bfloat16))[0].dtype == jnp.bfloat16
