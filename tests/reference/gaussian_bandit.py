"""The two-armed bandit of Lange & Sprekeler (2022), in plain Python.

One arm pays nothing. The other one pays a normal number with standard deviation σ_l
around a mean that an episode draws, from a normal distribution with standard deviation
σ_p. What is seen is as for the Bernoulli bandit.
"""

import numpy as np


class GaussianBandit:
    """The random outcomes are given, as standard normal numbers."""

    def __init__(
        self, prior_mean, sigma_p, sigma_l, lifetime, normal, normalize_time=True
    ):
        self.mean = prior_mean + sigma_p * normal
        self.sigma_l = sigma_l
        self.lifetime = lifetime
        self.normalize_time = normalize_time
        self.pulls = 0
        self.seen = [0.0, 1.0, 0.0]

    def see(self):
        progress = self.pulls / self.lifetime
        time = progress - (1 - progress) if self.normalize_time else self.pulls
        return np.array([*self.seen, time])

    def pull(self, arm, normal):
        reward = self.mean + self.sigma_l * normal if arm else 0.0
        self.seen = [reward, float(not arm), float(arm)]
        self.pulls += 1
        return reward, self.pulls == self.lifetime
