# %% [markdown]
# # A hyperparameter sweep as one `vmap`
#
# An algorithm is a value whose hyperparameters are array leaves, and training is a
# function that compiles. So a grid of learning rates, entropy bonuses and seeds is one
# `vmap` over that function: one compilation, one call.
#
# It takes about a minute on two cores. `STEPS=2000 python examples/sweep.py` runs a
# shorter version.

# %%
import os
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import eqenvs
from eqenvs import CartPole
from eqenvs.agents import A2C


num_steps = int(os.environ.get("STEPS", 60_000))

# %% [markdown]
# ## What one lane does
#
# It trains an agent and returns its score: the mean return of 50 fresh episodes.

# %%


def train_and_score(learning_rate, entropy_coefficient, key):
    a2c = A2C(
        learning_rate=learning_rate,
        entropy_coefficient=entropy_coefficient,
        reward_scale=0.1,
        hidden_width=32,
    )
    env = CartPole()
    agent, *_ = a2c.train(env, key, num_steps)
    evaluation = eqenvs.evaluate(env, agent.greedy, 1, num_episodes=50)
    return evaluation.episode_return.mean()


# %% [markdown]
# ## All of them
#
# Four learning rates, three entropy bonuses and three seeds make 36 agents. Each `vmap`
# adds an axis, and the last one adds the first axis of the result.

# %%
learning_rates = jnp.array([3e-4, 1e-3, 3e-3, 1e-2])
entropy_coefficients = jnp.array([0.0, 0.01, 0.1])
keys = jax.random.split(eqenvs.random.key(0), 3)

sweep = eqx.filter_vmap(train_and_score, in_axes=(None, None, 0))
sweep = eqx.filter_vmap(sweep, in_axes=(None, 0, None))
sweep = eqx.filter_vmap(sweep, in_axes=(0, None, None))

start = time.perf_counter()
scores = np.asarray(eqx.filter_jit(sweep)(learning_rates, entropy_coefficients, keys))
seconds = time.perf_counter() - start
print(f"{scores.size} agents in {seconds:.1f} s, including compilation.")

# %%
print("Mean return over the seeds (from the worst to the best):")
print("learning rate  " + "".join(f"entropy {x:<14.2f}" for x in entropy_coefficients))
for rate, row in zip(learning_rates, scores, strict=True):
    cells = [f"{x.mean():5.0f} ({x.min():.0f} to {x.max():.0f})" for x in row]
    print(f"{float(rate):<15.4f}" + "".join(f"{cell:<22}" for cell in cells))

i, j = np.unravel_index(scores.mean(-1).argmax(), scores.shape[:2])
print(
    f"Best: learning_rate={float(learning_rates[i]):g}, "
    f"entropy_coefficient={float(entropy_coefficients[j]):g}."
)

# %% [markdown]
# ## Worlds as well
#
# An environment is a value too, so the same `vmap` maps over its parameters. Here each
# lane learns to balance a pole of a different length, with the best setting from above.

# %%


def train_in(half_length, key):
    env = CartPole(pole_half_length=half_length)
    a2c = A2C(
        learning_rate=learning_rates[i],
        entropy_coefficient=entropy_coefficients[j],
        reward_scale=0.1,
        hidden_width=32,
    )
    agent, *_ = a2c.train(env, key, num_steps)
    return eqenvs.evaluate(env, agent.greedy, 1, num_episodes=50).episode_return.mean()


half_lengths = jnp.array([0.1, 0.25, 0.5, 1.0, 2.0])
returns = eqx.filter_jit(eqx.filter_vmap(train_in, in_axes=(0, None)))(
    half_lengths, keys[0]
)
for half_length, mean_return in zip(half_lengths, returns, strict=True):
    print(f"half-length {float(half_length):4.2f} m: return {float(mean_return):.0f}")
