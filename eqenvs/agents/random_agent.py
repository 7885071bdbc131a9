"""An agent that acts at random and learns nothing: the baseline for the others."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int32, Key, PyTree

from .._environment import AbstractEnvironment
from .._episodes import EpisodeStatistics
from ..fields import count
from ..spaces import AbstractSpace
from ._algorithm import AbstractAlgorithm, AbstractLearner
from ._lanes import lanes_here, mean_episode


class RandomPolicy(eqx.Module):
    """Draws actions uniformly from a space."""

    action_space: AbstractSpace

    def __call__(self, key: Key[Array, ""], observation: PyTree[Array]) -> Any:
        del observation
        return self.action_space.sample(key)

    def greedy(self, key: Key[Array, ""], observation: PyTree[Array]) -> Any:
        """The same, since all actions are equally likely."""
        return self(key, observation)


class RandomLearner(AbstractLearner):
    """The states of the environments."""

    agent: RandomPolicy
    states: PyTree[Array]
    episodes: EpisodeStatistics
    num_updates: Int32[Array, ""]
    planned_updates: Float[Array, ""]


class RandomAgent(AbstractAlgorithm[RandomLearner]):
    """Uniformly random actions, as an algorithm that learns nothing."""

    num_envs: int = count(1, "Number of environments.")
    rollout_steps: int = count(64, "Steps in each environment per update.")

    @property
    def steps_per_update(self) -> int:
        return self.num_envs * self.rollout_steps

    def init(self, env: AbstractEnvironment, key: Key[Array, ""]) -> RandomLearner:
        envs = lanes_here(env, self.num_envs)
        _, states = envs.reset(key)
        return RandomLearner(
            agent=RandomPolicy(envs.single_action_space),
            states=states,
            episodes=EpisodeStatistics.start(envs.num_envs),
            num_updates=jnp.array(0, jnp.int32),
            planned_updates=jnp.array(jnp.inf),
        )

    def update(
        self, env: AbstractEnvironment, learner: RandomLearner, key: Key[Array, ""]
    ) -> tuple[RandomLearner, dict[str, Array]]:
        envs = lanes_here(env, self.num_envs)

        def body(carry, key):
            states, episodes = carry
            action_key, env_key = jr.split(key)
            step = envs.step(env_key, states, envs.sample_actions(action_key))
            ended = step.terminated | step.truncated
            return (step.state, episodes.update(step.reward, ended)), None

        (states, episodes), _ = jax.lax.scan(
            body, (learner.states, learner.episodes), jr.split(key, self.rollout_steps)
        )
        mean_return, mean_length = mean_episode(episodes)
        learner = RandomLearner(
            agent=learner.agent,
            states=states,
            episodes=episodes,
            num_updates=learner.num_updates + 1,
            planned_updates=learner.planned_updates,
        )
        return learner, {"return": mean_return, "length": mean_length}

    def agent(self, learner: RandomLearner) -> RandomPolicy:
        return learner.agent
