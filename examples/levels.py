# %% [markdown]
# # Choosing levels: prioritized level replay
#
# Jiang, Grefenstette & Rocktäschel, ["Prioritized level
# replay"](https://arxiv.org/abs/2010.03934) (ICML 2021): when an agent trains on many
# levels, some teach it more than others. Levels where its critic is often wrong are
# played again; those it has mastered, and those that nobody can solve, are not.
#
# Here, a level *is* an environment: a `FourRooms` with its own walls, start and goal. A
# thousand levels are one value whose arrays have a leading axis, and choosing levels is
# indexing. The question is whether the choice pays off on levels that the agent has
# never seen.
#
# It takes about two minutes on two cores. `STEPS=20000 python examples/levels.py` runs
# a shorter version.

# %%
import os
import pathlib
import time
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int32
from matplotlib.figure import Figure

import eqenvs
from eqenvs import FourRooms, VectorEnvironment
from eqenvs.agents import PPO


num_steps = int(os.environ.get("STEPS", 200_000))
num_seeds, num_levels = 4, 1000
size, max_steps = 9, 32

# %% [markdown]
# ## Levels
#
# Every level has its own share of walls, up to six tenths. Some are open fields; in
# others, no path leads to the goal. That happens wherever levels are drawn at random,
# and the time spent on them is lost.


# %%
def draw_level(key):
    walls_key, share_key, cells_key = jr.split(key, 3)
    share = jr.uniform(share_key, maxval=0.6)
    inside = jnp.zeros((size, size), bool).at[1:-1, 1:-1].set(True)
    is_wall = ~inside | jr.bernoulli(walls_key, share, (size, size))
    # The start and the goal are two different cells inside.
    width = size - 2
    cells = jr.choice(cells_key, width**2, (2,), replace=False)
    start, goal = 1 + jnp.stack([cells // width, cells % width], axis=1)
    is_wall = is_wall.at[tuple(start)].set(False).at[tuple(goal)].set(False)
    return FourRooms(
        slip_probability=0.0,
        start=start,
        goal=goal,
        max_steps=max_steps,
        map=is_wall,
        observation="image",
    )


def distance(level):
    """Steps from the start to the goal; infinity if no path is short enough."""
    is_open = level.map == 0

    def spread(steps, _):
        near = [jnp.roll(steps, shift, axis) for shift in (1, -1) for axis in (0, 1)]
        nearest = jnp.stack(near).min(axis=0)
        return jnp.where(is_open, jnp.minimum(steps, nearest + 1), jnp.inf), None

    steps = jnp.full(level.map.shape, jnp.inf).at[tuple(level.goal)].set(0.0)
    steps, _ = jax.lax.scan(spread, steps, length=max_steps)
    return steps[tuple(level.start)]


@eqx.filter_jit
def draw_levels(key, count):
    levels = eqx.filter_vmap(draw_level)(jr.split(key, count))
    return levels, eqx.filter_vmap(distance)(levels)


def take(levels, index):
    """Some of the levels."""
    return jax.tree.map(lambda x: x[index], levels)


levels, distances = draw_levels(jr.key(0), num_levels)
others, other_distances = draw_levels(jr.key(1), num_levels)
num_held_out = 256
held_out = take(others, np.flatnonzero(np.isfinite(other_distances))[:num_held_out])
print(f"{np.isinf(distances).mean():.0%} of the levels cannot be solved.")

# %% [markdown]
# ## Which level to play
#
# The score of a level is the mean absolute advantage in the episodes last played there:
# how much better or worse they went than the critic expected. The probability of a
# level depends on the rank of its score, and a little on how long ago it was played,
# because a score becomes stale. As long as there are levels that have never been
# played, those get a part of the draws.


# %%
class Scores(NamedTuple):
    """The score of every level, and the update in which it was last played."""

    score: Float[Array, " levels"]
    last: Int32[Array, " levels"]


def probabilities(scores, update, temperature=0.3, staleness=0.1):
    is_seen = scores.last >= 0
    rank = 1 + jnp.argsort(jnp.argsort(-scores.score))
    by_score = jnp.where(is_seen, rank ** (-1 / temperature), 0.0)
    by_age = jnp.where(is_seen, update - scores.last, 0).astype(float)
    replayed = (1 - staleness) * normalize(by_score) + staleness * normalize(by_age)
    part = is_seen.mean()
    return part * replayed + (1 - part) * normalize(~is_seen)


def normalize(x):
    return x / jnp.maximum(x.sum(), 1e-30)


def draw_without_replacement(key, probability, count):
    noise = jr.gumbel(key, probability.shape)
    return jax.lax.top_k(jnp.log(probability) + noise, count)[1]


# %% [markdown]
# ## Training
#
# PPO takes a batch of environments: lane `i` plays in level `i` of those that were
# drawn. Then each lane plays the level once more, for the scores.

# %%
ppo = PPO(
    learning_rate=1e-3,
    discount=0.95,
    num_envs=64,
    rollout_steps=max_steps,
    torso="mlp",
    anneal_learning_rate=False,
)


def score(agent, lanes, key):
    """The mean absolute advantage in every lane."""
    played = eqenvs.rollout(
        lanes, agent, key, num_envs=ppo.num_envs, num_steps=max_steps
    ).trajectory
    values = jax.vmap(jax.vmap(agent.value))
    value = values(played.observation)
    next_value = jnp.where(played.terminated, 0.0, values(played.next_observation))
    error = played.reward + ppo.discount * next_value - value

    def body(later, inputs):
        error, ended = inputs
        later = jnp.where(ended, 0.0, later)
        advantage = error + ppo.discount * ppo.gae_lambda * later
        return advantage, advantage

    inputs = (error, played.terminated | played.truncated)
    _, advantage = jax.lax.scan(body, jnp.zeros_like(error[0]), inputs, reverse=True)
    return jnp.abs(advantage).mean(axis=0)


def one_update(carry, update, key, is_prioritized):
    learner, scores = carry
    draw_key, reset_key, update_key, score_key = jr.split(key, 4)
    probability = jnp.where(
        is_prioritized, probabilities(scores, update), 1 / num_levels
    )
    drawn = draw_without_replacement(draw_key, probability, ppo.num_envs)
    lanes = take(levels, drawn)
    _, states = VectorEnvironment(lanes, ppo.num_envs).reset(reset_key)
    learner = eqx.tree_at(lambda learner: learner.states, learner, states)
    learner, _ = ppo.update(lanes, learner, update_key)
    scores = Scores(
        scores.score.at[drawn].set(score(learner.agent, lanes, score_key)),
        scores.last.at[drawn].set(update),
    )
    return (learner, scores), drawn


def success_rate(agent, key):
    """The fraction of held-out levels that the agent solves in one episode."""
    played = eqenvs.rollout(
        held_out, agent, key, num_envs=num_held_out, num_steps=max_steps, store=False
    )
    return (played.episode_return > 0).mean()


num_updates = max(num_steps // ppo.steps_per_update, 1)
num_points = min(num_updates, 10)
updates_per_point = num_updates // num_points


@eqx.filter_jit
def train(learner, key, is_prioritized):
    """Success rates on held-out levels, and the levels that were played."""
    train_key, test_key = jr.split(key)
    scores = Scores(jnp.zeros(num_levels), jnp.full(num_levels, -1))

    def body(carry, update):
        key = jr.fold_in(train_key, update)
        return one_update(carry, update, key, is_prioritized)

    def point(carry, updates):
        carry, drawn = jax.lax.scan(body, carry, updates)
        agent = ppo.agent(carry[0])
        return carry, (success_rate(agent, test_key), drawn)

    updates = jnp.arange(num_points * updates_per_point).reshape(num_points, -1)
    return jax.lax.scan(point, (learner, scores), updates)[1]


# %% [markdown]
# Both methods and all seeds are lanes of one program. The learners are made one by one,
# because the decompositions behind orthogonal weights can hang on a CPU when they are
# batched.

# %%
start = time.perf_counter()
keys = jr.split(eqenvs.random.key(0), (num_seeds, 2))
init = eqx.filter_jit(ppo.init)
first_lanes = take(levels, jnp.arange(ppo.num_envs))
learners = [init(first_lanes, key) for key in keys[:, 0]]
learners = jax.tree.map(
    lambda *x: jnp.stack(x) if eqx.is_array(x[0]) else x[0], *learners
)
over_seeds = eqx.filter_vmap(train, in_axes=(eqx.if_array(0), 0, None))
over_methods = eqx.filter_vmap(over_seeds, in_axes=(None, None, 0))
methods = jnp.array([False, True])
rates, drawn = jax.block_until_ready(over_methods(learners, keys[:, 1], methods))
print(f"{2 * num_seeds} agents in {time.perf_counter() - start:.0f} s.")

# %% [markdown]
# ## What came of it

# %%
rates, drawn = np.asarray(rates), np.asarray(drawn)
steps = updates_per_point * ppo.steps_per_update * np.arange(1, num_points + 1)
mean, error = rates.mean(axis=1), rates.std(axis=1, ddof=1) / num_seeds**0.5
print("Held-out levels that are solved, and the standard error over the seeds:")
print("   steps       uniform   prioritized")
for i, count in enumerate(steps):
    row = [f"{mean[m, i]:.1%} ± {error[m, i]:.1%}" for m in range(2)]
    print(f"{count:8,}  {row[0]}  {row[1]}")
for name, played in zip(("uniform", "prioritized"), drawn[:, :, -1], strict=True):
    far = np.asarray(distances)[played]
    print(
        f"{name}: of the levels played last, {np.isinf(far).mean():.0%} cannot be "
        f"solved; the others take {far[np.isfinite(far)].mean():.1f} steps."
    )

# %%
figure = Figure(figsize=(5, 3.5), layout="constrained")
axes = figure.subplots()
for name, line, width in zip(("uniform", "prioritized"), mean, error, strict=True):
    axes.plot(steps, line, label=name)
    axes.fill_between(steps, line - width, line + width, alpha=0.2)
axes.set_xlabel("steps")
axes.set_ylabel("solved held-out levels")
axes.legend()
path = pathlib.Path("levels.png").resolve()
figure.savefig(path)
print(f"The curves are in {path}.")

# %% [markdown]
# In this short time, replay does not pay off: agents that play levels at random solve
# more of the held-out ones. Replay hardly plays fewer of the levels that nobody can
# solve, and a thousand levels are played about six times each. The paper trains for far
# longer, on levels whose scores have time to differ.
