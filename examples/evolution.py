# %% [markdown]
# # Evolution: one controller for many Acrobots
#
# An evolution strategy learns from returns alone. It draws policies around the current
# one, lets each play the same episodes, and moves toward those that did well. Here it
# learns to swing up Acrobots whose links have different lengths. `DrawnEnvironment`
# draws new lengths for every episode, inside the compiled program.
#
# It takes about a minute on two cores. `STEPS=2000 python examples/evolution.py` runs a
# shorter version. It needs `pip install "eqenvs[evolution]"`.

# %%
import os
import time

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import eqenvs
from eqenvs import Acrobot
from eqenvs.agents import EvolutionStrategy
from eqenvs.wrappers import DrawnEnvironment


num_steps = int(os.environ.get("STEPS", 4_000_000))
is_short = "STEPS" in os.environ

# %% [markdown]
# ## A world for every episode
#
# An environment is a value, so a function from a key to an Acrobot says how worlds are
# distributed. A longer link has its center of mass further out.

# %%


def acrobot(length_1, length_2):
    return Acrobot(
        link_length_1=length_1,
        link_length_2=length_2,
        link_center_1=length_1 / 2,
        link_center_2=length_2 / 2,
    )


def draw(key):
    length_1, length_2 = jr.uniform(key, (2,), minval=0.6, maxval=1.4)
    return acrobot(length_1, length_2)


many = DrawnEnvironment(draw)
one = acrobot(1.0, 1.0)

# %% [markdown]
# ## Training
#
# A generation has 32 policies with one hidden layer. Each plays 8 episodes, which are
# cut off after 250 steps. An agent that never swings up gets -250.

# %%
evolution = EvolutionStrategy(
    population_size=4 if is_short else 32,
    num_episodes=8,
    episode_steps=20 if is_short else 250,
    learning_rate=0.1,
    initial_spread=0.2,
)
print(evolution)

agents = {}
for name, env in {"one Acrobot": one, "many Acrobots": many}.items():
    start = time.perf_counter()
    agents[name], metrics, _ = evolution.train(env, 0, num_steps)
    seconds = time.perf_counter() - start
    returns = metrics["return"]
    print(
        f"{name}: {len(returns)} generations in {seconds:.1f} s, return "
        f"{returns[0]:.0f} at the beginning and {returns[-5:].mean():.0f} at the end."
    )

# %% [markdown]
# ## Other lengths
#
# How do both agents do when the links are shorter or longer than usual? All worlds are
# lanes of one program. The time limit is that of the environment, 500 steps.

# %%
lengths = jnp.array([0.6, 0.8, 1.0, 1.2, 1.4])


def score(length_1, length_2, agent):
    env = acrobot(length_1, length_2)
    evaluation = eqenvs.evaluate(env, agent.greedy, 1, num_episodes=20)
    return evaluation.episode_return.mean()


table = eqx.filter_vmap(score, in_axes=(None, 0, None))
table = eqx.filter_jit(eqx.filter_vmap(table, in_axes=(0, None, None)))
for name, agent in agents.items():
    scores = np.asarray(table(lengths, lengths, agent))
    print(f"Trained on {name}: mean return {scores.mean():.0f}")
    print("first link   " + "".join(f"second {x:<6.1f}" for x in lengths))
    for length, row in zip(lengths, scores, strict=True):
        print(f"{float(length):<13.1f}" + "".join(f"{x:<13.0f}" for x in row))
