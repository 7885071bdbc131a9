"""Value iteration over environments that are values: nobody writes down a table.

One `vmap` of `transition` over states, actions and random keys is the whole model of a
small environment. Value iteration (Sutton & Barto, "Reinforcement Learning", 2018,
section 4.4) then finds what each state is worth to an agent that acts optimally.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import eqenvs
from eqenvs.environments.mazes import FrozenLakeState
from eqenvs.environments.toy_text import CliffWalkingState, TaxiState


NUM_KEYS = 200


def grid_states(cls, rows, columns):
    """Every cell, in the order in which observations count them."""

    def state(number):
        row, column = jnp.divmod(number, columns)
        return cls(row=row, column=column, time=jnp.int32(0))

    return jax.vmap(state)(jnp.arange(rows * columns, dtype=jnp.int32))


def taxi_states():
    """Every state of a taxi, likewise."""

    def state(number):
        cell, rest = jnp.divmod(number, 20)
        row, column = jnp.divmod(cell, 5)
        passenger, destination = jnp.divmod(rest, 4)
        return TaxiState(
            row=row,
            column=column,
            passenger=passenger,
            destination=destination,
            is_fickle=jnp.array(False),
            time=jnp.int32(0),
        )

    return jax.vmap(state)(jnp.arange(500, dtype=jnp.int32))


def model(env, states):
    """What may follow a state and action: next states, rewards, ends, probabilities.

    The axes are states, actions and outcomes. These environments report how probable
    what happened was, so one random key for each different outcome is enough.
    """

    def follow(state, action, key):
        step = env.transition(key, state, action)
        number = env.observe(step.state)
        return number, step.reward, step.terminated, step.info["prob"]

    over_keys = jax.vmap(follow, in_axes=(None, None, 0))
    over_actions = jax.vmap(over_keys, in_axes=(None, 0, None))
    over_states = jax.jit(jax.vmap(over_actions, in_axes=(0, None, None)))
    actions = jnp.arange(env.action_space.n, dtype=jnp.int32)
    keys = jr.split(jr.key(0), NUM_KEYS)
    numbers = np.asarray(over_states(states, actions, keys)[0])
    _, different = np.unique(numbers.reshape(-1, NUM_KEYS), axis=1, return_index=True)
    number, reward, terminated, probability = over_states(
        states, actions, keys[different]
    )
    # Where nothing is random, all outcomes are the same one.
    probability = probability / probability.sum(axis=2, keepdims=True)
    return number, reward, terminated, probability


def optimal_values(env, states, discount=0.99, tolerance=1e-6):
    """The value of every state, and how many sweeps over all of them it took."""
    number, reward, terminated, probability = model(env, states)

    def sweep(values):
        later = jnp.where(terminated, 0.0, discount * values[number])
        return jnp.max(jnp.sum(probability * (reward + later), axis=2), axis=1)

    def is_going_on(carry):
        values, change, _ = carry
        return change > tolerance * (1 + jnp.max(jnp.abs(values)))

    def body(carry):
        values, _, count = carry
        new = sweep(values)
        return new, jnp.max(jnp.abs(new - values)), count + 1

    start = (jnp.zeros(number.shape[0]), jnp.inf, 0)
    values, _, count = jax.lax.while_loop(is_going_on, body, start)
    return values, count


TASKS = {
    "FrozenLake-v1": grid_states(FrozenLakeState, 4, 4),
    "FrozenLake8x8-v1": grid_states(FrozenLakeState, 8, 8),
    "CliffWalking-v1": grid_states(CliffWalkingState, 4, 12),
    "CliffWalkingSlippery-v1": grid_states(CliffWalkingState, 4, 12),
    "Taxi-v4": taxi_states(),
}


if __name__ == "__main__":
    for id, states in TASKS.items():
        env = eqenvs.make(id)
        values, count = optimal_values(env, states)
        first = env.observe(env.initial_state(jr.key(0)))
        print(
            f"{id}: {values.shape[0]} states, {count} sweeps; "
            f"the initial state is worth {values[first]:.3f}"
        )
