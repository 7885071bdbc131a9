import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import scipy.stats

from eqenvs.agents.distributions import Categorical, Categoricals, DiagonalNormal


LOGITS = np.array([0.5, -1.0, 2.0, 0.0])
PROBS = np.exp(LOGITS) / np.exp(LOGITS).sum()


def test_categorical(either_precision):
    distribution = Categorical(jnp.asarray(LOGITS, float))
    draws = jax.vmap(distribution.sample)(jr.split(jr.key(0), 20_000))
    counts = np.bincount(draws, minlength=4)
    assert scipy.stats.chisquare(counts, 20_000 * PROBS).pvalue > 1e-3
    log_probs = jax.vmap(distribution.log_prob)(jnp.arange(4))
    np.testing.assert_allclose(log_probs, np.log(PROBS), rtol=1e-5)
    np.testing.assert_allclose(
        distribution.entropy(), scipy.stats.entropy(PROBS), rtol=1e-5
    )
    assert distribution.mode() == 2 and distribution.mode().dtype == jnp.int32


def test_categorical_at_its_edges():
    distribution = Categorical(jnp.array([0.0, -jnp.inf, 0.0]))
    quantiles = jax.vmap(distribution.quantile)(jnp.array([0, 0.499, 0.501, 0.9999999]))
    np.testing.assert_array_equal(quantiles, [0, 0, 2, 2])
    np.testing.assert_allclose(distribution.entropy(), np.log(2), rtol=1e-6)
    gradient = jax.grad(lambda x: Categorical(x).entropy())(
        jnp.array([0.0, -jnp.inf, 1.0])
    )
    assert np.isfinite(gradient).all()
    assert Categorical(jnp.zeros(1)).sample(jr.key(0)) == 0
    assert Categorical(jnp.array([-jnp.inf, 0.0])).quantile(jnp.array(0.0)) == 1


def test_categoricals_are_independent():
    distribution = Categoricals(
        jnp.concatenate([jnp.asarray(LOGITS), jnp.zeros(2)]), (4, 2)
    )
    draws = np.asarray(jax.vmap(distribution.sample)(jr.split(jr.key(0), 20_000)))
    table = np.histogram2d(draws[:, 0], draws[:, 1], bins=(4, 2))[0]
    expected = 20_000 * np.outer(PROBS, [0.5, 0.5])
    assert scipy.stats.chisquare(table.ravel(), expected.ravel()).pvalue > 1e-3
    np.testing.assert_allclose(
        distribution.log_prob(jnp.array([2, 0])), np.log(PROBS[2] / 2), rtol=1e-5
    )
    np.testing.assert_allclose(
        distribution.entropy(), scipy.stats.entropy(PROBS) + np.log(2), rtol=1e-5
    )
    np.testing.assert_array_equal(distribution.mode(), [2, 0])


def test_diagonal_normal(either_precision):
    mean, std = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    distribution = DiagonalNormal(
        jnp.asarray(mean, float), jnp.asarray(np.log(std), float)
    )
    draws = np.asarray(jax.vmap(distribution.sample)(jr.split(jr.key(0), 5_000)))
    for i in range(2):
        reference = scipy.stats.norm(mean[i], std[i])
        assert scipy.stats.kstest(draws[:, i], reference.cdf).pvalue > 1e-3
    reference = scipy.stats.multivariate_normal(mean, np.diag(std**2))
    np.testing.assert_allclose(
        distribution.log_prob(jnp.asarray(draws[0])),
        reference.logpdf(draws[0]),
        rtol=1e-4,
    )
    np.testing.assert_allclose(distribution.entropy(), reference.entropy(), rtol=1e-5)
    np.testing.assert_array_equal(distribution.mode(), mean)
