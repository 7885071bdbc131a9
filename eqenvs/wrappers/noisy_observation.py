"""Observations with noise.

`observe` is a function of the state, so the noise is part of the state: observing the
same state twice gives the same observation.
"""

from typing import Any, Generic

import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
from jaxtyping import Array, Float, Key, PyTree

from .._environment import AbstractEnvironment, Action, State, Transition
from ..fields import environment, real
from ..spaces import AbstractSpace
from ._spaces import consists_of_boxes, map_parts, require, unbounded
from ._wrapper import AbstractWrapper, AbstractWrapperState


class NoisyObservationState(AbstractWrapperState[State], Generic[State]):
    """A state of the wrapped environment, and the noise in its observation, in standard
    deviations."""

    inner: State
    noise: PyTree[Float[Array, "..."]]


class NoisyObservation(
    AbstractWrapper[NoisyObservationState[State], Action, PyTree[Array], State]
):
    """Adds independent normal noise to every number in an observation.

    ```python
    env = NoisyObservation(CartPole(), scale=0.01)
    ```
    """

    env: AbstractEnvironment[State, Action, PyTree[Array]] = environment(
        "The environment, with a `Box`, or tuples and dictionaries of them, as its "
        "observation space."
    )
    scale: Float[Array, ""] = real(
        description="Standard deviation of the noise.", minimum=0
    )

    def __check_init__(self):
        require(self.env, "observation_space", consists_of_boxes, self, "made of Boxes")

    def _noise(self, key: Key[Array, ""]) -> PyTree[Float[Array, "..."]]:
        like = jax.eval_shape(self.env.observation_space.sample, key)
        leaves, structure = jtu.tree_flatten(like)
        keys = jr.split(key, len(leaves))
        dtype = jnp.result_type(float)
        noise = [
            jr.normal(key, x.shape, dtype) for key, x in zip(keys, leaves, strict=True)
        ]
        return jtu.tree_unflatten(structure, noise)

    def wrap(self, key: Key[Array, ""], inner: State) -> NoisyObservationState[State]:
        return NoisyObservationState(inner=inner, noise=self._noise(key))

    def inner_state(self, state: NoisyObservationState[State]) -> State:
        return state.inner

    def transition(
        self, key: Key[Array, ""], state: NoisyObservationState[State], action: Action
    ) -> Transition[NoisyObservationState[State]]:
        transition = self.inner_transition(key, state.inner, action)
        noise = self._noise(self.own_key(key))
        next_state = NoisyObservationState(inner=transition.state, noise=noise)
        return transition._replace(state=next_state)

    def observe(self, state: NoisyObservationState[State]) -> PyTree[Array]:
        def add(x: Any, noise: Any) -> Any:
            return x.astype(noise.dtype) + self.scale * noise

        return jax.tree.map(add, self.env.observe(state.inner), state.noise)

    @property
    def observation_space(self) -> AbstractSpace:
        return map_parts(unbounded, self.env.observation_space)
