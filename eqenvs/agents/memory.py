"""Memory for agents: recurrent cells, which carry a state through an episode.

GRU: Cho et al., "Learning phrase representations using RNN encoder-decoder for
statistical machine translation" (2014); its reset gate acts after the product, as in
cuDNN, PyTorch and Equinox. LSTM: Hochreiter & Schmidhuber, "Long short-term memory"
(1997), with the forget gate of Gers, Schmidhuber & Cummins, "Learning to forget"
(2000).

The first axis is that of features. Any others are batches, as in the networks.
"""

import abc
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Key, PyTree

from ._layers import affine, orthogonal_matrix


Memory = Literal["none", "gru", "lstm"]


class AbstractCell(eqx.Module):
    """A recurrent cell.

    Initially, the gates' weights are orthogonal and the biases zero, except for the
    gate that keeps the memory, which starts nearly open (Jozefowicz, Zaremba &
    Sutskever, "An empirical exploration of recurrent network architectures", 2015).
    """

    to_gates: eqx.AbstractVar[eqx.nn.Linear]
    recurrent: eqx.AbstractVar[eqx.nn.Linear]

    @property
    @abc.abstractmethod
    def initial_carry(self) -> PyTree[Float[Array, " width"]]:
        """The carry at the start of an episode: zeros."""

    @abc.abstractmethod
    def step(
        self, gates: Float[Array, "gates *batch"], carry: PyTree[Array]
    ) -> tuple[Float[Array, "width *batch"], PyTree[Array]]:
        """One step.

        **Arguments:**

        - `gates`: the input's contribution to the gates,
            `affine(cell.to_gates, input)`.
        - `carry`: the carry so far.

        **Returns:**

        The tuple `(output, carry)`.
        """

    def __call__(
        self, input: Float[Array, "input *batch"], carry: PyTree[Array]
    ) -> tuple[Float[Array, "width *batch"], PyTree[Array]]:
        """One step, as the tuple `(output, carry)`."""
        return self.step(affine(self.to_gates, input), carry)

    def unroll(
        self,
        inputs: Float[Array, "input steps lanes"],
        ended: Bool[Array, "steps lanes"],
        carry: PyTree[Float[Array, "width lanes"]],
    ) -> tuple[Float[Array, "width steps lanes"], PyTree[Array]]:
        """Many steps. After a step that ended an episode, the memory starts over.

        **Arguments:**

        - `inputs`: the inputs.
        - `ended`: whether an episode ended with a step.
        - `carry`: the carry before the first step.

        **Returns:**

        The tuple `(outputs, carries)`. The carries are those right after each step.
        """
        # One product for all steps, so that only the other one is left for the loop.
        gates = affine(self.to_gates, inputs)

        def body(carry, inputs):
            gates, ended = inputs
            output, carry = self.step(gates, carry)
            return self.restart(carry, ended), (output, carry)

        _, (outputs, carries) = jax.lax.scan(
            body, carry, (jnp.moveaxis(gates, 1, 0), ended)
        )
        return jax.tree.map(lambda x: jnp.moveaxis(x, 0, 1), (outputs, carries))

    def restart(
        self, carry: PyTree[Float[Array, "width *lanes"]], ended: Bool[Array, "*lanes"]
    ) -> PyTree[Float[Array, "width *lanes"]]:
        """The initial carry where an episode ended, and `carry` elsewhere."""
        return jax.tree.map(lambda x: jnp.where(ended[None], 0.0, x), carry)


class GRU(AbstractCell):
    """A gated recurrent unit. Its carry is its output."""

    to_gates: eqx.nn.Linear
    recurrent: eqx.nn.Linear

    def __init__(self, input_size: int, width: int, *, key: Key[Array, ""]):
        """**Arguments:**

        - `input_size`: the number of input features.
        - `width`: the number of output features.
        - `key`: a JAX PRNG key for the weights.
        """
        self.to_gates, self.recurrent = _layers(input_size, width, 3, 1, key)

    @property
    def initial_carry(self) -> Float[Array, " width"]:
        return jnp.zeros(_width(self))

    def step(
        self, gates: Float[Array, "gates *batch"], carry: Float[Array, "width *batch"]
    ) -> tuple[Float[Array, "width *batch"], Float[Array, "width *batch"]]:
        reset, keep, new = jnp.split(gates, 3)
        from_reset, from_keep, from_new = jnp.split(affine(self.recurrent, carry), 3)
        reset = jax.nn.sigmoid(reset + from_reset)
        keep = jax.nn.sigmoid(keep + from_keep)
        new = jnp.tanh(new + reset * from_new)
        carry = new + keep * (carry - new)
        return carry, carry


class LSTM(AbstractCell):
    """A long short-term memory. Its carry is the tuple of its output and its cells."""

    to_gates: eqx.nn.Linear
    recurrent: eqx.nn.Linear

    def __init__(self, input_size: int, width: int, *, key: Key[Array, ""]):
        """**Arguments:**

        - `input_size`: the number of input features.
        - `width`: the number of output features.
        - `key`: a JAX PRNG key for the weights.
        """
        self.to_gates, self.recurrent = _layers(input_size, width, 4, 1, key)

    @property
    def initial_carry(self) -> tuple[Float[Array, " width"], Float[Array, " width"]]:
        return jnp.zeros(_width(self)), jnp.zeros(_width(self))

    def step(
        self,
        gates: Float[Array, "gates *batch"],
        carry: tuple[Float[Array, "width *batch"], Float[Array, "width *batch"]],
    ) -> tuple[
        Float[Array, "width *batch"],
        tuple[Float[Array, "width *batch"], Float[Array, "width *batch"]],
    ]:
        output, cells = carry
        write, keep, new, read = jnp.split(gates + affine(self.recurrent, output), 4)
        cells = jax.nn.sigmoid(keep) * cells + jax.nn.sigmoid(write) * jnp.tanh(new)
        output = jax.nn.sigmoid(read) * jnp.tanh(cells)
        return output, (output, cells)


CELLS: dict[str, type[GRU] | type[LSTM]] = {"gru": GRU, "lstm": LSTM}


def _width(cell: AbstractCell) -> int:
    return int(cell.recurrent.in_features)


def _layers(
    input_size: int, width: int, num_gates: int, keep: int, key: Key[Array, ""]
) -> tuple[eqx.nn.Linear, eqx.nn.Linear]:
    """The layers from the input and from the carry to the gates. Gate number `keep`
    keeps the memory."""
    bias = jnp.zeros((num_gates, width))

    def layer(size, bias, key):
        keys = jr.split(key, num_gates)
        matrices = [orthogonal_matrix(k, (width, size)) for k in keys]
        linear = eqx.nn.Linear(size, num_gates * width, key=key)
        return eqx.tree_at(
            lambda l: (l.weight, l.bias),
            linear,
            (jnp.concatenate(matrices), bias.ravel()),
        )

    input_key, carry_key = jr.split(key)
    return (
        layer(input_size, bias.at[keep].set(1.0), input_key),
        layer(width, bias, carry_key),
    )
