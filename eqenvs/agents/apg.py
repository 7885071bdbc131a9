"""APG: analytic policy gradients, which flow through the environment.

Where the dynamics are smooth, the gradient of the return need not be estimated: the
return can be differentiated. This is the method of Xu, Makoviychuk, Narang, Ramos,
Matusik, Garg & Macklin, "Accelerated policy learning with parallel differentiable
simulation" (2022). Gradients flow back through a few steps only, because they explode
over many, and a critic estimates the return after those.

The file reads from top to bottom in the order in which an update runs:

1. `_play`: the policy takes `rollout_steps` steps in `num_envs` environments. The
   objective is the sum of their discounted rewards and of the critic's value of the
   last state.
2. `_improve_actor`: one step along its gradient.
3. `lambda_returns`: what was the value of each state?
4. `_improve_critic`: several epochs of minibatches, each of which moves the critic
   toward these values.
"""

from typing import Any, get_args, NamedTuple

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
from ..spaces import Box
from ._algorithm import AbstractAlgorithm, AbstractLearner
from ._descent import current_step_size, descend, weights_of
from ._lanes import gradient, lanes_here, mean, mean_episode
from ._minibatches import check_minibatches, scan_minibatches
from ._returns import lambda_returns
from .networks import Activation, Actor, Network, Torso


class APGLearner(AbstractLearner):
    """Everything that changes while APG trains."""

    agent: Actor
    critic: Network
    actor_optimizer_state: PyTree
    critic_optimizer_state: PyTree
    states: PyTree[Array]
    episodes: EpisodeStatistics
    num_updates: Int32[Array, ""]
    planned_updates: Float[Array, ""]


class APG(AbstractAlgorithm[APGLearner]):
    """Analytic policy gradients, for continuous actions in differentiable environments.

    ```python
    apg = APG(learning_rate=5e-3, discount=0.95, reward_scale=0.1)
    agent, metrics, learner = apg.train(Pendulum(), 0, num_steps=300_000)
    eqenvs.evaluate(Pendulum(), agent.greedy, 1, num_episodes=100)
    ```

    The gradient ignores everything that is not a smooth function of the actions, such
    as a reward for reaching a goal, the end of an episode, or a collision.

    Its metrics, besides `"return"` and `"length"`, which include the noise in the
    actions: `"objective"`, the discounted return that was differentiated;
    `"gradient_norm"`, the norm of its gradient before clipping; and `"value_loss"`,
    half the squared error of the critic, averaged over the minibatches.
    """

    learning_rate: Float[Array, ""] = real(
        3e-3, "Initial step size of the actor's Adam.", minimum=0
    )
    critic_learning_rate: Float[Array, ""] = real(
        1e-3, "Initial step size of the critic's Adam.", minimum=0
    )
    discount: Float[Array, ""] = real(0.99, "Discount factor.", minimum=0, maximum=1)
    td_lambda: Float[Array, ""] = real(
        0.95,
        "Decay of the critic's targets: 0 trusts the critic, 1 the rewards.",
        minimum=0,
        maximum=1,
    )
    noise: Float[Array, ""] = real(
        0.1,
        "Standard deviation of the noise added to the outputs of the policy's network "
        "during training.",
        minimum=0,
    )
    max_gradient_norm: Float[Array, ""] = real(
        1.0, "Largest norm of a gradient; longer ones are clipped.", minimum=0
    )
    reward_scale: Float[Array, ""] = real(
        1.0, "Factor on the rewards that the agent learns from."
    )
    num_envs: int = count(16, "Number of environments.")
    rollout_steps: int = count(
        32, "Steps in each environment per update, through which gradients flow back."
    )
    num_epochs: int = count(8, "Epochs of the critic per update.")
    num_minibatches: int = count(4, "Minibatches of the critic per epoch.")
    hidden_width: int = count(64, "Width of the hidden layers.")
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
    anneal_learning_rate: bool = flag(
        True, "Whether the step sizes fall linearly to zero."
    )

    def __check_init__(self):
        check_minibatches(self)

    @property
    def steps_per_update(self) -> int:
        return self.num_envs * self.rollout_steps

    def init(self, env: AbstractEnvironment, key: Key[Array, ""]) -> APGLearner:
        actor_key, critic_key, reset_key = jr.split(key, 3)
        envs = lanes_here(env, self.num_envs)
        _, states = envs.reset(reset_key)
        _check_differentiable(envs, states)
        options: dict[str, Any] = {"torso": self.torso, "activation": self.activation}
        scale = self.scale_observations
        agent = Actor(
            envs.single_observation_space,
            envs.single_action_space,
            hidden_width=self.hidden_width,
            hidden_depth=self.hidden_depth,
            scale_observations=scale,
            key=actor_key,
            **options,
        )
        critic = Network(
            envs.single_observation_space,
            "scalar",
            hidden_width=self.hidden_width,
            hidden_depth=self.hidden_depth,
            scale_inputs=scale,
            key=critic_key,
            **options,
        )
        return APGLearner(
            agent=agent,
            critic=critic,
            actor_optimizer_state=_optimizer(self).init(weights_of(agent)),
            critic_optimizer_state=_optimizer(self).init(weights_of(critic)),
            states=states,
            episodes=EpisodeStatistics.start(envs.num_envs),
            num_updates=jnp.array(0, jnp.int32),
            planned_updates=jnp.array(jnp.inf),
        )

    def update(
        self, env: AbstractEnvironment, learner: APGLearner, key: Key[Array, ""]
    ) -> tuple[APGLearner, dict[str, Array]]:
        play_key, improve_key = jr.split(key)
        envs = lanes_here(env, self.num_envs)
        agent, actor_optimizer_state, played, norm = _improve_actor(
            self, envs, learner, play_key
        )
        steps = played.steps
        target = lambda_returns(
            steps.reward,
            steps.next_value,
            steps.terminated,
            steps.truncated,
            self.discount,
            self.td_lambda,
        )
        critic, critic_optimizer_state, value_loss = _improve_critic(
            self,
            learner,
            _Batch(steps.observation, target),
            all_lanes(envs),
            improve_key,
        )
        mean_return, mean_length = mean_episode(played.episodes)
        metrics = {
            "return": mean_return,
            "length": mean_length,
            "objective": mean(played.objective),
            "gradient_norm": norm,
            "value_loss": value_loss,
        }
        learner = APGLearner(
            agent=agent,
            critic=critic,
            actor_optimizer_state=actor_optimizer_state,
            critic_optimizer_state=critic_optimizer_state,
            states=played.states,
            episodes=played.episodes,
            num_updates=learner.num_updates + 1,
            planned_updates=learner.planned_updates,
        )
        return learner, metrics

    def agent(self, learner: APGLearner) -> Actor:
        return learner.agent


def _check_differentiable(envs: VectorEnvironment, states: PyTree[Array]) -> None:
    """Raises an error if neither reward nor next state has a gradient with respect to
    the action."""
    needs = "APG needs gradients through the environment"
    name = type(envs.env).__name__
    space = envs.single_action_space
    if not (isinstance(space, Box) and jnp.issubdtype(space.dtype, jnp.floating)):
        raise TypeError(
            f"{needs}: the action space of {name} must be a Box of floats; got "
            f"{space!r}."
        )
    observation = jax.eval_shape(envs.observe, states)
    dtypes = {x.dtype for x in jax.tree.leaves(observation)}
    if not any(jnp.issubdtype(dtype, jnp.floating) for dtype in dtypes):
        raise TypeError(
            f"{needs}: the observations of {name} must be floats; got the dtype "
            f"{', '.join(sorted(map(str, dtypes)))}."
        )

    def smooth_part(actions: Array) -> list[Array]:
        step = envs.advance(jr.key(0), states, actions)
        floats = eqx.filter((step.reward, step.state), eqx.is_inexact_array)
        return jax.tree.leaves(floats)

    actions = jnp.zeros((envs.num_envs, *space.shape), space.dtype)
    _, derivative = jax.linearize(smooth_part, actions)
    if not _depends_on_its_argument(jax.make_jaxpr(derivative)(actions).jaxpr):
        raise TypeError(
            f"{needs}, but neither the reward of {name} nor its next state is a "
            "differentiable function of the action."
        )


def _depends_on_its_argument(jaxpr: Any) -> bool:
    """Whether any output of a program depends on its only argument."""
    reached = {id(variable) for variable in jaxpr.invars}
    for equation in jaxpr.eqns:
        if any(id(variable) in reached for variable in equation.invars):
            reached |= {id(variable) for variable in equation.outvars}
    return any(id(variable) in reached for variable in jaxpr.outvars)


class _Step(NamedTuple):
    """The record of one step, from which the agent learns."""

    observation: PyTree[Array]
    reward: Float[Array, "*lanes"]
    terminated: Bool[Array, "*lanes"]
    truncated: Bool[Array, "*lanes"]
    next_value: Float[Array, "*lanes"]


class _Played(NamedTuple):
    objective: Float[Array, ""]
    steps: _Step
    states: PyTree[Array]
    episodes: EpisodeStatistics


def _play(
    apg: APG,
    envs: VectorEnvironment,
    agent: Actor,
    learner: APGLearner,
    key: Key[Array, ""],
) -> _Played:
    """Takes `rollout_steps` steps in every environment, differentiably."""
    lanes = all_lanes(envs)

    def act(key, lane, output):
        noise = jr.normal(jr.fold_in(key, lane), output.shape, output.dtype)
        return agent.to_action(output + apg.noise * noise)

    def body(carry, key):
        states, episodes, discounted = carry
        act_key, env_key = jr.split(key)
        observation = envs.observe(states)
        outputs = agent.network.of_batch(observation)
        action = jax.vmap(act, in_axes=(None, 0, -1))(act_key, lanes, outputs)
        step = envs.step(env_key, states, action)
        ended = step.terminated | step.truncated
        transition = _Step(
            observation=observation,
            reward=step.reward * apg.reward_scale,
            terminated=step.terminated,
            truncated=step.truncated,
            next_value=learner.critic.of_batch(step.info["final_observation"]),
        )
        gain = discounted * transition.reward
        # The value of the state after the last step of an episode or of the rollout.
        discounted = discounted * apg.discount
        value = jnp.where(step.terminated, 0.0, discounted * transition.next_value)
        gain = gain + jnp.where(ended, value, 0.0)
        episodes = episodes.update(step.reward, ended)
        carry = (step.state, episodes, jnp.where(ended, 1.0, discounted))
        return carry, (gain, jnp.where(ended, 0.0, value), transition)

    discounted = jnp.ones_like(learner.episodes.running_return)
    start = (learner.states, learner.episodes, discounted)
    (states, episodes, _), (gains, values, steps) = jax.lax.scan(
        body, start, jr.split(key, apg.rollout_steps)
    )
    objective = (gains.sum(axis=0) + values[-1]).mean()
    return _Played(objective, steps, states, episodes)


def _improve_actor(
    apg: APG, envs: VectorEnvironment, learner: APGLearner, key: Key[Array, ""]
) -> tuple[Actor, PyTree, _Played, Float[Array, ""]]:
    """A step along the gradient of the objective."""
    weights, rest = eqx.partition(learner.agent, eqx.is_inexact_array)

    def loss(weights):
        played = _play(apg, envs, eqx.combine(weights, rest), learner, key)
        return -played.objective, played

    slope, played = gradient(loss, weights)
    weights, optimizer_state = _descend(
        apg,
        apg.learning_rate,
        learner,
        weights,
        slope,
        learner.actor_optimizer_state,
    )
    squares = [jnp.sum(x**2) for x in jax.tree.leaves(slope)]
    norm = jnp.sqrt(jnp.sum(jnp.stack(squares)))
    return eqx.combine(weights, rest), optimizer_state, played, norm


class _Batch(NamedTuple):
    observation: PyTree[Array]
    target: Float[Array, "*batch"]


def _improve_critic(
    apg: APG,
    learner: APGLearner,
    batch: _Batch,
    lanes: UInt32[Array, " num_envs"],
    key: Key[Array, ""],
) -> tuple[Network, PyTree, Float[Array, ""]]:
    """Several epochs of minibatches on the steps played."""
    batch = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), batch)
    weights, rest = eqx.partition(learner.critic, eqx.is_inexact_array)

    def minibatch_step(carry, minibatch):
        weights, optimizer_state = carry

        def loss(weights):
            value = eqx.combine(weights, rest).of_batch(minibatch.observation)
            value_loss = ((value - minibatch.target) ** 2).mean() / 2
            return value_loss, value_loss

        slope, value_loss = gradient(loss, weights)
        carry = _descend(
            apg, apg.critic_learning_rate, learner, weights, slope, optimizer_state
        )
        return carry, value_loss

    (weights, optimizer_state), losses = scan_minibatches(
        apg,
        minibatch_step,
        (weights, learner.critic_optimizer_state),
        batch,
        lanes,
        key,
    )
    return eqx.combine(weights, rest), optimizer_state, mean(losses)


def _descend(
    apg: APG,
    learning_rate: Float[Array, ""],
    learner: APGLearner,
    weights: PyTree,
    gradient: PyTree,
    optimizer_state: PyTree,
) -> tuple[PyTree, PyTree]:
    """A step of Adam."""
    step_size = current_step_size(apg, learning_rate, learner)
    return descend(_optimizer(apg), step_size, weights, gradient, optimizer_state)


def _optimizer(apg: APG) -> optax.GradientTransformation:
    """Adam's direction; the caller applies the step size."""
    return optax.chain(
        optax.clip_by_global_norm(apg.max_gradient_norm),  # pyright: ignore
        optax.scale_by_adam(),
    )
