"""eqenvs in under a minute: many random CartPoles, then an agent that learns one.

Run by `make demo`. Writes learning_curve.png.
"""

import pathlib
import time

import equinox as eqx
import jax

import eqenvs
from eqenvs.agents import PPO
from eqenvs.agents.plot import plot_learning_curve


def main() -> None:
    env = eqenvs.make("CartPole-v1")
    num_envs, num_steps = 2_000, 500
    print(f"1. Random actions in {num_envs:,} CartPoles, {num_steps} steps each.")

    @eqx.filter_jit
    def mean_length(env, key):
        result = eqenvs.rollout(
            env, None, key, num_envs=num_envs, num_steps=num_steps, store=False
        )
        return result.episode_length.mean()

    jax.block_until_ready(mean_length(env, eqenvs.random.key(0)))
    start = time.perf_counter()
    length = float(mean_length(env, eqenvs.random.key(1)))
    seconds = time.perf_counter() - start
    print(f"   {num_envs * num_steps / seconds / 1e6:.1f} million steps per second;")
    print(f"   the pole falls after {length:.1f} steps on average.\n")

    print("2. PPO learns to balance it.")
    ppo = PPO(reward_scale=0.1)
    start = time.perf_counter()
    agent, metrics, _ = ppo.train(env, 0, 500_000, target_return=495, progress=True)
    print(f"   Solved in {time.perf_counter() - start:.1f} s, compilation included.\n")

    print("3. A hundred evaluation episodes.")
    result = eqenvs.evaluate(env, agent.greedy, 1, num_episodes=100)
    print(f"   Mean return: {float(result.episode_return.mean()):.1f} of 500.\n")

    path = pathlib.Path("learning_curve.png").resolve()
    plot_learning_curve(path, {"CartPole-v1": metrics})
    print(f"The learning curve is in {path}.")


if __name__ == "__main__":
    main()
