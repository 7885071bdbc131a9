# %% [markdown]
# # Gradients through an environment
#
# A step of an environment is a function of its parameters, its state and the action.
# Where it is smooth, JAX differentiates it. This has two uses here: to train a policy
# along the exact gradient of its return, and to find the parameters of a world from a
# recording.
#
# It takes about a minute on two cores. `STEPS=2000 python examples/gradients.py`
# runs a shorter version.

# %%
import os
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax

import eqenvs
from eqenvs import CartPole, Pendulum
from eqenvs.agents import APG


num_steps = int(os.environ.get("STEPS", 300_000))

# %% [markdown]
# ## What a torque changes
#
# `advance` is a step without a reset. The derivative of the angle after ten steps with
# respect to a constant torque is one call of `jax.grad`.

# %%
pendulum = Pendulum()
_, start = pendulum.reset(jr.key(0))


def angle_after_ten_steps(torque):
    def body(state, _):
        step = pendulum.advance(jr.key(0), state, jnp.array([torque]))
        return step.state, None

    state, _ = jax.lax.scan(body, start, length=10)
    return state.theta


slope = jax.grad(angle_after_ten_steps)(0.5)
ahead, behind = angle_after_ten_steps(0.51), angle_after_ten_steps(0.49)
print(f"radians per N m: {slope:.3f}; by differences: {(ahead - behind) / 0.02:.3f}")

# %% [markdown]
# ## Analytic policy gradients
#
# `APG` lets 16 pendulums run for 32 steps, differentiates their rewards through all of
# these steps, and moves the policy uphill. A critic's estimate takes the place of
# everything after the last step: over long times, gradients explode.

# %%
apg = APG(learning_rate=5e-3, discount=0.95, reward_scale=0.1)
begin = time.perf_counter()
agent, metrics, _ = apg.train(pendulum, 0, num_steps)
print(f"{len(metrics['steps'])} updates in {time.perf_counter() - begin:.1f} s.")

for name, policy in {"random actions": None, "the agent": agent.greedy}.items():
    evaluation = eqenvs.evaluate(pendulum, policy, 1, num_episodes=100)
    print(f"Mean return of {name}: {evaluation.episode_return.mean():.0f}")

# %% [markdown]
# If there is no gradient to follow, `APG` says so.

# %%
try:
    apg.train(CartPole(), 0, num_steps)
except TypeError as error:
    print("TypeError:", error)

# %% [markdown]
# ## Finding the mass of a pole
#
# Somebody pushed a cart left and right at random, and recorded what happened. How heavy
# was the pole? First the recording, of a world whose pole weighs 0.3 kg. (Wide
# thresholds keep the episode from ending.)

# %%


def world(pole_mass):
    return CartPole(pole_mass=pole_mass, theta_threshold=100.0, x_threshold=100.0)


def simulate(env, state, actions):
    """The observations after each of the actions."""

    def body(state, action):
        step = env.advance(jr.key(0), state, action)
        return step.state, step.observation

    return jax.lax.scan(body, state, actions)[1]


true_world = world(0.3)
_, first_state = true_world.reset(jr.key(1))
actions = jr.randint(jr.key(2), (40,), 0, 2)
recording = simulate(true_world, first_state, actions)

# %% [markdown]
# A guess is as good as its simulation is close to the recording. The distance is a
# function of the mass, so gradient descent can make it smaller. Descending on the
# logarithm of the mass keeps the mass positive. Five guesses go down at once, as lanes
# of one `vmap`.

# %%
optimizer = optax.adam(0.03)


def distance(log_mass):
    simulated = simulate(world(jnp.exp(log_mass)), first_state, actions)
    return jnp.mean((simulated - recording) ** 2)


def descend(guess):
    def body(carry, _):
        log_mass, optimizer_state = carry
        value, gradient = jax.value_and_grad(distance)(log_mass)
        change, optimizer_state = optimizer.update(gradient, optimizer_state)
        return (log_mass + change, optimizer_state), value

    log_mass = jnp.log(guess)
    carry = (log_mass, optimizer.init(log_mass))
    (log_mass, _), distances = jax.lax.scan(body, carry, length=300)
    return jnp.exp(log_mass), distances


guesses = jnp.array([0.05, 0.1, 0.2, 0.6, 1.0])
found, distances = eqx.filter_jit(jax.vmap(descend))(guesses)
for guess, mass, history in zip(guesses, found, distances, strict=True):
    print(
        f"from {float(guess):.2f} kg to {float(mass):.4f} kg, the distance from "
        f"{float(history[0]):.1e} to {float(history[-1]):.1e}"
    )
