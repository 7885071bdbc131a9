"""Optimizer steps on the weights of a network."""

from typing import Any

import equinox as eqx
import jax
import optax
from jaxtyping import Array, Float, PyTree

from ._algorithm import AbstractLearner


def weights_of(network: PyTree) -> PyTree:
    """The part of a network that an optimizer changes: its arrays of real numbers."""
    return eqx.filter(network, eqx.is_inexact_array)


def current_step_size(
    algorithm: Any, learning_rate: Float[Array, ""], learner: AbstractLearner
) -> Float[Array, ""]:
    """The step size now: with `anneal_learning_rate`, it falls linearly to zero."""
    if algorithm.anneal_learning_rate:
        return learning_rate * learner.remaining()
    return learning_rate


def descend(
    optimizer: optax.GradientTransformation,
    step_size: Float[Array, ""],
    weights: PyTree,
    gradient: PyTree,
    optimizer_state: PyTree,
) -> tuple[PyTree, PyTree]:
    """One step against the gradient: the new weights and the optimizer's new state.

    **Arguments:**

    - `optimizer`: chooses a direction; `step_size` says how far to go.
    """
    # Optax needs implicit promotion, which the user may have disabled.
    with jax.numpy_dtype_promotion("standard"):
        direction, optimizer_state = optimizer.update(gradient, optimizer_state)
    weights = jax.tree.map(lambda w, d: w - step_size * d, weights, direction)
    return weights, optimizer_state
