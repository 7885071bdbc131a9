"""PPO: proximal policy optimization.

Schulman, Wolski, Dhariwal, Radford & Klimov, "Proximal policy optimization algorithms"
(2017), with the generalized advantage estimation of Schulman, Moritz, Levine, Jordan &
Abbeel, "High-dimensional continuous control using generalized advantage estimation"
(2016).

The file reads from top to bottom in the order in which an update runs:

1. `_collect`: the policy takes `rollout_steps` steps in `num_envs` environments.
2. `evaluate`: what return does the critic expect from each state?
3. `advantages`: how much better than expected was each action?
4. `_improve`: several epochs of minibatches, each of which moves the policy toward the
   better actions, but not far from the policy that played.

An agent with a memory learns from whole lanes instead of single steps. For each
minibatch, its memory is unrolled over the rollout again, from the carry that the lane
started with, and reset where an episode ended.
"""

from typing import get_args, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Bool, Float, Int32, Key, PyTree, UInt32

from .._environment import AbstractEnvironment
from .._episodes import EpisodeStatistics
from .._vector import all_lanes, VectorEnvironment
from ..fields import choice, count, flag, real
from ._algorithm import AbstractAlgorithm, AbstractLearner
from ._critic import append, evaluate, flat
from ._descent import current_step_size, descend, weights_of
from ._lanes import gradient, lanes_here, mean, mean_episode, variance
from ._minibatches import check_minibatches, scan_minibatches
from .memory import Memory
from .networks import Activation, ActorCritic, Torso


class PPOLearner(AbstractLearner):
    """Everything that changes while PPO trains."""

    agent: ActorCritic
    optimizer_state: PyTree
    states: PyTree[Array]
    carry: PyTree[Array]
    episodes: EpisodeStatistics
    num_updates: Int32[Array, ""]
    planned_updates: Float[Array, ""]


class PPO(AbstractAlgorithm[PPOLearner]):
    """Proximal policy optimization, for discrete and continuous actions.

    ```python
    agent, metrics, learner = PPO().train(CartPole(), 0, num_steps=500_000)
    eqenvs.evaluate(CartPole(), agent.greedy, 1, num_episodes=100)
    ```

    Its metrics, besides `"return"` and `"length"`: `"policy_loss"`, `"value_loss"` and
    `"entropy"`, the three parts of the loss; `"approximate_kl"`, how far the policy
    moved; `"clip_fraction"`, the fraction of clipped ratios (all of these averaged over
    the minibatches); and `"explained_variance"`, the fraction of the returns' variance
    that the critic predicted.
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
    clip_epsilon: Float[Array, ""] = real(
        0.2, "Largest rewarded change of a probability ratio from 1.", minimum=0
    )
    entropy_coefficient: Float[Array, ""] = real(0.01, "Weight of the entropy bonus.")
    value_coefficient: Float[Array, ""] = real(0.5, "Weight of the critic's loss.")
    max_gradient_norm: Float[Array, ""] = real(
        0.5, "Largest norm of a gradient; longer ones are clipped.", minimum=0
    )
    reward_scale: Float[Array, ""] = real(
        1.0, "Factor on the rewards that the agent learns from."
    )
    num_envs: int = count(64, "Number of environments.")
    rollout_steps: int = count(64, "Steps in each environment per update.")
    num_epochs: int = count(4, "Epochs per update.")
    num_minibatches: int = count(8, "Minibatches per epoch.")
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

    def __check_init__(self):
        check_minibatches(self)
        if self.memory != "none" and self.num_envs % self.num_minibatches != 0:
            raise ValueError(
                "with a memory, num_envs must be a multiple of num_minibatches; got "
                f"{self.num_envs} and {self.num_minibatches}."
            )

    @property
    def steps_per_update(self) -> int:
        return self.num_envs * self.rollout_steps

    def init(self, env: AbstractEnvironment, key: Key[Array, ""]) -> PPOLearner:
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
        return PPOLearner(
            agent=agent,
            optimizer_state=_optimizer(self).init(weights_of(agent)),
            states=states,
            carry=agent.initial_carries(envs.num_envs),
            episodes=EpisodeStatistics.start(envs.num_envs),
            num_updates=jnp.array(0, jnp.int32),
            planned_updates=jnp.array(jnp.inf),
        )

    def update(
        self, env: AbstractEnvironment, learner: PPOLearner, key: Key[Array, ""]
    ) -> tuple[PPOLearner, dict[str, Array]]:
        collect_key, improve_key = jr.split(key)
        envs = lanes_here(env, self.num_envs)
        states, carry, episodes, steps = _collect(self, envs, learner, collect_key)
        _, value, next_value = evaluate(
            learner.agent,
            learner.carry,
            append(steps.observation, envs.observe(states)),
            steps.final_observation,
            steps.terminated,
            steps.truncated,
        )
        advantage = advantages(steps, value, next_value, self.discount, self.gae_lambda)
        batch = _Batch(
            observation=steps.observation,
            draw=steps.draw,
            log_prob=steps.log_prob,
            advantage=advantage,
            target=advantage + value,
            ended=steps.terminated | steps.truncated,
            carry=learner.carry,
        )
        agent, optimizer_state, losses = _improve(
            self, learner, batch, all_lanes(envs), improve_key
        )
        mean_return, mean_length = mean_episode(episodes)
        metrics = {
            "return": mean_return,
            "length": mean_length,
            **losses,
            "explained_variance": _explained_variance(value, batch.target),
        }
        learner = PPOLearner(
            agent=agent,
            optimizer_state=optimizer_state,
            states=states,
            carry=carry,
            episodes=episodes,
            num_updates=learner.num_updates + 1,
            planned_updates=learner.planned_updates,
        )
        return learner, metrics

    def agent(self, learner: PPOLearner) -> ActorCritic:
        return learner.agent


class _Step(NamedTuple):
    """The record of one step, from which the agent learns."""

    observation: PyTree[Array]
    draw: Array
    log_prob: Float[Array, "*lanes"]
    reward: Float[Array, "*lanes"]
    terminated: Bool[Array, "*lanes"]
    truncated: Bool[Array, "*lanes"]
    final_observation: PyTree[Array]


def _collect(
    ppo: PPO, envs: VectorEnvironment, learner: PPOLearner, key: Key[Array, ""]
) -> tuple[PyTree[Array], PyTree[Array], EpisodeStatistics, _Step]:
    """Takes `rollout_steps` steps in every environment."""
    agent = learner.agent
    lanes = all_lanes(envs)

    def act(key, lane, distribution):
        draw = distribution.sample(jr.fold_in(key, lane))
        return draw, distribution.log_prob(draw), agent.to_action(draw)

    def body(carry, key):
        states, memory, episodes = carry
        act_key, env_key = jr.split(key)
        observation = envs.observe(states)
        features, memory = jax.vmap(agent.remember)(observation, memory)
        draw, log_prob, action = jax.vmap(act, in_axes=(None, 0, -1))(
            act_key, lanes, agent.distributions(features)
        )
        step = envs.step(env_key, states, action)
        ended = step.terminated | step.truncated
        memory = agent.restart(memory, ended)
        episodes = episodes.update(step.reward, ended)
        transition = _Step(
            observation=observation,
            draw=draw,
            log_prob=log_prob,
            reward=step.reward * ppo.reward_scale,
            terminated=step.terminated,
            truncated=step.truncated,
            final_observation=step.info["final_observation"],
        )
        return (step.state, memory, episodes), transition

    start = (learner.states, learner.carry, learner.episodes)
    (states, memory, episodes), steps = jax.lax.scan(
        body, start, jr.split(key, ppo.rollout_steps)
    )
    return states, memory, episodes, steps


def advantages(
    steps: _Step,
    value: Float[Array, "steps num_envs"],
    next_value: Float[Array, "steps num_envs"],
    discount: Float[Array, ""],
    gae_lambda: Float[Array, ""],
) -> Float[Array, "steps num_envs"]:
    """Generalized advantage estimates.

    A terminal state has the value zero. A truncated episode ends with the value that
    the critic gives to its final observation. Nothing of the next episode counts.
    """

    def body(later, inputs):
        reward, terminated, truncated, value, next_value = inputs
        next_value = jnp.where(terminated, 0.0, next_value)
        error = reward + discount * next_value - value
        later = jnp.where(terminated | truncated, 0.0, later)
        advantage = error + discount * gae_lambda * later
        return advantage, advantage

    inputs = (steps.reward, steps.terminated, steps.truncated, value, next_value)
    start = jnp.zeros_like(value[0])
    return jax.lax.scan(body, start, inputs, reverse=True)[1]


class _Batch(NamedTuple):
    """The data that the losses are computed from.

    `ended` and `carry` are for a memory: where episodes ended, and what each lane
    carried into the rollout.
    """

    observation: PyTree[Array]
    draw: Array
    log_prob: Float[Array, "*shape"]
    advantage: Float[Array, "*shape"]
    target: Float[Array, "*shape"]
    ended: Bool[Array, "*shape"]
    carry: PyTree[Array]

    def of_steps_or_lanes(self) -> "_Batch":
        """With one leading axis: of single steps or, with a memory, of whole lanes."""
        if self.carry is None:
            return flat(self)
        return self.swapped()

    def swapped(self) -> "_Batch":
        """With the axes of steps and lanes in the other order."""
        batch = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), self._replace(carry=None))
        return batch._replace(carry=self.carry)

    def with_features(self, agent: ActorCritic) -> "_Batch":
        """With features in place of observations, and a single axis of steps."""
        if self.carry is None:
            return self
        batch = self.swapped()
        features, _ = agent.unroll(batch.observation, batch.ended, self.carry)
        return flat(batch._replace(observation=features, carry=None))


def _improve(
    ppo: PPO,
    learner: PPOLearner,
    batch: _Batch,
    lanes: UInt32[Array, " num_envs"],
    key: Key[Array, ""],
) -> tuple[ActorCritic, PyTree, dict[str, Float[Array, ""]]]:
    """Several epochs of minibatches on the collected steps."""
    batch = batch.of_steps_or_lanes()
    weights, rest = eqx.partition(learner.agent, eqx.is_inexact_array)
    step_size = current_step_size(ppo, ppo.learning_rate, learner)

    def minibatch_step(carry, minibatch):
        weights, optimizer_state = carry
        slope, losses = gradient(
            lambda weights: _loss(ppo, eqx.combine(weights, rest), minibatch), weights
        )
        carry = descend(_optimizer(ppo), step_size, weights, slope, optimizer_state)
        return carry, losses

    (weights, optimizer_state), losses = scan_minibatches(
        ppo, minibatch_step, (weights, learner.optimizer_state), batch, lanes, key
    )
    return eqx.combine(weights, rest), optimizer_state, jax.tree.map(mean, losses)


def _loss(
    ppo: PPO, agent: ActorCritic, batch: _Batch
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """The loss of a minibatch, and its metrics."""
    batch = batch.with_features(agent)
    distribution = agent.distributions(batch.observation)
    value = agent.values(batch.observation)
    log_prob = distribution.log_prob(jnp.moveaxis(batch.draw, 0, -1))
    advantage = batch.advantage
    advantage = (advantage - mean(advantage)) / (jnp.sqrt(variance(advantage)) + 1e-8)
    log_ratio = log_prob - batch.log_prob
    ratio = jnp.exp(log_ratio)
    clipped = jnp.clip(ratio, 1 - ppo.clip_epsilon, 1 + ppo.clip_epsilon)
    policy_loss = -jnp.minimum(ratio * advantage, clipped * advantage).mean()
    value_loss = ((value - batch.target) ** 2).mean() / 2
    mean_entropy = distribution.entropy().mean()
    loss = (
        policy_loss
        + ppo.value_coefficient * value_loss
        - ppo.entropy_coefficient * mean_entropy
    )
    losses = {
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": mean_entropy,
        # Schulman, "Approximating KL divergence" (2020): never negative, little noise.
        "approximate_kl": (ratio - 1 - log_ratio).mean(),
        "clip_fraction": (ratio != clipped).mean(dtype=ratio.dtype),
    }
    return loss, losses


def _explained_variance(
    value: Float[Array, "steps num_envs"], target: Float[Array, "steps num_envs"]
) -> Float[Array, ""]:
    """1 for a perfect critic, 0 for one that predicts the mean; 0 if there is no
    variance."""
    total = variance(target)
    is_known = total > 0
    share = variance(target - value) / jnp.where(is_known, total, 1.0)
    return jnp.where(is_known, 1 - share, 0.0)


def _optimizer(ppo: PPO) -> optax.GradientTransformation:
    """Adam's direction; `_improve` applies the step size."""
    return optax.chain(
        optax.clip_by_global_norm(ppo.max_gradient_norm),  # pyright: ignore
        optax.scale_by_adam(eps=1e-5),
    )
