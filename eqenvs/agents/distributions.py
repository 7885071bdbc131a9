"""Distributions over actions.

The first axis of a distribution's parameters is that of its categories or entries. Any
further axes make it a batch of distributions, and are also the last axes of the draws.
(Networks are fastest if the batch is the last axis.) A discrete draw uses one uniform
random number.
"""

import abc
import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, Int32, Key


class AbstractDistribution(eqx.Module):
    """A distribution over actions, or a batch of them."""

    @abc.abstractmethod
    def sample(self, key: Key[Array, ""]) -> Array:
        """Draws once from each distribution.

        **Arguments:**

        - `key`: a JAX PRNG key.

        **Returns:**

        The draws.
        """

    @abc.abstractmethod
    def log_prob(self, draw: Array) -> Float[Array, "*batch"]:
        """The logarithm of the probability, or probability density, of a draw."""

    @abc.abstractmethod
    def entropy(self) -> Float[Array, "*batch"]:
        """The entropy, in nats."""

    @abc.abstractmethod
    def mode(self) -> Array:
        """The most likely draw."""


class Categorical(AbstractDistribution):
    """One of the integers `0, 1, ..., n - 1`."""

    log_probs: Float[Array, "n *batch"]

    def __init__(self, logits: Float[Array, "n *batch"]):
        """**Arguments:**

        - `logits`: the logarithms of the probabilities, up to a constant.
        """
        self.log_probs = jax.nn.log_softmax(logits, axis=0)

    def sample(self, key: Key[Array, ""]) -> Int32[Array, "*batch"]:
        batch = self.log_probs.shape[1:]
        return self.quantile(jr.uniform(key, batch, self.log_probs.dtype))

    def quantile(self, uniform: Float[Array, "*batch"]) -> Int32[Array, "*batch"]:
        """The draw for a uniform random number from 0 to 1 (exclusive)."""
        cumulative = jnp.cumsum(jnp.exp(self.log_probs[:-1]), axis=0)
        return jnp.sum(uniform[None] >= cumulative, axis=0, dtype=jnp.int32)

    def log_prob(self, draw: Int[Array, "*batch"]) -> Float[Array, "*batch"]:
        # A mask: the gradient of an index would be a scatter, one entry at a time.
        categories = jax.lax.broadcasted_iota(draw.dtype, self.log_probs.shape, 0)
        is_drawn = categories == draw[None]
        return jnp.sum(jnp.where(is_drawn, self.log_probs, 0.0), axis=0)

    def entropy(self) -> Float[Array, "*batch"]:
        # Impossible categories add nothing: 0 times minus infinity counts as 0.
        is_possible = self.log_probs > -jnp.inf
        log_probs = jnp.where(is_possible, self.log_probs, 0.0)
        return -jnp.sum(jnp.exp(self.log_probs) * log_probs, axis=0)

    def mode(self) -> Int32[Array, "*batch"]:
        return jnp.argmax(self.log_probs, axis=0).astype(jnp.int32)


class Categoricals(AbstractDistribution):
    """A vector of independently drawn integers."""

    entries: tuple[Categorical, ...]

    def __init__(self, logits: Float[Array, "total *batch"], sizes: tuple[int, ...]):
        """**Arguments:**

        - `logits`: the logits of all entries, concatenated.
        - `sizes`: the number of values of each entry.
        """
        bounds = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
        self.entries = tuple(
            Categorical(logits[start:stop])
            for start, stop in itertools.pairwise(bounds)
        )

    def sample(self, key: Key[Array, ""]) -> Int32[Array, "entries *batch"]:
        log_probs = self.entries[0].log_probs
        shape = (len(self.entries), *log_probs.shape[1:])
        uniform = jr.uniform(key, shape, log_probs.dtype)
        draws = [entry.quantile(uniform[i]) for i, entry in enumerate(self.entries)]
        return jnp.stack(draws)

    def log_prob(self, draw: Int[Array, "entries *batch"]) -> Float[Array, "*batch"]:
        parts = [entry.log_prob(draw[i]) for i, entry in enumerate(self.entries)]
        return jnp.sum(jnp.stack(parts), axis=0)

    def entropy(self) -> Float[Array, "*batch"]:
        parts = [entry.entropy() for entry in self.entries]
        return jnp.sum(jnp.stack(parts), axis=0)

    def mode(self) -> Int32[Array, "entries *batch"]:
        return jnp.stack([entry.mode() for entry in self.entries])


class DiagonalNormal(AbstractDistribution):
    """A vector of independent, normally distributed real numbers."""

    mean: Float[Array, "entries *batch"]
    log_std: Float[Array, "entries *batch"]

    def sample(self, key: Key[Array, ""]) -> Float[Array, "entries *batch"]:
        noise = jr.normal(key, self.mean.shape, self.mean.dtype)
        return self.mean + jnp.exp(self.log_std) * noise

    def log_prob(self, draw: Float[Array, "entries *batch"]) -> Float[Array, "*batch"]:
        error = (draw - self.mean) * jnp.exp(-self.log_std)
        log_density = error**2 / 2 + self.log_std + math.log(2 * math.pi) / 2
        return -jnp.sum(log_density, axis=0)

    def entropy(self) -> Float[Array, "*batch"]:
        return jnp.sum(self.log_std + math.log(2 * math.pi * math.e) / 2, axis=0)

    def mode(self) -> Float[Array, "entries *batch"]:
        return self.mean
