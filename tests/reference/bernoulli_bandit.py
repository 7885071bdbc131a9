"""A Bernoulli bandit with new arms in every episode, in plain Python.

Written from Wang et al. (2017), section 3.1, and the rules of minimal-meta-rl: an
episode lasts `lifetime` pulls; a pull pays 1 with the probability of its arm; what is
seen are the last reward, the last arm as a one-hot vector (that of arm 0 before there
was a pull) and the time as a number from -1 to 1.
"""

import numpy as np


class BernoulliBandit:
    """The random outcomes are given: uniform numbers, which pay if they are small."""

    def __init__(self, arms, lifetime, normalize_time=True):
        self.arms = [float(p) for p in arms]
        self.lifetime = lifetime
        self.normalize_time = normalize_time
        self.history = []

    def see(self):
        reward, arm = self.history[-1] if self.history else (0, 0)
        one_hot = [1.0 if i == arm else 0.0 for i in range(len(self.arms))]
        time = len(self.history)
        if self.normalize_time:
            time = -1 + 2 * time / self.lifetime
        return np.array([reward, *one_hot, time])

    def pull(self, arm, uniform):
        reward = int(uniform < self.arms[arm])
        self.history.append((reward, arm))
        return reward, len(self.history) == self.lifetime


def dependent_arms(reward_probability, is_first):
    """One of two arms pays with the given probability, the other with the rest."""
    pair = (reward_probability, 1 - reward_probability)
    return pair if is_first else pair[::-1]
