"""A first look at eqenvs: one environment, many environments, gradients, an agent."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

import eqenvs
from eqenvs import CartPole, Pendulum, VectorEnvironment


# An environment is a value. Its fields are its parameters.
env = CartPole(gravity=9.8)
print(env)

# Reset and step. Both are compiled already, and take one key each.
observation, state = env.reset(jr.key(0))
observation, state, reward, terminated, truncated, info = env.step(jr.key(1), state, 1)
print("observation:", observation, "reward:", reward, "terminated:", terminated)

# The same process in many states: `jax.vmap`, or faster, `VectorEnvironment`.
envs = VectorEnvironment(env, num_envs=1_000)
observations, states = envs.reset(jr.key(0))
actions = jnp.zeros(1_000, jnp.int32)
step = envs.step(jr.key(1), states, actions)
print("observations of 1,000 environments:", step.observation.shape)

# A different process in every lane: on the Moon, on Mars, on the Earth.
gravities = jnp.array([1.6, 3.7, 9.8])
worlds = VectorEnvironment(eqx.filter_vmap(CartPole)(gravities), num_envs=3)
result = eqenvs.rollout(worlds.env, None, jr.key(0), num_envs=3)
print("steps until the pole falls on each:", result.episode_length)


# A policy is any callable of a key and an observation.
def swing(key, observation):
    _, _, theta_dot = observation
    return jnp.sign(theta_dot)[None]


evaluation = eqenvs.evaluate(Pendulum(), swing, jr.key(0), num_episodes=50)
print("mean return of pushing along:", evaluation.episode_return.mean())


# Gradients flow through the dynamics.
def final_angle(torque):
    pendulum = Pendulum()
    _, state = pendulum.reset(jr.key(0))

    def body(state, _):
        step = pendulum.step(jr.key(0), state, torque[None])
        return step.state, None

    state, _ = jax.lax.scan(body, state, length=10)
    return state.theta


print("angle per torque:", jax.grad(final_angle)(0.5))

# Change a parameter, or save and load them: an environment is a pytree.
heavier = eqx.tree_at(lambda e: e.pole_mass, env, jnp.array(0.5))
print("pole masses:", env.pole_mass, heavier.pole_mass)
