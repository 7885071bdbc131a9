"""PQN: the parallelized Q-network.

Gallici, Fellows, Ellis, Pou, Masmitja, Foerster & Martin, "Simplifying deep temporal
difference learning" (2024). Many parallel environments replace the replay buffer, and
layer normalization replaces the target network. The targets are those of Peng's
Q(lambda), as in Daley & Amato, "Reconciling lambda-returns with experience replay"
(2019).

The file reads from top to bottom in the order in which an update runs:

1. `_collect`: the agent takes `rollout_steps` steps in `num_envs` environments, mostly
   with the best action it knows, sometimes with a random one.
2. `_next_values`: what is the value of the best action in each next state?
3. `lambda_returns`: what was the value of each action taken?
4. `_improve`: several epochs of minibatches, each of which moves the action values
   toward these targets.
"""

from typing import get_args, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Bool, Float, Int32, Key, PyTree, UInt32

from .._bound import AbstractValue
from .._environment import AbstractEnvironment
from .._episodes import EpisodeStatistics
from .._vector import all_lanes, VectorEnvironment
from ..fields import choice, count, flag, real
from ..spaces import AbstractSpace, Discrete
from ._algorithm import AbstractAlgorithm, AbstractLearner
from ._descent import current_step_size, descend, weights_of
from ._lanes import gradient, lanes_here, mean, mean_episode
from ._minibatches import check_minibatches, scan_minibatches
from ._returns import lambda_returns
from .networks import Activation, Network, Torso


class QNetwork(AbstractValue):
    """Action values, from a network with layer normalization.

    It can be called as a policy: `agent(key, observation)` returns the best action, and
    so does `agent.greedy(key, observation)`.
    """

    network: Network

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
        hidden_width: int = 128,
        hidden_depth: int = 2,
        torso: Torso = "auto",
        activation: Activation = "relu",
        layer_norm: bool = True,
        scale_observations: bool = False,
        key: Key[Array, ""],
    ):
        """**Arguments:**

        - `observation_space`: any space.
        - `action_space`: a `Discrete` space.
        - `hidden_width`: the width of the hidden layers.
        - `hidden_depth`: the number of hidden layers.
        - `torso`: as for [`eqenvs.agents.ActorCritic`][].
        - `activation`: `"tanh"` or `"relu"`.
        - `layer_norm`: whether the layers are normalized.
        - `scale_observations`: as for [`eqenvs.agents.ActorCritic`][].
        - `key`: a JAX PRNG key for the weights.
        """
        if not isinstance(action_space, Discrete):
            raise TypeError(
                "PQN needs a Discrete action space, which the wrappers FlattenAction "
                f"and DiscretizeAction can make; got {action_space!r}."
            )
        self.network = Network(
            observation_space,
            action_space.n,
            hidden_width=hidden_width,
            hidden_depth=hidden_depth,
            torso=torso,
            activation=activation,
            layer_norm=layer_norm,
            scale_inputs=scale_observations,
            key=key,
        )

    def values(self, observation: PyTree[Array]) -> Float[Array, " actions"]:
        """The estimated discounted return after each action, for an `observation`."""
        return self.network(observation)

    def values_of_batch(
        self, observations: PyTree[Array]
    ) -> Float[Array, "actions batch"]:
        """The values for a batch of `observations`; the batch is their last axis."""
        return self.network.of_batch(observations)

    def __call__(
        self, key: Key[Array, ""], observation: PyTree[Array]
    ) -> Int32[Array, ""]:
        del key
        return jnp.argmax(self.values(observation)).astype(jnp.int32)

    def greedy(
        self, key: Key[Array, ""], observation: PyTree[Array]
    ) -> Int32[Array, ""]:
        """The best action.

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


class PQNLearner(AbstractLearner):
    """Everything that changes while PQN trains."""

    agent: QNetwork
    optimizer_state: PyTree
    states: PyTree[Array]
    episodes: EpisodeStatistics
    num_updates: Int32[Array, ""]
    planned_updates: Float[Array, ""]


class PQN(AbstractAlgorithm[PQNLearner]):
    """The parallelized Q-network, for discrete actions.

    ```python
    agent, metrics, learner = PQN().train(CartPole(), 0, num_steps=500_000)
    eqenvs.evaluate(CartPole(), agent.greedy, 1, num_episodes=100)
    ```

    Its metrics, besides `"return"` and `"length"`, which include the random actions:
    `"loss"`, half the squared error of the action values;
    `"action_value"`, their mean (both averaged over the minibatches); and `"epsilon"`,
    the probability of a random action.
    """

    learning_rate: Float[Array, ""] = real(
        5e-4, "Initial step size of RAdam.", minimum=0
    )
    discount: Float[Array, ""] = real(0.99, "Discount factor.", minimum=0, maximum=1)
    q_lambda: Float[Array, ""] = real(
        0.65,
        "Decay of the returns: 0 trusts the action values, 1 the rewards.",
        minimum=0,
        maximum=1,
    )
    initial_epsilon: Float[Array, ""] = real(
        1.0, "Initial probability of a random action.", minimum=0, maximum=1
    )
    final_epsilon: Float[Array, ""] = real(
        0.05, "Final probability of a random action.", minimum=0, maximum=1
    )
    exploration_fraction: Float[Array, ""] = real(
        0.1,
        "Fraction of training over which exploration falls linearly.",
        above=0,
        maximum=1,
    )
    max_gradient_norm: Float[Array, ""] = real(
        10.0, "Largest norm of a gradient; longer ones are clipped.", minimum=0
    )
    reward_scale: Float[Array, ""] = real(
        1.0, "Factor on the rewards that the agent learns from."
    )
    num_envs: int = count(64, "Number of environments.")
    rollout_steps: int = count(32, "Steps in each environment per update.")
    num_epochs: int = count(2, "Epochs per update.")
    num_minibatches: int = count(16, "Minibatches per epoch.")
    hidden_width: int = count(128, "Width of the hidden layers.")
    hidden_depth: int = count(2, "Number of hidden layers.", minimum=0)
    activation: Activation = choice(
        "relu", "Activation function.", options=get_args(Activation)
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
    layer_norm: bool = flag(True, "Whether the layers are normalized.")
    anneal_learning_rate: bool = flag(
        True, "Whether the step size falls linearly to zero."
    )

    def __check_init__(self):
        check_minibatches(self)

    @property
    def steps_per_update(self) -> int:
        return self.num_envs * self.rollout_steps

    def init(self, env: AbstractEnvironment, key: Key[Array, ""]) -> PQNLearner:
        network_key, reset_key = jr.split(key)
        envs = lanes_here(env, self.num_envs)
        agent = QNetwork(
            envs.single_observation_space,
            envs.single_action_space,
            hidden_width=self.hidden_width,
            hidden_depth=self.hidden_depth,
            torso=self.torso,
            activation=self.activation,
            layer_norm=self.layer_norm,
            scale_observations=self.scale_observations,
            key=network_key,
        )
        _, states = envs.reset(reset_key)
        return PQNLearner(
            agent=agent,
            optimizer_state=_optimizer(self).init(weights_of(agent)),
            states=states,
            episodes=EpisodeStatistics.start(envs.num_envs),
            num_updates=jnp.array(0, jnp.int32),
            planned_updates=jnp.array(jnp.inf),
        )

    def update(
        self, env: AbstractEnvironment, learner: PQNLearner, key: Key[Array, ""]
    ) -> tuple[PQNLearner, dict[str, Array]]:
        collect_key, improve_key = jr.split(key)
        envs = lanes_here(env, self.num_envs)
        epsilon = _epsilon(self, learner)
        states, episodes, steps = _collect(self, envs, learner, epsilon, collect_key)
        target = lambda_returns(
            steps.reward,
            _next_values(learner.agent, steps, envs.observe(states)),
            steps.terminated,
            steps.truncated,
            self.discount,
            self.q_lambda,
        )
        batch = _Batch(steps.observation, steps.action, target)
        agent, optimizer_state, losses = _improve(
            self, learner, batch, all_lanes(envs), improve_key
        )
        mean_return, mean_length = mean_episode(episodes)
        metrics = {
            "return": mean_return,
            "length": mean_length,
            **losses,
            "epsilon": epsilon,
        }
        learner = PQNLearner(
            agent=agent,
            optimizer_state=optimizer_state,
            states=states,
            episodes=episodes,
            num_updates=learner.num_updates + 1,
            planned_updates=learner.planned_updates,
        )
        return learner, metrics

    def agent(self, learner: PQNLearner) -> QNetwork:
        return learner.agent


def _epsilon(pqn: PQN, learner: PQNLearner) -> Float[Array, ""]:
    """The current probability of a random action."""
    fallen = (1 - learner.remaining()) / pqn.exploration_fraction
    change = pqn.final_epsilon - pqn.initial_epsilon
    return pqn.initial_epsilon + change * jnp.minimum(fallen, 1.0)


class _Step(NamedTuple):
    """The record of one step, from which the agent learns."""

    observation: PyTree[Array]
    action: Int32[Array, "*lanes"]
    value: Float[Array, "*lanes"]  # of the best action
    reward: Float[Array, "*lanes"]
    terminated: Bool[Array, "*lanes"]
    truncated: Bool[Array, "*lanes"]
    final_observation: PyTree[Array]


def _collect(
    pqn: PQN,
    envs: VectorEnvironment,
    learner: PQNLearner,
    epsilon: Float[Array, ""],
    key: Key[Array, ""],
) -> tuple[PyTree[Array], EpisodeStatistics, _Step]:
    """Takes `rollout_steps` steps in every environment."""
    lanes = all_lanes(envs)

    def act(key, lane, values):
        """The best action, or with probability `epsilon` a random one."""
        count = values.shape[0]
        is_random, which = jr.uniform(jr.fold_in(key, lane), (2,), epsilon.dtype)
        random_action = jnp.minimum((which * count).astype(jnp.int32), count - 1)
        best_action = jnp.argmax(values).astype(jnp.int32)
        return jnp.where(is_random < epsilon, random_action, best_action)

    def body(carry, key):
        states, episodes = carry
        act_key, env_key = jr.split(key)
        observation = envs.observe(states)
        values = learner.agent.values_of_batch(observation)
        action = jax.vmap(act, in_axes=(None, 0, -1))(act_key, lanes, values)
        step = envs.step(env_key, states, action)
        episodes = episodes.update(step.reward, step.terminated | step.truncated)
        transition = _Step(
            observation=observation,
            action=action,
            value=values.max(axis=0),
            reward=step.reward * pqn.reward_scale,
            terminated=step.terminated,
            truncated=step.truncated,
            final_observation=step.info["final_observation"],
        )
        return (step.state, episodes), transition

    start = (learner.states, learner.episodes)
    (states, episodes), steps = jax.lax.scan(
        body, start, jr.split(key, pqn.rollout_steps)
    )
    return states, episodes, steps


def _next_values(
    agent: QNetwork, steps: _Step, last_observation: PyTree[Array]
) -> Float[Array, "steps num_envs"]:
    """The value of the best action in the state after each step.

    At the end of an episode, that is its final state, whose value counts only if the
    episode was truncated.
    """

    def value_of(observations):
        return agent.values_of_batch(observations).max(axis=0)

    def final_values():
        flat = jax.tree.map(
            lambda x: x.reshape(-1, *x.shape[2:]), steps.final_observation
        )
        return value_of(flat).reshape(steps.value.shape)

    following = jnp.concatenate([steps.value[1:], value_of(last_observation)[None]])
    is_truncated = steps.truncated & ~steps.terminated
    final = jax.lax.cond(
        jnp.any(is_truncated), final_values, lambda: jnp.zeros_like(steps.value)
    )
    return jnp.where(is_truncated, final, following)


class _Batch(NamedTuple):
    observation: PyTree[Array]
    action: Int32[Array, "*batch"]
    target: Float[Array, "*batch"]


def _improve(
    pqn: PQN,
    learner: PQNLearner,
    batch: _Batch,
    lanes: UInt32[Array, " num_envs"],
    key: Key[Array, ""],
) -> tuple[QNetwork, PyTree, dict[str, Float[Array, ""]]]:
    """Several epochs of minibatches on the collected steps."""
    batch = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), batch)
    weights, rest = eqx.partition(learner.agent, eqx.is_inexact_array)
    step_size = current_step_size(pqn, pqn.learning_rate, learner)

    def minibatch_step(carry, minibatch):
        weights, optimizer_state = carry
        slope, losses = gradient(
            lambda weights: _loss(eqx.combine(weights, rest), minibatch), weights
        )
        carry = descend(_optimizer(pqn), step_size, weights, slope, optimizer_state)
        return carry, losses

    (weights, optimizer_state), losses = scan_minibatches(
        pqn, minibatch_step, (weights, learner.optimizer_state), batch, lanes, key
    )
    return eqx.combine(weights, rest), optimizer_state, jax.tree.map(mean, losses)


def _loss(
    agent: QNetwork, batch: _Batch
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """The loss of a minibatch, and its metrics."""
    values = agent.values_of_batch(batch.observation)
    # A mask: the gradient of an index would be a scatter, one entry at a time.
    actions = jax.lax.broadcasted_iota(jnp.int32, values.shape, 0)
    is_taken = actions == batch.action[None]
    value = jnp.sum(jnp.where(is_taken, values, 0.0), axis=0)
    loss = ((value - batch.target) ** 2).mean() / 2
    return loss, {"loss": loss, "action_value": value.mean()}


def _optimizer(pqn: PQN) -> optax.GradientTransformation:
    """RAdam's direction; `_improve` applies the step size."""
    return optax.chain(
        optax.clip_by_global_norm(pqn.max_gradient_norm),  # pyright: ignore
        optax.scale_by_radam(),
    )
