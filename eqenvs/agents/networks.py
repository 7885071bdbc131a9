"""Networks for agents: from an observation to a distribution over actions."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from distreqx.distributions import (
    AbstractDistribution,
    Categorical,
    MultivariateNormalDiag,
)
from jaxtyping import Array, Float, Key, PyTree

from ..spaces import AbstractSpace, Box, Dict, Discrete, MultiDiscrete, Tuple


def flatten(space: AbstractSpace, value: PyTree[Array]) -> Float[Array, " size"]:
    """An element of any space as one vector of floats; integers become one-hot."""
    match space:
        case Box():
            return jnp.ravel(value).astype(float)
        case Discrete():
            return jax.nn.one_hot(value, space.n)
        case MultiDiscrete():
            parts = [jax.nn.one_hot(value[i], n) for i, n in enumerate(space.nvec)]
        case Tuple():
            parts = [flatten(s, v) for s, v in zip(space.spaces, value, strict=True)]
        case Dict():
            parts = [flatten(space.spaces[k], value[k]) for k in sorted(space.spaces)]
        case _:
            raise TypeError(f"no network takes observations from {space!r}.")
    return jnp.concatenate(parts)


class ActorCritic(eqx.Module):
    """A policy and an estimate of its value, from two separate networks.

    It can be called as a policy: `agent(key, observation)` draws an action, and
    `agent.greedy(key, observation)` returns the most likely one.
    """

    actor: eqx.nn.MLP
    critic: eqx.nn.MLP
    log_std: Float[Array, " actions"] | None
    action_space: AbstractSpace
    observation_space: AbstractSpace

    def __init__(
        self,
        observation_space: AbstractSpace,
        action_space: AbstractSpace,
        hidden_sizes: tuple[int, int] = (64, 2),
        *,
        key: Key[Array, ""],
    ):
        """**Arguments:**

        - `observation_space`: any space.
        - `action_space`: a `Discrete` space, or a `Box` of floats.
        - `hidden_sizes`: the width and the number of the hidden layers.
        - `key`: a JAX PRNG key for the weights.
        """
        example = jax.eval_shape(observation_space.sample, key)
        size = jax.eval_shape(lambda x: flatten(observation_space, x), example).size
        if isinstance(action_space, Discrete):
            outputs, self.log_std = action_space.n, None
        elif isinstance(action_space, Box) and jnp.issubdtype(
            action_space.dtype, jnp.floating
        ):
            outputs = math.prod(action_space.shape)
            self.log_std = jnp.zeros(outputs)
        else:
            raise TypeError(
                "the action space must be a Discrete space or a Box of floats; got "
                f"{action_space!r}."
            )
        actor_key, critic_key = jr.split(key)
        # A small last layer makes the first policy nearly uniform.
        self.actor = _mlp(size, outputs, hidden_sizes, 0.01, actor_key)
        self.critic = _mlp(size, "scalar", hidden_sizes, 1.0, critic_key)
        self.action_space = action_space
        self.observation_space = observation_space

    def distribution(self, observation: PyTree[Array]) -> AbstractDistribution:
        """The distribution that the policy draws from; see `to_action`."""
        output = self.actor(flatten(self.observation_space, observation))
        if self.log_std is None:
            return Categorical(logits=output)
        return MultivariateNormalDiag(output, jnp.exp(self.log_std))

    def value(self, observation: PyTree[Array]) -> Float[Array, ""]:
        """The estimate of the discounted return from here on."""
        return self.critic(flatten(self.observation_space, observation))

    def to_action(self, draw: Array) -> Array:
        """An action from what the distribution gave: -1 and 1 stand for the bounds."""
        space = self.action_space
        if not isinstance(space, Box):
            return draw.astype(jnp.int32)
        is_bounded = jnp.isfinite(space.low) & jnp.isfinite(space.high)
        low = jnp.where(is_bounded, space.low, -1.0)
        high = jnp.where(is_bounded, space.high, 1.0)
        middle, reach = (high + low) / 2, (high - low) / 2
        action = middle + reach * draw.reshape(space.shape)
        return jnp.clip(action, space.low, space.high)

    def __call__(self, key: Key[Array, ""], observation: PyTree[Array]) -> Array:
        return self.to_action(self.distribution(observation).sample(key))

    def greedy(self, key: Key[Array, ""], observation: PyTree[Array]) -> Array:
        """The most likely action. The key is not used."""
        del key
        return self.to_action(self.distribution(observation).mode())


def _mlp(
    inputs: int,
    outputs: Any,
    hidden_sizes: tuple[int, int],
    last_scale: float,
    key: Key[Array, ""],
) -> eqx.nn.MLP:
    """A network with `tanh` and orthogonal weights, as PPO likes it."""
    width, depth = hidden_sizes
    mlp = eqx.nn.MLP(inputs, outputs, width, depth, jnp.tanh, key=key)
    keys = jr.split(key, len(mlp.layers))
    scales = [math.sqrt(2)] * depth + [last_scale]
    weights = [
        jax.nn.initializers.orthogonal(scale)(k, layer.weight.shape)
        for layer, scale, k in zip(mlp.layers, scales, keys, strict=True)
    ]
    biases = [jnp.zeros(layer.weight.shape[0]) for layer in mlp.layers]
    return eqx.tree_at(
        lambda m: (
            [layer.weight for layer in m.layers] + [layer.bias for layer in m.layers]
        ),
        mlp,
        weights + biases,
    )
