"""Comparing pytrees of arrays, and looking through traced programs."""

import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np


def assert_equal(x, y):
    """The same structure, dtypes and numbers, bit for bit."""
    assert jtu.tree_structure(x) == jtu.tree_structure(y)
    for (path, a), (_, b) in zip(
        jtu.tree_leaves_with_path(x), jtu.tree_leaves_with_path(y), strict=True
    ):
        assert a.dtype == b.dtype, jtu.keystr(path)
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jr.key_data(a), jr.key_data(b)
        np.testing.assert_array_equal(a, b, err_msg=jtu.keystr(path))


def assert_close(x, y):
    """The same structure, and numbers but for rounding."""
    assert jtu.tree_structure(x) == jtu.tree_structure(y)
    for a, b in zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def parts_of(equation):
    """The programs that an equation of a traced program consists of."""
    for part in jax.tree.leaves([*equation.params.values()]):
        inner = getattr(part, "jaxpr", part)
        if hasattr(inner, "eqns"):
            yield inner
