"""P-values of laws that random draws should obey.

A test that compares such a p-value with `SIGNIFICANCE` would fail with that probability
although the law holds; the seeds are fixed, so that it either always does or never.
"""

import jax
import numpy as np


SIGNIFICANCE = 1e-4


def two_sided(z):
    """The probability that a standard normal number is further from 0 than `z`."""
    return 2 * np.asarray(jax.scipy.stats.norm.sf(np.abs(z)), np.float64)


def chi_square_p_value(counts, probabilities):
    """Of the hypothesis that the counts are multinomial with these probabilities."""
    counts = np.asarray(counts, np.float64)
    expected = counts.sum() * np.asarray(probabilities, np.float64)
    assert expected.shape == counts.shape
    statistic = ((counts - expected) ** 2 / expected).sum()
    return float(jax.scipy.stats.chi2.sf(statistic, len(counts) - 1))


def binomial_p_value(successes, trials, p):
    """By the normal approximation."""
    return float(two_sided((successes - trials * p) / (trials * p * (1 - p)) ** 0.5))


def uniform_p_value(sample):
    """Kolmogorov's, of the hypothesis that a large sample is uniform from 0 to 1."""
    u = np.sort(np.asarray(sample, np.float64))
    n = len(u)
    i = np.arange(n)
    distance = max(np.max((i + 1) / n - u), np.max(u - i / n))
    k = np.arange(1, 101)
    terms = (-1.0) ** (k - 1) * np.exp(-2 * k**2 * n * distance**2)
    return float(np.clip(2 * terms.sum(), 0, 1))


def normal_p_value(sample, mean=0.0, scale=1.0):
    """The least p-value of the first, second and fourth moment of a normal sample,
    times their number."""
    x = (np.asarray(sample, np.float64) - mean) / scale
    n = len(x)
    z = np.array(
        [
            x.mean() * n**0.5,
            ((x**2).mean() - 1) * (n / 2) ** 0.5,
            ((x**4).mean() - 3) * (n / 96) ** 0.5,
        ]
    )
    return 3 * float(two_sided(z).min())


def correlation_p_value(x, y):
    """Of the hypothesis that two large samples are independent."""
    correlation = np.corrcoef(np.asarray(x), np.asarray(y))[0, 1]
    return float(two_sided(correlation * len(x) ** 0.5))
