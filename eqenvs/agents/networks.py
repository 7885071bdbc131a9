"""Networks for agents: from an observation to a distribution over actions."""

import math
from collections.abc import Callable
from typing import Any, cast, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Key, PyTree, UInt

from .._bound import AbstractValue
from .._checks import check_key, show
from ..spaces import (
    AbstractSpace,
    Box,
    Dict,
    Discrete,
    flat_space,
    flatten,
    MultiDiscrete,
    Tuple,
)
from ._layers import affine, convolve, LayerNorm, orthogonal
from .distributions import (
    AbstractDistribution,
    Categorical,
    Categoricals,
    DiagonalNormal,
)
from .memory import AbstractCell, CELLS, Memory


Torso = Literal["auto", "mlp", "conv"]
Activation = Literal["tanh", "relu"]

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
}
_CHANNELS = 16  # of the convolution
_KERNEL_SIZE = 3


class Constants(eqx.Module):
    """Numbers that must not be trained, stored as integers with the same bits.

    Every floating-point array in an agent counts as a weight: gradients change it, an
    optimizer may decay it, and an evolution strategy perturbs it.
    """

    bits: UInt[Array, "..."]
    dtype: Any = eqx.field(static=True)

    def __init__(self, value: Float[Array, "..."]):
        self.dtype = value.dtype
        width = 8 * value.dtype.itemsize
        self.bits = jax.lax.bitcast_convert_type(value, f"uint{width}")

    @property
    def value(self) -> Float[Array, "..."]:
        """The numbers themselves."""
        return jax.lax.bitcast_convert_type(self.bits, self.dtype)


class Network(eqx.Module):
    """A multilayer perceptron, after a convolution if the input is an image.

    Weights are initially orthogonal and biases zero.
    """

    convolution: eqx.nn.Conv2d | None
    layers: tuple[eqx.nn.Linear, ...]
    norms: tuple[LayerNorm, ...]  # of the convolution and of the hidden layers
    input_bounds: tuple[Constants, Constants] | None  # to scale by
    input_space: AbstractSpace = eqx.field(static=True)
    activation: Activation = eqx.field(static=True)

    def __init__(
        self,
        input_space: AbstractSpace,
        output_size: int | Literal["scalar"],
        *,
        hidden_width: int,
        hidden_depth: int,
        output_scale: float = 1.0,
        torso: Torso = "auto",
        activation: Activation = "tanh",
        layer_norm: bool = False,
        scale_inputs: bool = False,
        key: Key[Array, ""],
    ):
        """**Arguments:**

        - `input_space`: any space.
        - `output_size`: the size of the output, or `"scalar"`.
        - `hidden_width`: the width of the hidden layers.
        - `hidden_depth`: the number of hidden layers.
        - `output_scale`: the scale of the last layer's weights.
        - `torso`: `"conv"` puts a convolution with 16 kernels of 3 by 3 before the
            hidden layers, for images of shape (height, width, channels) and for stacks
            of them, whose frames become channels; `"mlp"` does not; `"auto"` does for
            images of at least 3 by 3.
        - `activation`: `"tanh"` or `"relu"`.
        - `layer_norm`: whether the convolution and the hidden layers are normalized
            before the activation.
        - `scale_inputs`: whether inputs are scaled so that their bounds become -1 and
            1. Those without finite bounds, and the inputs of a convolution, stay as
            they are.
        - `key`: a JAX PRNG key for the weights.
        """
        self.input_bounds = None
        self.input_space = _shapes_of(input_space)
        self.activation = activation
        conv_key, *keys = jr.split(key, hidden_depth + 2)
        hidden_scale = math.sqrt(2)
        if _has_convolution(self.input_space, torso):
            rows, columns, channels = _image_shape(self.input_space)
            convolution = eqx.nn.Conv2d(channels, _CHANNELS, _KERNEL_SIZE, key=conv_key)
            self.convolution = orthogonal(convolution, hidden_scale, conv_key)
            inside = (rows - _KERNEL_SIZE + 1) * (columns - _KERNEL_SIZE + 1)
            input_size = inside * _CHANNELS
        else:
            self.convolution = None
            example = jax.eval_shape(_zero_of, self.input_space)
            flat = jax.eval_shape(lambda x: flatten(self.input_space, x), example)
            input_size = flat.size
            if scale_inputs:
                box = flat_space(input_space)
                self.input_bounds = Constants(box.low), Constants(box.high)
        sizes = [input_size, *[hidden_width] * hidden_depth, output_size]
        scales = [hidden_scale] * hidden_depth + [output_scale]
        self.layers = tuple(
            orthogonal(eqx.nn.Linear(inputs, outputs, key=k), scale, k)
            for inputs, outputs, scale, k in zip(
                sizes[:-1], sizes[1:], scales, keys, strict=True
            )
        )
        of_convolution = [] if self.convolution is None else [_CHANNELS]
        normalized = of_convolution + [hidden_width] * hidden_depth
        self.norms = tuple(map(LayerNorm, normalized)) if layer_norm else ()

    def __call__(self, observation: PyTree[Array]) -> Float[Array, "*output"]:
        """The output for one observation.

        **Arguments:**

        - `observation`: an element of the input space.

        **Returns:**

        An array of the size of the output, or a scalar.

        **Raises:**

        `TypeError` or `ValueError` if `observation` does not have the structure and
        shape of the input space.
        """
        _check_shape(self.input_space, observation)
        return self._of_features(self._features(observation))

    def of_batch(self, observations: PyTree[Array]) -> Float[Array, "*output batch"]:
        """The outputs for a batch of observations; the batch is their last axis.

        In this layout, biases are added to rows and no product is transposed, which on
        a CPU takes two thirds of the time of `jax.vmap`.
        """
        if self.convolution is None:
            features = jax.vmap(self._features)(observations).T
        else:
            features = self._features(jnp.moveaxis(observations, 0, -1))
        return self._of_features(features)

    def _features(self, observation: PyTree[Array]) -> Float[Array, "features *batch"]:
        """The input of the first layer. Images may be a batch, their last axis."""
        if self.convolution is None:
            return self._scaled(flatten(self.input_space, observation))
        image, space = observation.astype(float), cast(Box, self.input_space)
        if len(space.shape) == 4:  # A stack's frames become channels.
            image = jnp.moveaxis(image, 3, 1)
            image = image.reshape(-1, *image.shape[2:])
        else:
            image = jnp.moveaxis(image, 2, 0)
        if observation.dtype == jnp.uint8:
            image = image / 255
        features = convolve(self.convolution, image)
        if self.norms:
            features = self.norms[0](features)
        features = _ACTIVATIONS[self.activation](features)
        return features.reshape(-1, *features.shape[3:])

    def _scaled(self, x: Float[Array, " features"]) -> Float[Array, " features"]:
        if self.input_bounds is None:
            return x
        low, high = (bound.value for bound in self.input_bounds)
        is_bounded = jnp.isfinite(low) & jnp.isfinite(high) & (low < high)
        low, high = jnp.where(is_bounded, low, -1.0), jnp.where(is_bounded, high, 1.0)
        return (2 * x - low - high) / (high - low)

    def _of_features(
        self, x: Float[Array, "features *batch"]
    ) -> Float[Array, "*output_and_batch"]:
        activation = _ACTIVATIONS[self.activation]
        norms = self.norms if self.convolution is None else self.norms[1:]
        for i, layer in enumerate(self.layers[:-1]):
            x = affine(layer, x)
            x = activation(norms[i](x) if norms else x)
        x = affine(self.layers[-1], x)
        return x[0] if self.layers[-1].out_features == "scalar" else x


class ActorCritic(AbstractValue):
    """A policy and an estimate of its value, from two separate networks.

    It can be called as a policy: `agent(key, observation)` draws an action, and
    `agent.greedy(key, observation)` returns the most likely one.

    With a memory, the two networks share a recurrent cell, and their input is its
    output. Then `agent(key, observation, carry)` returns the tuple `(action, carry)`,
    and an episode begins with `agent.initial_carry`. [`eqenvs.rollout`][] and
    [`eqenvs.evaluate`][] take care of both.
    """

    encoder: Network | None
    cell: AbstractCell | None
    actor: Network
    critic: Network
    log_std: Float[Array, " actions"] | None
    bounds: tuple[Constants, Constants] | None
    action_space: AbstractSpace = eqx.field(static=True)

    # By identity, so that `jax.jit(agent)` works.
    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __init__(
        self,
        observation_space: AbstractSpace,
        action_space: AbstractSpace,
        *,
        hidden_width: int = 64,
        hidden_depth: int = 2,
        torso: Torso = "auto",
        activation: Activation = "tanh",
        memory: Memory = "none",
        scale_observations: bool = False,
        key: Key[Array, ""],
    ):
        """**Arguments:**

        - `observation_space`: any space.
        - `action_space`: a `Discrete` or `MultiDiscrete` space, or a `Box` of floats.
        - `hidden_width`: the width of the hidden layers and of the memory.
        - `hidden_depth`: the number of hidden layers.
        - `torso`: `"conv"` puts a small convolution before the hidden layers, for
            images of shape (height, width, channels) and for stacks of them, whose
            frames become channels; `"mlp"` does not; `"auto"` does for images of at
            least 3 by 3.
        - `activation`: `"tanh"` or `"relu"`.
        - `memory`: `"gru"` or `"lstm"` for a recurrent cell of that width, behind one
            layer (and the convolution) and before the hidden ones; or `"none"`.
        - `scale_observations`: whether observations are scaled so that the bounds of
            their space become -1 and 1. Those without finite bounds, and images that a
            convolution sees, stay as they are.
        - `key`: a JAX PRNG key for the weights.
        """
        self.action_space = _shapes_of(action_space)
        outputs, self.bounds = _outputs_for(action_space)
        self.log_std = None if self.bounds is None else jnp.zeros(outputs)
        actor_key, critic_key = jr.split(key)
        options: dict[str, Any] = {
            "torso": torso,
            "activation": activation,
            "scale_inputs": scale_observations,
        }
        self.encoder = self.cell = None
        features = observation_space
        if memory != "none":
            encoder_key, cell_key = jr.split(jr.fold_in(key, 1))
            self.encoder = Network(
                observation_space,
                hidden_width,
                hidden_width=hidden_width,
                hidden_depth=0,
                output_scale=math.sqrt(2),
                key=encoder_key,
                **options,
            )
            self.cell = CELLS[memory](hidden_width, hidden_width, key=cell_key)
            features = Box(-1.0, 1.0, (hidden_width,))
            options |= {"torso": "mlp", "scale_inputs": False}
        options |= {"hidden_width": hidden_width, "hidden_depth": hidden_depth}
        # A small last layer makes the first policy nearly uniform.
        self.actor = Network(
            features, outputs, output_scale=0.01, key=actor_key, **options
        )
        self.critic = Network(features, "scalar", key=critic_key, **options)

    @property
    def initial_carry(self) -> PyTree[Array]:
        """The memory at the start of an episode; `None` without a memory."""
        return None if self.cell is None else self.cell.initial_carry

    def initial_carries(self, num_lanes: int) -> PyTree[Array]:
        """The initial carries of `num_lanes` lanes, which are the first axis."""
        return jax.tree.map(
            lambda x: jnp.broadcast_to(x, (num_lanes, *x.shape)), self.initial_carry
        )

    def remember(
        self, observation: PyTree[Array], carry: PyTree[Array]
    ) -> tuple[PyTree[Array], PyTree[Array]]:
        """The features, which are the networks' input, and the new memory.

        **Arguments:**

        - `observation`: an observation.
        - `carry`: the memory so far; `None` without one.

        **Returns:**

        The tuple `(features, carry)`. Without a memory, the features are the
        observation.
        """
        if self.encoder is None or self.cell is None:
            return observation, None
        activation = _ACTIVATIONS[self.encoder.activation]
        return self.cell(activation(self.encoder(observation)), carry)

    def unroll(
        self,
        observations: PyTree[Array],
        ended: Bool[Array, "steps lanes"],
        carry: PyTree[Array],
    ) -> tuple[PyTree[Array], PyTree[Array]]:
        """`remember` over many steps. The memory restarts after an episode has ended.

        **Arguments:**

        - `observations`: observations, with leading axes of steps and lanes.
        - `ended`: whether an episode ended with the step after an observation.
        - `carry`: the carry of each lane before the first step.

        **Returns:**

        The tuple `(features, carries)`, with the axes of the observations. The carries
        are those right after each observation.
        """
        if self.encoder is None or self.cell is None:
            return observations, None
        activation = _ACTIVATIONS[self.encoder.activation]
        flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), observations)
        inputs = activation(self.encoder.of_batch(flat))
        inputs = inputs.reshape(-1, *ended.shape)
        carry = jax.tree.map(lambda x: x.T, carry)
        result = self.cell.unroll(inputs, ended, carry)
        return jax.tree.map(lambda x: jnp.moveaxis(x, 0, -1), result)

    def restart(
        self, carry: PyTree[Array], ended: Bool[Array, " lanes"]
    ) -> PyTree[Array]:
        """The `carry` of several lanes, restarted in those that `ended`."""

        def leaf(start, x):
            return jnp.where(ended.reshape(-1, *[1] * start.ndim), start[None], x)

        return jax.tree.map(leaf, self.initial_carry, carry)

    def distribution(self, features: PyTree[Array]) -> AbstractDistribution:
        """The distribution that the policy samples from, given `features`; see
        `to_action`."""
        return self._distribution(self.actor(features))

    def value(self, features: PyTree[Array]) -> Float[Array, ""]:
        """The estimated discounted return, given `features`."""
        return self.critic(features)

    def distributions(self, features: PyTree[Array]) -> AbstractDistribution:
        """The distributions for a batch of `features`; the batch is their last axis."""
        return self._distribution(self.actor.of_batch(features))

    def values(self, features: PyTree[Array]) -> Float[Array, " batch"]:
        """The values of a batch of `features`."""
        return self.critic.of_batch(features)

    def _distribution(self, output: Float[Array, "..."]) -> AbstractDistribution:
        if self.log_std is not None:
            log_std = self.log_std.reshape(-1, *[1] * (output.ndim - 1))
            return DiagonalNormal(output, jnp.broadcast_to(log_std, output.shape))
        if isinstance(self.action_space, MultiDiscrete):
            return Categoricals(output, self.action_space.nvec)
        return Categorical(output)

    def to_action(self, draw: Array) -> Array:
        """Turns a `draw` into an action: -1 and 1 stand for the bounds of a `Box`."""
        if self.bounds is None:
            return draw
        return _between(self.bounds, draw)

    def __call__(
        self,
        key: Key[Array, ""],
        observation: PyTree[Array],
        carry: PyTree[Array] = None,
    ) -> Any:
        """Draws an action.

        **Arguments:**

        - `key`: a JAX PRNG key.
        - `observation`: one observation, an element of the observation space. For a
            batch, use `jax.vmap`.
        - `carry`: the memory so far, by default that at the start of an episode;
            ignored without a memory.

        **Returns:**

        An element of the action space; with a memory, the tuple `(action, carry)`.

        **Raises:**

        `TypeError` or `ValueError` if `key` is no key, or `observation` does not have
        the structure and shape of the observation space.
        """
        if not isinstance(key, jax.Array | np.ndarray):
            check_key(key, type(self).__name__)
        return self._act(
            lambda distribution: distribution.sample(key), observation, carry
        )

    def greedy(
        self,
        key: Key[Array, ""],
        observation: PyTree[Array],
        carry: PyTree[Array] = None,
    ) -> Any:
        """The most likely action.

        **Arguments:**

        - `key`: not used.
        - `observation`, `carry`: as for a call of the agent itself: one observation,
            and the memory so far.

        **Returns:**

        An element of the action space; with a memory, the tuple `(action, carry)`.

        **Raises:**

        `TypeError` or `ValueError` if `observation` does not have the structure and
        shape of the observation space.
        """
        del key
        return self._act(lambda distribution: distribution.mode(), observation, carry)

    def _act(
        self,
        choose: Callable[[AbstractDistribution], Array],
        observation: PyTree[Array],
        carry: PyTree[Array],
    ) -> Any:
        carry = self.initial_carry if carry is None else carry
        features, carry = self.remember(observation, carry)
        action = self.to_action(choose(self.distribution(features)))
        return action if self.cell is None else (action, carry)


class Actor(AbstractValue):
    """A deterministic policy, from one network.

    In a `Discrete` space, it takes the action with the largest output. In a `Box`, the
    hyperbolic tangent of the output is the position between the bounds; without bounds,
    the output is the action.

    It can be called as a policy: `agent(key, observation)`, which is the same as
    `agent.greedy(key, observation)`.
    """

    network: Network
    bounds: tuple[Constants, Constants] | None
    action_space: AbstractSpace = eqx.field(static=True)

    # By identity, so that `jax.jit(agent)` works.
    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __init__(
        self,
        observation_space: AbstractSpace,
        action_space: AbstractSpace,
        *,
        hidden_width: int = 64,
        hidden_depth: int = 2,
        torso: Torso = "auto",
        activation: Activation = "tanh",
        scale_observations: bool = False,
        key: Key[Array, ""],
    ):
        """**Arguments:**

        Those of [`eqenvs.agents.ActorCritic`][].
        """
        self.action_space = _shapes_of(action_space)
        outputs, self.bounds = _outputs_for(action_space)
        # A small last layer puts the first actions near the middle of the space.
        self.network = Network(
            observation_space,
            outputs,
            hidden_width=hidden_width,
            hidden_depth=hidden_depth,
            output_scale=0.01,
            torso=torso,
            activation=activation,
            scale_inputs=scale_observations,
            key=key,
        )

    def to_action(self, output: Float[Array, " outputs"]) -> Array:
        """The action for an output of the network."""
        if self.bounds is not None:
            low, high = (bound.value for bound in self.bounds)
            is_bounded = (jnp.isfinite(low) & jnp.isfinite(high)).ravel()
            place = jnp.where(is_bounded, jnp.tanh(output), output)
            return _between(self.bounds, place)
        if isinstance(self.action_space, MultiDiscrete):
            return Categoricals(output, self.action_space.nvec).mode()
        return Categorical(output).mode()

    def __call__(self, key: Key[Array, ""], observation: PyTree[Array]) -> Array:
        del key
        return self.to_action(self.network(observation))

    def greedy(self, key: Key[Array, ""], observation: PyTree[Array]) -> Array:
        """The action.

        **Arguments:**

        - `key`: not used.
        - `observation`: one observation, an element of the observation space. For a
            batch, use `jax.vmap`.

        **Returns:**

        An element of the action space.

        **Raises:**

        `TypeError` or `ValueError` if `observation` does not have the structure and
        shape of the observation space.
        """
        return self(key, observation)


def _outputs_for(
    space: AbstractSpace,
) -> tuple[int, tuple[Constants, Constants] | None]:
    """The number of outputs that decide an action, and the bounds of a `Box`."""
    match space:
        case Discrete():
            return space.n, None
        case MultiDiscrete():
            return sum(space.nvec), None
        case Box() if jnp.issubdtype(space.dtype, jnp.floating):
            bounds = Constants(space.low), Constants(space.high)
            return math.prod(space.shape), bounds
        case _:
            raise TypeError(
                "the action space must be a Discrete space or a MultiDiscrete one, "
                f"or a Box of floats; got {space!r}."
            )


def _between(bounds: tuple[Constants, Constants], place: Array) -> Array:
    """The action at a position from -1 to 1 between the bounds of a `Box`."""
    low, high = (bound.value for bound in bounds)
    is_bounded = jnp.isfinite(low) & jnp.isfinite(high)
    bottom = jnp.where(is_bounded, low, -1.0)
    top = jnp.where(is_bounded, high, 1.0)
    middle, reach = (top + bottom) / 2, (top - bottom) / 2
    action = middle + reach * place.reshape(low.shape).astype(low.dtype)
    return jnp.clip(action, low, high)


def _shapes_of(space: AbstractSpace) -> AbstractSpace:
    """The space with shapes in place of bounds, which makes it hashable."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), space)


def _zero_of(space: AbstractSpace) -> PyTree[Array]:
    match space:
        case Tuple():
            return tuple(_zero_of(s) for s in space.spaces)
        case Dict():
            return {name: _zero_of(s) for name, s in space.spaces.items()}
        case _:
            return jnp.zeros(space.shape, space.dtype)  # pyright: ignore


def _check_shape(space: AbstractSpace, observation: PyTree[Any]) -> None:
    """Raises an error unless an observation has the structure and shape of the space
    that the network was made for."""
    like = jax.eval_shape(_zero_of, space)
    given, expected = jax.tree.structure(observation), jax.tree.structure(like)
    if given != expected and isinstance(like, jax.ShapeDtypeStruct):
        raise TypeError(
            f"the agent's observations must be arrays of shape {like.shape}; got "
            f"{show(observation)}."
        )
    if given != expected:
        raise TypeError(
            f"the agent's observations must have the structure {expected}; got {given}."
        )
    for x, y in zip(jax.tree.leaves(observation), jax.tree.leaves(like), strict=True):
        if np.shape(x) != y.shape:
            is_batch = np.shape(x)[1:] == y.shape
            hint = " (For a batch, use `jax.vmap`.)" if is_batch else ""
            raise ValueError(
                f"the agent's observations must have the shape {y.shape}; got "
                f"{np.shape(x)}.{hint}"
            )


def _image_shape(space: Any) -> tuple[int, int, int]:
    """The shape of an image, or of a stack of images as one."""
    *frames, rows, columns, channels = space.shape
    return rows, columns, math.prod(frames) * channels


def _has_convolution(space: Any, torso: Torso) -> bool:
    is_image = isinstance(space, Box) and len(space.shape) in (3, 4)
    is_image = is_image and min(_image_shape(space)[:2]) >= _KERNEL_SIZE
    if torso == "conv" and not is_image:
        raise ValueError(
            "torso='conv' needs observations of shape (height, width, channels), or a "
            f"stack of such images, of at least {_KERNEL_SIZE} by {_KERNEL_SIZE}; got "
            f"{space!r}."
        )
    return is_image and torso != "mlp"
