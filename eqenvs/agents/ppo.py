"""PPO: proximal policy optimisation.

Schulman, Wolski, Dhariwal, Radford & Klimov, "Proximal policy optimization algorithms"
(2017), with the generalised advantage estimation of Schulman, Moritz, Levine, Jordan &
Abbeel, "High-dimensional continuous control using generalized advantage estimation"
(2016).

The file is read from top to bottom in the order in which the algorithm runs. Again and
again, until the steps are used up:

1. `_collect`: the policy plays `rollout_steps` steps in `num_envs` environments.
2. `_advantages`: how much better than expected was every action?
3. `_improve`: several epochs of minibatches, each of which moves the policy towards the
   actions that were better, but not far from the policy that played.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Bool, Float, Int32, Key, PyTree

from .._checks import as_key, check_count
from .._environment import AbstractEnvironment
from .._parametric import AbstractParametric
from .._vector import VectorEnvironment
from ..fields import count, flag, real
from ._progress import Progress, show_progress
from .networks import ActorCritic


class LearningCurve(NamedTuple):
    """How training went; one entry for every update.

    - `steps`: the number of environment steps taken so far.
    - `episode_return`: the mean, over the environments, of the return of the last
        episode that ended in each; not a number before any did, and behind the update
        at which `target_return` was reached.
    - `episode_length`: likewise.
    """

    steps: Int32[Array, " updates"]
    episode_return: Float[Array, " updates"]
    episode_length: Float[Array, " updates"]


class _Transition(NamedTuple):
    """What one step of the policy leaves to learn from."""

    observation: PyTree[Array]
    draw: Array
    log_prob: Float[Array, "*lanes"]
    value: Float[Array, "*lanes"]
    next_value: Float[Array, "*lanes"]
    reward: Float[Array, "*lanes"]
    terminated: Bool[Array, "*lanes"]
    ended: Bool[Array, "*lanes"]


class _Learner(NamedTuple):
    """Everything that changes while an agent learns."""

    agent: ActorCritic
    optimiser_state: PyTree
    states: PyTree[Array]
    running_return: Float[Array, " num_envs"]
    running_length: Int32[Array, " num_envs"]
    last_return: Float[Array, " num_envs"]
    last_length: Float[Array, " num_envs"]


class PPO(AbstractParametric):
    """Proximal policy optimisation, for discrete and for continuous actions.

    ```python
    agent, curve = PPO().train(CartPole(), jax.random.key(0), num_steps=500_000)
    eqenvs.evaluate(CartPole(), agent.greedy, key, num_episodes=100)
    ```

    The whole training is one compiled program. It can be mapped over seeds and over
    those hyper-parameters that are arrays:

    ```python
    def train(learning_rate, key):
        return PPO(learning_rate=learning_rate).train(env, key, num_steps=500_000)

    agents, curves = eqx.filter_vmap(train)(learning_rates, keys)
    ```
    """

    learning_rate: Float[Array, ""] = real(
        1e-3, "Step size of Adam at the beginning.", minimum=0
    )
    discount: Float[Array, ""] = real(
        0.99, "What a reward one step later is worth.", minimum=0, maximum=1
    )
    gae_lambda: Float[Array, ""] = real(
        0.95,
        "How far an advantage looks ahead before it trusts the critic.",
        minimum=0,
        maximum=1,
    )
    clip: Float[Array, ""] = real(
        0.2, "How far from 1 the ratio of new to old probability may move.", minimum=0
    )
    entropy_cost: Float[Array, ""] = real(0.01, "Weight of the entropy bonus.")
    value_cost: Float[Array, ""] = real(0.5, "Weight of the critic's loss.")
    max_gradient_norm: Float[Array, ""] = real(
        0.5, "Gradients longer than this are shortened.", minimum=0
    )
    reward_scale: Float[Array, ""] = real(
        1.0, "What rewards are multiplied with before learning from them."
    )
    target_return: Float[Array, ""] = real(
        float("inf"),
        "Training ends early when the mean return of the last episodes gets here.",
        finite=False,
    )
    num_envs: int = count(64, "Number of environments played at once.")
    rollout_steps: int = count(64, "Number of steps in each of them between updates.")
    num_epochs: int = count(4, "How often an update goes through what was collected.")
    num_minibatches: int = count(8, "Number of pieces that it does so in.")
    hidden_width: int = count(64, "Width of the hidden layers.")
    hidden_depth: int = count(2, "Number of hidden layers.", minimum=0)
    anneal: bool = flag(True, "Whether the step size falls linearly to zero.")

    def __check_init__(self):
        batch_size = self.num_envs * self.rollout_steps
        if batch_size % self.num_minibatches != 0:
            raise ValueError(
                "num_envs * rollout_steps must be a multiple of num_minibatches; got "
                f"{self.num_envs} * {self.rollout_steps} and {self.num_minibatches}."
            )

    def train(
        self,
        env: AbstractEnvironment,
        key: Any,
        num_steps: int,
        *,
        progress: bool = False,
    ) -> tuple[ActorCritic, LearningCurve]:
        """Trains an agent from scratch.

        **Arguments:**

        - `env`: an environment whose actions are `Discrete` or a `Box` of floats.
        - `key`: a JAX PRNG key, or an integer to make one from by
            [`eqenvs.random.key`][].
        - `num_steps`: how many steps to take in all environments together; rounded up
            to whole updates of `num_envs * rollout_steps`.
        - `progress`: whether to show a progress bar with the return and the steps per
            second.

        **Returns:**

        The tuple `(agent, curve)` of an [`eqenvs.agents.ActorCritic`][] and an
        [`eqenvs.agents.LearningCurve`][].
        """
        check_count("num_steps", num_steps)
        num_updates = -(-int(num_steps) // (self.num_envs * self.rollout_steps))
        key = as_key(key, "train")
        if not progress:
            return _train(self, env, key, num_updates, None)
        with Progress(num_updates, self.num_envs * self.rollout_steps) as bar:
            return jax.block_until_ready(
                _train(self, env, key, num_updates, jnp.asarray(bar.id))
            )


@eqx.filter_jit
def _train(
    ppo: PPO,
    env: AbstractEnvironment,
    key: Key[Array, ""],
    num_updates: int,
    bar: Int32[Array, ""] | None,
) -> tuple[ActorCritic, LearningCurve]:
    network_key, reset_key, key = jr.split(key, 3)
    envs = VectorEnvironment(env, ppo.num_envs)
    agent = ActorCritic(
        env.observation_space,
        env.action_space,
        (ppo.hidden_width, ppo.hidden_depth),
        key=network_key,
    )
    _, states = envs.reset(reset_key)
    nothing = jnp.full(ppo.num_envs, jnp.nan)
    learner = _Learner(
        agent=agent,
        optimiser_state=_optimiser(ppo).init(eqx.filter(agent, eqx.is_inexact_array)),
        states=states,
        running_return=jnp.zeros(ppo.num_envs),
        running_length=jnp.zeros(ppo.num_envs, jnp.int32),
        last_return=nothing,
        last_length=nothing,
    )
    learner_arrays, learner_rest = eqx.partition(learner, eqx.is_array)
    empty = jnp.full(num_updates, jnp.nan)

    def is_going_on(carry):
        update, _, returns, _ = carry
        last = returns[jnp.maximum(update - 1, 0)]
        return (update < num_updates) & ~(last >= ppo.target_return)

    def body(carry):
        update, learner_arrays, returns, lengths = carry
        learner = eqx.combine(learner_arrays, learner_rest)
        collect_key, improve_key = jr.split(jr.fold_in(key, update))
        learner, transitions = _collect(ppo, envs, learner, collect_key)
        remaining = 1 - update / num_updates if ppo.anneal else 1.0
        learner = _improve(ppo, learner, transitions, remaining, improve_key)
        mean_return = jnp.nanmean(learner.last_return)
        if bar is not None:
            jax.debug.callback(show_progress, bar, update, mean_return)
        learner_arrays, _ = eqx.partition(learner, eqx.is_array)
        return (
            update + 1,
            learner_arrays,
            returns.at[update].set(mean_return),
            lengths.at[update].set(jnp.nanmean(learner.last_length)),
        )

    _, learner_arrays, returns, lengths = jax.lax.while_loop(
        is_going_on, body, (jnp.int32(0), learner_arrays, empty, empty)
    )
    batch_size = ppo.num_envs * ppo.rollout_steps
    steps = jnp.arange(1, num_updates + 1, dtype=jnp.int32) * batch_size
    agent = eqx.combine(learner_arrays, learner_rest).agent
    return agent, LearningCurve(steps, returns, lengths)


def _collect(
    ppo: PPO, envs: VectorEnvironment, learner: _Learner, key: Key[Array, ""]
) -> tuple[_Learner, _Transition]:
    """Plays `rollout_steps` steps in every environment."""
    agent = learner.agent

    def act(key, observation):
        distribution = agent.distribution(observation)
        draw, log_prob = distribution.sample_and_log_prob(key)
        return draw, log_prob, agent.to_action(draw)

    def body(carry, key):
        states, running_return, running_length, last_return, last_length = carry
        act_key, env_key = jr.split(key)
        observation = envs.observe(states)
        act_keys = jr.split(act_key, ppo.num_envs)
        draw, log_prob, action = jax.vmap(act)(act_keys, observation)
        step = envs.step(env_key, states, action)
        ended = step.terminated | step.truncated
        running_return = running_return + step.reward
        running_length = running_length + 1
        last_return = jnp.where(ended, running_return, last_return)
        last_length = jnp.where(ended, running_length, last_length)
        running_return = jnp.where(ended, 0.0, running_return)
        running_length = jnp.where(ended, 0, running_length)
        transition = _Transition(
            observation=observation,
            draw=draw,
            log_prob=log_prob,
            value=jax.vmap(agent.value)(observation),
            # At the end of an episode, that of where it ended: whoever was cut off
            # there could have gone on.
            next_value=jax.vmap(agent.value)(step.info["final_observation"]),
            reward=step.reward * ppo.reward_scale,
            terminated=step.terminated,
            ended=ended,
        )
        carry = (step.state, running_return, running_length, last_return, last_length)
        return carry, transition

    carry, transitions = jax.lax.scan(
        body, learner[2:], jr.split(key, ppo.rollout_steps)
    )
    return _Learner(agent, learner.optimiser_state, *carry), transitions


def advantages(
    transitions: _Transition, discount: Float[Array, ""], gae_lambda: Float[Array, ""]
) -> Float[Array, "steps num_envs"]:
    """Generalised advantage estimates.

    A terminal state is worth nothing. A truncated episode is worth what the critic
    expects of the state it was cut off in; nothing is carried over to the next one.
    """

    def body(later, transition):
        next_value = jnp.where(transition.terminated, 0.0, transition.next_value)
        error = transition.reward + discount * next_value - transition.value
        advantage = error + discount * gae_lambda * jnp.where(
            transition.ended, 0.0, later
        )
        return advantage, advantage

    nothing = jnp.zeros_like(transitions.value[0])
    return jax.lax.scan(body, nothing, transitions, reverse=True)[1]


def _improve(
    ppo: PPO,
    learner: _Learner,
    transitions: _Transition,
    remaining: Any,
    key: Key[Array, ""],
) -> _Learner:
    """Several epochs of minibatches on what was collected."""
    advantage = advantages(transitions, ppo.discount, ppo.gae_lambda)
    batch = (transitions, advantage, advantage + transitions.value)
    batch = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), batch)
    # The bounds of the spaces are among the weights; having no gradient, they stay.
    weights, rest = eqx.partition(learner.agent, eqx.is_inexact_array)

    def minibatch_step(carry, minibatch):
        weights, optimiser_state = carry

        def loss(weights):
            return _loss(ppo, eqx.combine(weights, rest), *minibatch)

        direction, optimiser_state = _optimiser(ppo).update(
            jax.grad(loss)(weights), optimiser_state
        )
        step_size = ppo.learning_rate * remaining
        weights = jax.tree.map(lambda w, d: w - step_size * d, weights, direction)
        return (weights, optimiser_state), None

    def epoch(carry, key):
        order = jr.permutation(key, ppo.num_envs * ppo.rollout_steps)
        minibatches = jax.tree.map(
            lambda x: x[order].reshape(ppo.num_minibatches, -1, *x.shape[1:]), batch
        )
        return jax.lax.scan(minibatch_step, carry, minibatches)

    (weights, optimiser_state), _ = jax.lax.scan(
        epoch, (weights, learner.optimiser_state), jr.split(key, ppo.num_epochs)
    )
    agent = eqx.combine(weights, rest)
    return learner._replace(agent=agent, optimiser_state=optimiser_state)


def _loss(
    ppo: PPO,
    agent: ActorCritic,
    transitions: _Transition,
    advantage: Float[Array, " batch"],
    target: Float[Array, " batch"],
) -> Float[Array, ""]:
    def evaluate(observation, draw):
        distribution = agent.distribution(observation)
        return (
            distribution.log_prob(draw),
            distribution.entropy(),
            agent.value(observation),
        )

    log_prob, entropy, value = jax.vmap(evaluate)(
        transitions.observation, transitions.draw
    )
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    ratio = jnp.exp(log_prob - transitions.log_prob)
    clipped = jnp.clip(ratio, 1 - ppo.clip, 1 + ppo.clip)
    gain = jnp.minimum(ratio * advantage, clipped * advantage).mean()
    error = ((value - target) ** 2).mean() / 2
    return ppo.value_cost * error - gain - ppo.entropy_cost * entropy.mean()


def _optimiser(ppo: PPO) -> optax.GradientTransformation:
    """Adam's direction; the step size is applied where it is used."""
    return optax.chain(
        optax.clip_by_global_norm(ppo.max_gradient_norm),  # pyright: ignore
        optax.scale_by_adam(eps=1e-5),
    )
