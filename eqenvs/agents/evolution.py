"""Evolution strategies: learning from returns alone, without gradients.

Salimans, Ho, Chen, Sidor & Sutskever, "Evolution strategies as a scalable alternative
to reinforcement learning" (2017), and others: a normal distribution over the weights of
a policy moves toward weights with high returns. The distributions are those of the
package `evosax` (Lange, "evosax: JAX-based evolution strategies", 2022).

The file reads from top to bottom in the order in which an update runs:

1. `_ask`: draw a population of policies around the agent.
2. `_play`: every policy plays the same episodes, and so does the agent itself.
3. `_tell`: move the distribution and, with it, the agent, which is its center.
"""

import contextlib
import functools as ft
from typing import Any, get_args, Literal

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Float, Int32, Key, PyTree

from .._environment import AbstractEnvironment
from .._rollout import population_rollout, Rollout
from .._vector import VectorEnvironment
from ..fields import choice, count, flag, real
from ._algorithm import AbstractAlgorithm, AbstractLearner
from ._lanes import average, gather, part_here
from .networks import Activation, Actor, Torso


Strategy = Literal["OpenES", "PGPE", "CMA-ES", "Sep-CMA-ES", "SNES", "SimpleES"]

# Their names in evosax, and whether they follow a gradient with an optimizer.
_STRATEGIES = {
    "OpenES": ("Open_ES", True),
    "PGPE": ("PGPE", True),
    "CMA-ES": ("CMA_ES", False),
    "Sep-CMA-ES": ("Sep_CMA_ES", False),
    "SNES": ("SNES", False),
    "SimpleES": ("SimpleES", False),
}


class EvolutionLearner(AbstractLearner):
    """Everything that changes while an evolution strategy runs: the agent, which is
    the center of the distribution, and the distribution."""

    agent: Actor
    distribution: PyTree
    num_updates: Int32[Array, ""]
    planned_updates: Float[Array, ""]


class EvolutionStrategy(AbstractAlgorithm[EvolutionLearner]):
    """An evolution strategy, for discrete and continuous actions. It needs
    `pip install "eqenvs[evolution]"`.

    ```python
    evolution = EvolutionStrategy("CMA-ES", hidden_depth=0, episode_steps=500)
    agent, metrics, learner = evolution.train(CartPole(), 0, num_steps=2_000_000)
    eqenvs.evaluate(CartPole(), agent.greedy, 1, num_episodes=100)
    ```

    An update is one generation. All its policies play `num_episodes` episodes with the
    same random numbers, for `episode_steps` steps. After an early end of an episode,
    the remaining steps count as steps but not toward the return.

    Its metrics: `"return"` and `"length"`, the means over the agent's episodes before
    the update, which include unfinished ones; `"population_return"` and
    `"best_return"`, the mean and the highest return of the population; and `"spread"`,
    the standard deviation of the population, averaged over the weights.

    CMA-ES keeps a covariance matrix of all weights, so it suits policies with up to
    about a thousand. Sep-CMA-ES and SNES keep only its diagonal.
    """

    strategy: Strategy = choice(
        "OpenES", "The evolution strategy.", options=get_args(Strategy)
    )
    learning_rate: Float[Array, ""] = real(
        0.05,
        "Step size of Adam for OpenES and PGPE; the others choose their own.",
        minimum=0,
    )
    initial_spread: Float[Array, ""] = real(
        0.1,
        "Initial standard deviation of the population; constant in OpenES.",
        above=0,
    )
    population_size: int = count(64, "Policies in a generation.", minimum=4)
    num_episodes: int = count(4, "Episodes played by every policy.")
    episode_steps: int = count(200, "Steps after which an episode is cut off.")
    hidden_width: int = count(16, "Width of the hidden layers.")
    hidden_depth: int = count(1, "Number of hidden layers.", minimum=0)
    activation: Activation = choice(
        "tanh", "Activation function.", options=get_args(Activation)
    )
    torso: Torso = choice(
        "auto",
        "Whether the network starts with a convolution; 'auto' means for images.",
        options=get_args(Torso),
    )
    scale_observations: bool = flag(
        False,
        "Whether observations are scaled so that the bounds of their space become -1 "
        "and 1.",
    )

    def __check_init__(self):
        if self.population_size % 2 == 1 and self.strategy in ("OpenES", "PGPE"):
            raise ValueError(
                f"{self.strategy} draws its population in pairs: population_size must "
                f"be even; got {self.population_size}."
            )
        _import_evosax()

    @property
    def steps_per_update(self) -> int:
        # The agent plays too.
        return (self.population_size + 1) * self.num_episodes * self.episode_steps

    def init(self, env: AbstractEnvironment, key: Key[Array, ""]) -> EvolutionLearner:
        network_key, strategy_key = jr.split(key)
        envs = VectorEnvironment(env, self.num_episodes)
        agent = Actor(
            envs.single_observation_space,
            envs.single_action_space,
            hidden_width=self.hidden_width,
            hidden_depth=self.hidden_depth,
            torso=self.torso,
            activation=self.activation,
            scale_observations=self.scale_observations,
            key=network_key,
        )
        weights, _ = _split(agent)
        strategy, settings = _strategy_of(self, weights)
        with _implicit_promotion():
            distribution = strategy.init(strategy_key, weights, settings)
        if self.strategy == "OpenES":  # It has a schedule instead of a constant.
            distribution = distribution.replace(std=self.initial_spread)
        return EvolutionLearner(
            agent=agent,
            distribution=distribution,
            num_updates=jnp.array(0, jnp.int32),
            planned_updates=jnp.array(jnp.inf),
        )

    def update(
        self, env: AbstractEnvironment, learner: EvolutionLearner, key: Key[Array, ""]
    ) -> tuple[EvolutionLearner, dict[str, Array]]:
        ask_key, play_key, tell_key = jr.split(key, 3)
        population, distribution = _ask(self, learner, ask_key)
        played = _play(self, env, learner.agent, part_here(population), play_key)
        member_returns = played.episode_return.mean(axis=1)
        agent_return, population_returns = member_returns[0], gather(member_returns[1:])
        agent, distribution = _tell(
            self, learner.agent, population, population_returns, distribution, tell_key
        )
        lengths = played.episode_length[0].astype(agent_return.dtype)
        agent_return, agent_length = average((agent_return, lengths.mean()))
        metrics = {
            "return": agent_return,
            "length": agent_length,
            "population_return": population_returns.mean(),
            "best_return": population_returns.max(),
            "spread": population.std(axis=0).mean(),
        }
        learner = EvolutionLearner(
            agent=agent,
            distribution=distribution,
            num_updates=learner.num_updates + 1,
            planned_updates=learner.planned_updates,
        )
        return learner, metrics

    def agent(self, learner: EvolutionLearner) -> Actor:
        return learner.agent


def _ask(
    evolution: EvolutionStrategy, learner: EvolutionLearner, key: Key[Array, ""]
) -> tuple[Float[Array, "members weights"], PyTree]:
    """Draws the weights of a population."""
    weights, _ = _split(learner.agent)
    strategy, settings = _strategy_of(evolution, weights)
    with _implicit_promotion():
        return strategy.ask(key, learner.distribution, settings)


def _play(
    evolution: EvolutionStrategy,
    env: AbstractEnvironment,
    agent: Actor,
    population: Float[Array, "members weights"],
    key: Key[Array, ""],
) -> Rollout:
    """Plays the episodes of the agent, followed by those of the population."""
    weights, with_weights = _split(agent)
    everyone = jnp.concatenate([weights[None], population])
    return population_rollout(
        env,
        eqx.filter_vmap(with_weights)(everyone),
        key,
        num_steps=evolution.episode_steps,
        num_envs=evolution.num_episodes,
    )


def _tell(
    evolution: EvolutionStrategy,
    agent: Actor,
    population: Float[Array, "members weights"],
    returns: Float[Array, " members"],
    distribution: PyTree,
    key: Key[Array, ""],
) -> tuple[Actor, PyTree]:
    """Moves the distribution toward higher returns, and the agent with it."""
    weights, with_weights = _split(agent)
    strategy, settings = _strategy_of(evolution, weights)
    with _implicit_promotion():
        # evosax minimizes.
        distribution, _ = strategy.tell(
            key, population, -returns, distribution, settings
        )
    if _STRATEGIES[evolution.strategy][1]:
        # Its optimizer took a step of size 1.
        step = distribution.mean - weights
        center = weights + evolution.learning_rate * step
        distribution = distribution.replace(mean=center)
    if evolution.strategy == "OpenES":
        distribution = distribution.replace(std=evolution.initial_spread)
    return with_weights(distribution.mean), distribution


def _split(agent: Actor) -> tuple[Float[Array, " weights"], Any]:
    """The weights of a policy as a vector, and a function that puts others in their
    place."""
    weights, rest = eqx.partition(agent, eqx.is_inexact_array)
    vector, restore = jax.flatten_util.ravel_pytree(weights)
    return vector, lambda vector: eqx.combine(restore(vector), rest)


def _strategy_of(
    evolution: EvolutionStrategy, weights: Float[Array, " weights"]
) -> tuple[Any, Any]:
    """evosax's algorithm and its settings."""
    strategy, settings = _make_strategy(
        evolution.strategy, evolution.population_size, weights.size, weights.dtype
    )
    if evolution.strategy != "OpenES":
        settings = settings.replace(std_init=evolution.initial_spread)
    return strategy, settings


@ft.cache
def _make_strategy(
    name: str, population_size: int, num_weights: int, dtype: Any
) -> tuple[Any, Any]:
    # One object for each set of arguments: evosax caches compiled functions by object.
    class_name, has_optimizer = _STRATEGIES[name]
    options = {}
    if has_optimizer:
        options["optimizer"] = optax.chain(optax.scale_by_adam(), optax.scale(-1.0))
    with jax.ensure_compile_time_eval(), _implicit_promotion():
        strategy = getattr(_import_evosax(), class_name)(
            population_size, jnp.zeros(num_weights, dtype), **options
        )
        return strategy, strategy.default_params


def _import_evosax() -> Any:
    try:
        import evosax.algorithms
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"EvolutionStrategy needs the package {error.name}: "
            'pip install "eqenvs[evolution]"',
            name=error.name,
        ) from error
    return evosax.algorithms


@contextlib.contextmanager
def _implicit_promotion():
    """JAX's default promotion, which evosax and optax need and users may disable."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield
