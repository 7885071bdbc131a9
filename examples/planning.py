# %% [markdown]
# # Planning with Gumbel MuZero's search
#
# `advance` is a step without the reset, and a state is a value: it can be kept,
# branched and returned to. That is all a tree search needs. Here `mctx` searches the
# true process instead of a learned model: Danihelka, Guez, Schrittwieser & Silver,
# "Policy improvement by planning with Gumbel" (ICLR 2022). Install it with
# `pip install mctx`.

# %%
import os

import jax
import jax.numpy as jnp
import jax.random as jr
import mctx

from eqenvs import CartPole, VectorEnvironment


SHORT = "EQENVS_SHORT" in os.environ
NUM_LANES, NUM_STEPS = (4, 60) if SHORT else (16, 200)
NUM_SIMULATIONS = 8 if SHORT else 32
DISCOUNT = 0.97

# %% [markdown]
# ## A model
#
# The search asks a model what an action leads to. The state of the environment is the
# model's "embedding", so nothing has to be learned but the value of a state. A guess is
# enough for CartPole: a state is worse, the more the pole leans and turns.

# %%
env = CartPole()


def value(state):
    lean = jnp.abs(state.theta) + 0.3 * jnp.abs(state.theta_dot)
    return 10 * (1 - lean) - jnp.abs(state.x)


def model(_, key, actions, states):
    """What the actions lead to, for every lane: `(output, states)`."""
    keys = jr.split(key, len(actions))
    step = jax.vmap(env.advance)(keys, states, actions)
    output = mctx.RecurrentFnOutput(
        reward=step.reward,
        discount=jnp.where(step.terminated, 0.0, DISCOUNT),
        prior_logits=jnp.zeros((len(actions), 2)),
        value=jax.vmap(value)(step.state),
    )
    return output, step.state


def plan(key, states):
    """The action that the search finds best, for every lane."""
    lanes = states.time.shape[0]
    root = mctx.RootFnOutput(
        prior_logits=jnp.zeros((lanes, 2)),
        value=jax.vmap(value)(states),
        embedding=states,
    )
    found = mctx.gumbel_muzero_policy(
        params=(),
        rng_key=key,
        root=root,
        recurrent_fn=model,
        num_simulations=NUM_SIMULATIONS,
    )
    return found.action


# %% [markdown]
# ## Playing
#
# In each lane, one episode with the planner, beside one that pushes at random.


# %%
@jax.jit
def play(key, is_planned):
    """How long the first episode of each lane lasts."""
    envs = VectorEnvironment(env, NUM_LANES)
    _, states = envs.reset(key)

    def body(carry, key):
        states, alive = carry
        planned = plan(key, states)
        actions = jnp.where(is_planned, planned, envs.sample_actions(key))
        step = envs.advance(key, states, actions)
        return (step.state, alive & ~step.terminated), alive

    alive = jnp.ones(NUM_LANES, bool)
    keys = jr.split(key, NUM_STEPS)
    return jax.lax.scan(body, (states, alive), keys)[1].sum(axis=0)


for name, is_planned in (("at random", False), ("with a plan", True)):
    steps = play(jr.key(0), is_planned)
    print(f"{name}: the pole stands for {steps.mean():.1f} of {NUM_STEPS} steps")
