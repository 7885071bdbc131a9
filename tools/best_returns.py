"""The best mean return that any agent can reach, where it can be computed."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from eqenvs import BernoulliBandit, GaussianBandit, MetaMaze, PointRobot


def best_possible(env) -> dict | None:
    """The mean return and how it was found; `None` if it cannot be computed."""
    match env:
        case BernoulliBandit(kind="dependent"):
            mean, how = bernoulli_bandit(env), "the likelier arm, knowing the prior"
        case GaussianBandit():
            mean, how = gaussian_bandit(env), "optimal stopping, knowing the prior"
        case MetaMaze():
            mean = meta_maze(env)
            how = "a bound, reached if every step of the search visited a new cell"
        case PointRobot(goal=None, start="rectangle", dense_reward=False):
            mean, how = point_robot(env), "a bound, reached if the goal were known"
        case _:
            return None
    return {"mean": mean, "how": how}


def bernoulli_bandit(env: BernoulliBandit) -> float:
    """The return of the Bayes-optimal agent.

    Both arms tell the same: a reward of one is as likely as none of the other. So the
    agent always pulls the arm that more outcomes have spoken for.
    """
    num_steps, p = int(env.max_steps), float(env.reward_probability)
    good, bad = max(p, 1 - p), min(p, 1 - p)
    # By how many more outcomes spoke for the better arm than against it, from
    # -num_steps to num_steps.
    lead = np.zeros(2 * num_steps + 1)
    lead[num_steps] = 1.0
    mean = 0.0
    for _ in range(num_steps):
        is_right = lead[num_steps + 1 :].sum() + lead[num_steps] / 2
        mean += good * is_right + bad * (1 - is_right)
        lead = good * np.roll(lead, 1) + bad * np.roll(lead, -1)
    return float(mean)


def point_robot(env: PointRobot) -> float:
    """An upper bound: the return of an agent that knows where the goal is.

    After `n` moves, the robot can be anywhere in a square around its start. Starts and
    goals are the points of a grid.
    """
    force, radius = float(env.max_force), float(env.goal_radius)
    low, high = (np.asarray(x, float) for x in (env.start_low, env.start_high))
    places = (np.arange(100) + 0.5) / 100
    x, y, angle = np.meshgrid(
        low[0] + (high[0] - low[0]) * places,
        low[1] + (high[1] - low[1]) * places,
        np.pi * places,
    )
    circle = float(env.circle_radius)
    apart = np.abs([circle * np.cos(angle) - x, circle * np.sin(angle) - y])
    mean = 0.0
    for n in range(1, int(env.max_steps) + 1):
        left = np.maximum(apart - n * force, 0)
        mean += np.mean(np.hypot(*left) <= radius)
    return float(mean)


def gaussian_bandit(env: GaussianBandit) -> float:
    """The return of the Bayes-optimal agent.

    Arm 0 tells nothing, so an agent that has left arm 1 never returns to it. Dynamic
    programming over the number of pulls of arm 1 and over the posterior mean decides
    when to leave.
    """
    prior, noise = float(env.prior_scale) ** 2, float(env.reward_scale) ** 2
    num_steps, first = int(env.max_steps), float(env.prior_mean)
    variance = 1 / (1 / prior + np.arange(num_steps + 1) / noise)
    spread = np.sqrt(variance[:-1] - variance[1:])  # of the next posterior mean
    width = 8 * np.sqrt(prior)
    means = np.linspace(first - width, first + width, 16_001)
    deviations, weights = normal(121)
    values = np.zeros_like(means)  # if arm 1 is pulled at every step so far
    for n in reversed(range(1, num_steps)):
        later = sum(
            w * np.interp(means + spread[n] * d, means, values)
            for d, w in zip(deviations, weights, strict=True)
        )
        values = np.maximum(0, means + later)
    deviations, weights = normal(12_001)  # The first spread covers the whole grid.
    later = weights @ np.interp(first + spread[0] * deviations, means, values)
    return max(0.0, float(first + later))


def normal(num_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of a standard normal distribution, and their probabilities."""
    points = np.linspace(-6, 6, num_points)
    weights = np.exp(-(points**2) / 2)
    return points, weights / weights.sum()


def meta_maze(env: MetaMaze) -> float:
    """An upper bound.

    Until the agent finds the goal, each step visits at most one new cell. From then on,
    it takes the shortest paths. Which goal is found when is chosen for the largest sum.
    """
    num_steps, reward = int(env.max_steps), float(env.goal_reward)
    size = env.size + 2
    is_free = ~np.array(
        [[bool(env._is_wall(i, j)) for j in range(size)] for i in range(size)]
    )
    cells = [tuple(cell) for cell in np.argwhere(is_free)]
    middle = (size // 2, size // 2)
    returns = np.array(
        [
            known_goal(distances(is_free, goal), num_steps, reward)
            for goal in cells
            if goal != middle
        ]
    )
    found_at = np.arange(1, len(returns) + 1)
    after = returns[:, np.maximum(num_steps - found_at, 0)]
    total = np.where(found_at <= num_steps, reward + after, 0.0)
    rows, columns = linear_sum_assignment(-total)
    return float(total[rows, columns].mean())


def known_goal(distance, num_steps, reward):
    """The mean return from a random cell, for each number of steps that are left."""
    mean = np.zeros(num_steps + 1)
    for left in range(1, num_steps + 1):
        reached = distance[distance <= left]
        mean[left] = np.sum(reward + mean[left - reached]) / len(distance)
    return mean


def distances(is_free, goal):
    """The lengths of the shortest paths from the other cells to a goal."""
    length = np.full(is_free.shape, -1)
    length[goal] = 0
    frontier = [goal]
    while frontier:
        row, column = frontier.pop(0)
        for cell in (
            (row - 1, column),
            (row + 1, column),
            (row, column - 1),
            (row, column + 1),
        ):
            if is_free[cell] and length[cell] < 0:
                length[cell] = length[row, column] + 1
                frontier.append(cell)
    return length[length > 0]
