"""What the tests of the planar environments share."""

import equinox as eqx
import jax


@eqx.filter_jit
def episode(env, key, actions):
    """The start, what is seen of it, and what every action leads to, without reset."""
    observation, start = env.reset(key)

    def body(state, action):
        state, reward, terminated, _ = env.transition(key, state, action)
        return state, (env.observe(state), reward, terminated, env.truncated(state))

    return start, observation, jax.lax.scan(body, start, actions)[1]
