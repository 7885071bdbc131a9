"""A2C: the advantage actor-critic, with or without a memory.

Mnih et al., "Asynchronous methods for deep reinforcement learning" (2016), with actors
that play in step instead of asynchronously. With a memory it is the agent of Wang et
al., "Learning to reinforcement learn" (2017, arXiv:1611.05763).

The file reads from top to bottom in the order in which an update runs:

1. `_play`: the policy takes `rollout_steps` steps in `num_envs` environments.
2. `_loss`: the memory runs over the observations again. How likely was each action, and
   what return did the critic expect?
3. `lambda_returns`: what was the return after each action?
4. One optimizer step makes the actions that did better than expected more likely.
"""

from typing import get_args, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Bool, Float, Int32, Key, PyTree

from .._environment import AbstractEnvironment
from .._episodes import EpisodeStatistics
from .._vector import all_lanes, VectorEnvironment
from ..fields import choice, count, flag, real
from ._algorithm import AbstractAlgorithm, AbstractLearner
from ._critic import append, evaluate, flat
from ._descent import current_step_size, descend, weights_of
from ._lanes import average, gradient, lanes_here, mean_episode
from ._returns import lambda_returns
from .memory import Memory
from .networks import Activation, ActorCritic, Torso


class A2CLearner(AbstractLearner):
    """Everything that changes while A2C trains."""

    agent: ActorCritic
    optimizer_state: PyTree
    states: PyTree[Array]
    carry: PyTree[Array]
    episodes: EpisodeStatistics
    num_updates: Int32[Array, ""]
    planned_updates: Float[Array, ""]


class A2C(AbstractAlgorithm[A2CLearner]):
    """The advantage actor-critic: one gradient per rollout.

    ```python
    env = PreviousActionAndReward(BernoulliBandit())
    agent, metrics, learner = A2C(memory="lstm").train(env, 0, num_steps=1_000_000)
    eqenvs.evaluate(env, agent.greedy, 1, num_episodes=100)
    ```

    An agent with a memory learns from the observations of a rollout (backpropagation
    through time, truncated at the start of the rollout), and remembers those of the
    whole episode.

    Its metrics, besides `"return"` and `"length"`: `"policy_loss"`, `"value_loss"` and
    `"entropy"`, the three parts of the loss.
    """

    learning_rate: Float[Array, ""] = real(
        1e-3, "Initial step size of Adam.", minimum=0
    )
    discount: Float[Array, ""] = real(0.99, "Discount factor.", minimum=0, maximum=1)
    gae_lambda: Float[Array, ""] = real(
        0.95,
        "Decay of the advantage estimator: 0 trusts the critic, 1 the rewards.",
        minimum=0,
        maximum=1,
    )
    entropy_coefficient: Float[Array, ""] = real(0.01, "Weight of the entropy bonus.")
    value_coefficient: Float[Array, ""] = real(0.5, "Weight of the critic's loss.")
    max_gradient_norm: Float[Array, ""] = real(
        0.5, "Largest norm of a gradient; longer ones are clipped.", minimum=0
    )
    reward_scale: Float[Array, ""] = real(
        1.0, "Factor on the rewards that the agent learns from."
    )
    num_envs: int = count(16, "Number of environments.")
    rollout_steps: int = count(16, "Steps in each environment per update.")
    hidden_width: int = count(64, "Width of the hidden layers and of the memory.")
    hidden_depth: int = count(2, "Number of hidden layers.", minimum=0)
    activation: Activation = choice(
        "tanh", "Activation function.", options=get_args(Activation)
    )
    torso: Torso = choice(
        "auto",
        "Whether the networks start with a convolution; 'auto' means for images.",
        options=get_args(Torso),
    )
    scale_observations: bool = flag(
        False,
        "Whether observations are scaled so that the bounds of their space become -1 "
        "and 1.",
    )
    memory: Memory = choice(
        "none", "The recurrent cell of the agent.", options=get_args(Memory)
    )
    anneal_learning_rate: bool = flag(
        True, "Whether the step size falls linearly to zero."
    )

    @property
    def steps_per_update(self) -> int:
        return self.num_envs * self.rollout_steps

    def init(self, env: AbstractEnvironment, key: Key[Array, ""]) -> A2CLearner:
        network_key, reset_key = jr.split(key)
        envs = lanes_here(env, self.num_envs)
        agent = ActorCritic(
            envs.single_observation_space,
            envs.single_action_space,
            hidden_width=self.hidden_width,
            hidden_depth=self.hidden_depth,
            torso=self.torso,
            activation=self.activation,
            memory=self.memory,
            scale_observations=self.scale_observations,
            key=network_key,
        )
        _, states = envs.reset(reset_key)
        return A2CLearner(
            agent=agent,
            optimizer_state=_optimizer(self).init(weights_of(agent)),
            states=states,
            carry=agent.initial_carries(envs.num_envs),
            episodes=EpisodeStatistics.start(envs.num_envs),
            num_updates=jnp.array(0, jnp.int32),
            planned_updates=jnp.array(jnp.inf),
        )

    def update(
        self, env: AbstractEnvironment, learner: A2CLearner, key: Key[Array, ""]
    ) -> tuple[A2CLearner, dict[str, Array]]:
        envs = lanes_here(env, self.num_envs)
        states, carry, episodes, steps = _play(self, envs, learner, key)
        agent, optimizer_state, losses = _improve(
            self, learner, steps, envs.observe(states)
        )
        mean_return, mean_length = mean_episode(episodes)
        learner = A2CLearner(
            agent=agent,
            optimizer_state=optimizer_state,
            states=states,
            carry=carry,
            episodes=episodes,
            num_updates=learner.num_updates + 1,
            planned_updates=learner.planned_updates,
        )
        return learner, {"return": mean_return, "length": mean_length, **losses}

    def agent(self, learner: A2CLearner) -> ActorCritic:
        return learner.agent


class _Step(NamedTuple):
    """The record of one step, from which the agent learns."""

    observation: PyTree[Array]
    draw: Array
    reward: Float[Array, "*lanes"]
    terminated: Bool[Array, "*lanes"]
    truncated: Bool[Array, "*lanes"]
    final_observation: PyTree[Array]


def _play(
    a2c: A2C, envs: VectorEnvironment, learner: A2CLearner, key: Key[Array, ""]
) -> tuple[PyTree[Array], PyTree[Array], EpisodeStatistics, _Step]:
    """Takes `rollout_steps` steps in every environment."""
    agent = learner.agent
    lanes = all_lanes(envs)

    def act(key, lane, distribution):
        draw = distribution.sample(jr.fold_in(key, lane))
        return draw, agent.to_action(draw)

    def body(carry, key):
        states, memory, episodes = carry
        act_key, env_key = jr.split(key)
        observation = envs.observe(states)
        features, memory = jax.vmap(agent.remember)(observation, memory)
        draw, action = jax.vmap(act, in_axes=(None, 0, -1))(
            act_key, lanes, agent.distributions(features)
        )
        step = envs.step(env_key, states, action)
        ended = step.terminated | step.truncated
        transition = _Step(
            observation=observation,
            draw=draw,
            reward=step.reward * a2c.reward_scale,
            terminated=step.terminated,
            truncated=step.truncated,
            final_observation=step.info["final_observation"],
        )
        memory = agent.restart(memory, ended)
        episodes = episodes.update(step.reward, ended)
        return (step.state, memory, episodes), transition

    start = (learner.states, learner.carry, learner.episodes)
    (states, memory, episodes), steps = jax.lax.scan(
        body, start, jr.split(key, a2c.rollout_steps)
    )
    return states, memory, episodes, steps


def _loss(
    a2c: A2C,
    agent: ActorCritic,
    carry: PyTree[Array],
    steps: _Step,
    last_observation: PyTree[Array],
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """The loss of a rollout, and the parts of it.

    `carry` is what the memory carried into the rollout, and `last_observation` the
    observation after it.
    """
    features, value, next_value = evaluate(
        agent,
        carry,
        append(steps.observation, last_observation),
        steps.final_observation,
        steps.terminated,
        steps.truncated,
    )
    target = jax.lax.stop_gradient(
        lambda_returns(
            steps.reward,
            next_value,
            steps.terminated,
            steps.truncated,
            a2c.discount,
            a2c.gae_lambda,
        )
    )

    distribution = agent.distributions(flat(features))
    log_prob = distribution.log_prob(jnp.moveaxis(flat(steps.draw), 0, -1))
    advantage = jax.lax.stop_gradient(target - value)
    policy_loss = -(log_prob.reshape(advantage.shape) * advantage).mean()
    value_loss = ((target - value) ** 2).mean() / 2
    mean_entropy = distribution.entropy().mean()
    loss = (
        policy_loss
        + a2c.value_coefficient * value_loss
        - a2c.entropy_coefficient * mean_entropy
    )
    losses = {
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": mean_entropy,
    }
    return loss, losses


def _improve(
    a2c: A2C, learner: A2CLearner, steps: _Step, last_observation: PyTree[Array]
) -> tuple[ActorCritic, PyTree, dict[str, Float[Array, ""]]]:
    """One step of the optimizer."""
    weights, rest = eqx.partition(learner.agent, eqx.is_inexact_array)
    slope, losses = gradient(
        lambda weights: _loss(
            a2c, eqx.combine(weights, rest), learner.carry, steps, last_observation
        ),
        weights,
    )
    step_size = current_step_size(a2c, a2c.learning_rate, learner)
    weights, optimizer_state = descend(
        _optimizer(a2c), step_size, weights, slope, learner.optimizer_state
    )
    return eqx.combine(weights, rest), optimizer_state, average(losses)


def _optimizer(a2c: A2C) -> optax.GradientTransformation:
    """Adam's direction; the caller applies the step size."""
    return optax.chain(
        optax.clip_by_global_norm(a2c.max_gradient_norm),  # pyright: ignore
        optax.scale_by_adam(eps=1e-5),
    )
