"""Comparisons of what two programs gave."""

import jax
import jax.random as jr
import numpy as np


def assert_same(first, second, tolerance=0.0):
    """The same structure and numbers: bit for bit, unless there is a tolerance."""
    xs, ys = jax.tree.leaves(first), jax.tree.leaves(second)
    assert len(xs) == len(ys)
    for x, y in zip(xs, ys, strict=True):
        if jax.numpy.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jr.key_data(x), jr.key_data(y)
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)
