"""What the tests of random draws share beside `scipy.stats`.

A test that compares a p-value with `SIGNIFICANCE` would fail with that probability
although the law holds; the seeds are fixed, so that it either always does or never.
"""

import numpy as np
import scipy.stats


SIGNIFICANCE = 1e-4


def normal_p_value(sample, mean=0.0, scale=1.0):
    """Of the hypothesis that a large sample is normal with this mean and scale.

    The least p-value of Kolmogorov's test and of one of the first, second and fourth
    moment, for which SciPy has no test that takes mean and scale as known.
    """
    x = (np.asarray(sample, np.float64) - mean) / scale
    n = len(x)
    z = np.array(
        [
            x.mean() * n**0.5,
            ((x**2).mean() - 1) * (n / 2) ** 0.5,
            ((x**4).mean() - 3) * (n / 96) ** 0.5,
        ]
    )
    moments = 2 * scipy.stats.norm.sf(np.abs(z))
    return min(3 * moments.min(), scipy.stats.kstest(x, "norm").pvalue)
