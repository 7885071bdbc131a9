# %% [markdown]
# # Learning to learn: bandits
#
# Wang et al., ["Learning to reinforcement learn"](https://arxiv.org/abs/1611.05763)
# (2017): an agent with a memory is trained on many bandits. Each episode is a new
# bandit of two arms, one of which pays with probability `p` and the other one with
# `1 - p`. The weights stay the same within an episode; what adapts is the memory. In
# the end, the recurrent network itself is a learning algorithm, shaped by the bandits
# that it has seen.
#
# How well does it do on bandits that differ from those? This is the generalization
# matrix: agents trained with one `p`, tested with all.
#
# It takes a minute or two on two cores. `STEPS=3200 python examples/meta_rl.py` runs a
# shorter version.

# %%
import os
import pathlib
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import eqenvs
from eqenvs import BernoulliBandit
from eqenvs.agents import A2C


num_steps = int(os.environ.get("STEPS", 1_000_000))
probabilities = jnp.array([0.05, 0.1, 0.2, 0.3, 0.4])

# %% [markdown]
# ## Training
#
# The agent is the paper's: an LSTM with 48 cells, whose output is the only input of
# policy and critic, trained by A2C. The observation of `BernoulliBandit` is the last
# action, the last reward and the time, from which the LSTM learns. (For other
# environments, `PreviousActionAndReward` adds these to the observation, and `Trial`
# joins several episodes of one task.)
#
# `p` is a number in the environment. So the five agents are five lanes of one program.

# %%
a2c = A2C(
    memory="lstm",
    hidden_width=48,
    hidden_depth=0,
    num_envs=16,
    rollout_steps=25,
    discount=0.8,
    gae_lambda=0.8,
    entropy_coefficient=0.02,
    learning_rate=4e-3,
)


@eqx.filter_jit
def train(probabilities, key):
    def one(probability):
        return a2c.train(BernoulliBandit(probability), key, num_steps)[:2]

    return eqx.filter_vmap(one)(probabilities)


start = time.perf_counter()
agents, metrics = jax.block_until_ready(train(probabilities, eqenvs.random.key(0)))
seconds = time.perf_counter() - start
print(f"{len(probabilities)} meta-learners in {seconds:.0f} s, including compilation.")

# %% [markdown]
# ## The generalization matrix
#
# Every agent plays 300 bandits of each kind. The regret of an episode is what 100 pulls
# of the better arm pay on average, minus what the agent got. Guessing has a regret of
# `100 (0.5 - p)`.


# %%
@eqx.filter_jit
def regrets(agents):
    def one(agent, probability):
        result = eqenvs.evaluate(BernoulliBandit(probability), agent, 1, 300)
        best = 100 * jnp.maximum(probability, 1 - probability)
        return best - result.episode_return.mean()

    row = eqx.filter_vmap(one, in_axes=(None, 0))
    return eqx.filter_vmap(row, in_axes=(eqx.if_array(0), None))(agents, probabilities)


matrix = np.asarray(regrets(agents))
print("Regret; rows: trained with p, columns: tested with p")
print(" " * 8 + "".join(f"{p:8.2f}" for p in probabilities))
for probability, row in zip(probabilities, matrix, strict=True):
    print(f"{probability:8.2f}" + "".join(f"{x:8.1f}" for x in row))
guessing = 100 * (0.5 - np.asarray(probabilities))
print("guessing" + "".join(f"{x:8.1f}" for x in guessing))

# %%
figure = Figure(figsize=(5, 4), layout="constrained")
axes = figure.subplots()
picture = axes.imshow(matrix, cmap="viridis")
labels = [f"{p:.2f}" for p in probabilities]
axes.set_xticks(range(len(labels)), labels)
axes.set_yticks(range(len(labels)), labels)
axes.set_xlabel("p in the test")
axes.set_ylabel("p in training")
figure.colorbar(picture, label="regret after 100 pulls")
path = pathlib.Path("meta_rl.png").resolve()
figure.savefig(path)
print(f"The matrix is in {path}.")

# %% [markdown]
# ## What it does
#
# One episode of the agent trained with `p = 0.2`: it tries both arms, and then stays
# with the better one, although no weight changes.

# %%
agent = jax.tree.map(lambda x: x[2] if eqx.is_array(x) else x, agents)
result = eqenvs.rollout(BernoulliBandit(0.2), agent, 3, states=True)
trajectory = result.trajectory
arms = np.asarray(trajectory.state.reward_probabilities[0]).round(2)
print(f"The arms pay with probability {arms[0]:g} and {arms[1]:g}.")
print("arm    " + "".join(str(int(a)) for a in trajectory.action))
print("reward " + "".join(str(int(r)) for r in trajectory.reward))
