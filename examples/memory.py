# %% [markdown]
# # Memory
#
# `MemoryChain` shows the agent a bit, lets it wait for some steps, and then asks which
# bit it was. By then the bit is out of sight: an agent that acts on the current
# observation alone can only guess. Here is one that remembers.
#
# It takes a minute or two on two cores. `STEPS=2000 python examples/memory.py` runs a
# shorter version.

# %%
import os
import pathlib
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import eqenvs
from eqenvs import MemoryChain
from eqenvs.agents import A2C
from eqenvs.agents.plot import plot_learning_curve


num_steps = int(os.environ.get("STEPS", 100_000))
env = MemoryChain(memory_length=10)

# %% [markdown]
# ## With and without a memory
#
# `memory="gru"` gives the agent a recurrent cell (`"lstm"` is the other one). Nothing
# else differs. Each of the two is trained from four seeds at once, as the lanes of one
# program.

# %%
keys = jax.random.split(eqenvs.random.key(0), 4)
trained = {}
for memory in ("gru", "none"):
    a2c = A2C(memory=memory, rollout_steps=32, hidden_depth=1)
    start = time.perf_counter()
    train = eqx.filter_vmap(lambda key, a2c=a2c: a2c.train(env, key, num_steps))
    trained[memory] = eqx.filter_jit(train)(keys)
    returns = np.asarray(trained[memory].metrics["return"])[:, -1]
    print(f"memory={memory!r}: returns of the last episodes {returns.round(2)}")
    print(
        f"  {time.perf_counter() - start:.1f} s for four agents, including compilation"
    )

path = pathlib.Path("memory.png").resolve()
plot_learning_curve(
    path,
    {
        memory: {
            "steps": result.metrics["steps"][0],
            "return": np.nanmean(result.metrics["return"], axis=0),
        }
        for memory, result in trained.items()
    },
)
print(f"The learning curves are in {path}.")

# %% [markdown]
# ## Carry
#
# An agent with a memory takes a third argument, the *carry*, and returns the tuple
# `(action, carry)`. An episode begins with `agent.initial_carry`. `rollout` and
# `evaluate` do this by themselves, and reset the carry where an episode ends.

# %%
agent = jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, trained["gru"].agent)
observation, state = env.reset(jax.random.key(1))
carry = agent.initial_carry
for _ in range(11):
    action, carry = agent.greedy(jax.random.key(0), observation, carry)
    step = env.advance(jax.random.key(0), state, action)
    observation, state = step.observation, step.state
print(f"The last of the 11 rewards is {float(step.reward)}.")

# %% [markdown]
# ## How long does it last?
#
# The agent was trained to remember for 10 steps. `memory_length` is an array leaf of
# the environment, so chains of other lengths are lanes of one evaluation.

# %%
lengths = jnp.array([2, 5, 10, 20, 50])


@eqx.filter_jit
def score(agent):
    def one(length):
        chain = MemoryChain(memory_length=length)
        return eqenvs.evaluate(chain, agent.greedy, 2, 100).episode_return.mean()

    return eqx.filter_vmap(one)(lengths)


for length, mean_return in zip(lengths, score(agent), strict=True):
    print(f"{int(length):3} steps: mean return {float(mean_return):5.2f}")
