# %% [markdown]
# # Anakin on many devices
#
# Environments and learning are one compiled program, so the program can run on every
# device at the same time: each plays its own lanes, and after every rollout the devices
# average their gradients. Hessel et al., "Podracer architectures for scalable
# reinforcement learning" (2021), call this Anakin.
#
# First the idea, with nothing hidden. Then the same with an algorithm of the library,
# where it is the argument `mesh`. Then a different agent on each device.
#
# Where there is no accelerator, this script has the CPU pretend to be eight devices. It
# takes about a minute on two cores; `STEPS=2000 python examples/anakin.py` runs a
# shorter version.

# %%
import os


# Flags that are already set stay, and a number of devices among them takes precedence.
os.environ["XLA_FLAGS"] = " ".join(
    ["--xla_force_host_platform_device_count=8", os.environ.get("XLA_FLAGS", "")]
)

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jax.sharding import AxisType, PartitionSpec

import eqenvs
from eqenvs import CartPole, VectorEnvironment
from eqenvs.agents import ActorCritic, PPO


num_steps = int(os.environ.get("STEPS", 100_000))
num_devices = jax.device_count()
mesh = jax.make_mesh((num_devices,), ("lanes",), axis_types=(AxisType.Auto,))
print(f"{num_devices} devices: {jax.devices()[0].device_kind}")

# %% [markdown]
# ## The idea
#
# On each device, an update plays some steps, computes a loss, and takes a step against
# its gradient. What makes the devices learn together is a single line, the `pmean` of
# the loss: the gradient of a mean over devices is the mean of their gradients, so all
# devices take the same step.

# %%
env = CartPole()
lanes_here, rollout_steps = 8, 32
optimizer = optax.adam(3e-3)


def play(agent, envs, states, key):
    """Takes some steps in every lane of this device."""

    def body(states, key):
        act_key, step_key = jr.split(key)
        observation = envs.observe(states)
        act_keys = jax.vmap(jr.fold_in, (None, 0))(act_key, lanes_of(envs))
        action = jax.vmap(agent)(act_keys, observation)
        step = envs.step(step_key, states, action)
        ended = step.terminated | step.truncated
        return step.state, (observation, action, 0.1 * step.reward, ended)

    return jax.lax.scan(body, states, jr.split(key, rollout_steps))


def lanes_of(envs):
    """The numbers of the lanes of this device among all of them."""
    return envs.first_lane + jnp.arange(envs.num_envs, dtype=jnp.uint32)


def loss(agent, steps, last_observation):
    """The loss of an advantage actor-critic."""
    observation, action, reward, ended = steps
    value = jax.vmap(jax.vmap(agent.value))(observation)

    def backward(following, step):
        reward, ended = step
        total = reward + 0.98 * jnp.where(ended, 0.0, following)
        return total, total

    last_value = jax.vmap(agent.value)(last_observation)
    _, target = jax.lax.scan(backward, last_value, (reward, ended), reverse=True)
    error = jax.lax.stop_gradient(target) - value
    log_prob = jax.vmap(jax.vmap(lambda o, a: agent.distribution(o).log_prob(a)))
    gain = log_prob(observation, action) * jax.lax.stop_gradient(error)
    return jax.lax.pmean((error**2 - gain).mean(), "lanes")


def train_on_one_device(agent, states, key):
    """What runs on every device."""
    first_lane = jax.lax.axis_index("lanes") * lanes_here
    envs = VectorEnvironment(env, lanes_here, first_lane=first_lane)

    def update(carry, key):
        agent, optimizer_state, states = carry
        states, steps = play(agent, envs, states, key)
        gradient = jax.grad(loss)(agent, steps, envs.observe(states))
        change, optimizer_state = optimizer.update(gradient, optimizer_state)
        return (optax.apply_updates(agent, change), optimizer_state, states), None

    carry = (agent, optimizer.init(agent), states)
    num_updates = num_steps // (num_devices * lanes_here * rollout_steps)
    (agent, *_), _ = jax.lax.scan(update, carry, jr.split(key, num_updates))
    return agent


train_on_all = jax.jit(
    jax.shard_map(
        train_on_one_device,
        mesh=mesh,
        # Every device gets the agent and the key, and its share of the states.
        in_specs=(PartitionSpec(), PartitionSpec("lanes"), PartitionSpec()),
        # All of them return the same agent.
        out_specs=PartitionSpec(),
    )
)
agent = ActorCritic(env.observation_space, env.action_space, key=jr.key(0))
_, states = VectorEnvironment(env, num_devices * lanes_here).reset(jr.key(1))
agent = jax.device_get(train_on_all(agent, states, jr.key(2)))
score = eqenvs.evaluate(env, agent.greedy, 3, num_episodes=50).episode_return.mean()
print(f"By hand: mean return {score:.0f}.")

# %% [markdown]
# Every lane draws its random numbers by its number among all lanes. So eight devices
# with eight lanes each play what one device with 64 lanes would play.
#
# ## With an algorithm of the library
#
# All algorithms do the same if they are given the devices. The lanes are spread, and
# what is learned is the same as on one device, up to rounding.

# %%
ppo = PPO(num_envs=64, rollout_steps=32)
trained = ppo.train(env, 0, num_steps, mesh=mesh)
alone = ppo.train(env, 0, num_steps)
score = eqenvs.evaluate(env, trained.agent.greedy, 1, 50).episode_return.mean()
print(f"PPO on {num_devices} devices: mean return {score:.0f}.")

first = {name: float(x[0]) for name, x in trained.metrics.items()}
print("The first update on all devices: policy_loss", first["policy_loss"])
print("The first update on one device:  policy_loss", alone.metrics["policy_loss"][0])

# %% [markdown]
# Rounding differs, and every update builds on the last, so that the differences grow
# with the number of updates.
#
# The same call works with several machines: start the script once on each, call
# `jax.distributed.initialize()` at its top, and the mesh spans all their devices. See
# [many devices and machines](../tutorials/devices.md).
#
# ## Seeds on different devices
#
# Agents that have nothing to do with each other need no `mesh` in `train`. Map training
# over seeds or hyperparameters, and spread what is mapped over. Each device trains its
# own agents, and nothing is communicated at all.

# %%
seeds_mesh = jax.make_mesh((num_devices,), ("seeds",), axis_types=(AxisType.Auto,))


def train_seed(key):
    small = PPO(num_envs=16, rollout_steps=32, hidden_width=32, num_minibatches=4)
    return small.train(env, key, num_steps // 4).metrics["return"]


train_seeds = jax.jit(
    jax.shard_map(
        jax.vmap(train_seed),
        mesh=seeds_mesh,
        in_specs=PartitionSpec("seeds"),
        out_specs=PartitionSpec("seeds"),
    )
)
returns = np.asarray(train_seeds(jr.split(eqenvs.random.key(0), num_devices)))[:, -1]
print(f"{len(returns)} seeds: mean return {returns.mean():.0f}")
