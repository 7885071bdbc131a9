"""The fish of ivy_gym's Swimmer, in NumPy (https://github.com/unifyai/gym)."""

import numpy as np


class Swimmer:
    def __init__(self, urchins, position, goal, dt=0.05, goal_rate=0.5, urchin_rate=30):
        self.urchins = [np.array(urchin, float) for urchin in urchins]
        self.position = np.array(position, float)
        self.velocity = np.zeros(2)
        self.goal = np.array(goal, float)
        self.dt = dt
        self.goal_rate = goal_rate
        self.urchin_rate = urchin_rate

    def look(self):
        return np.concatenate(
            [*self.urchins, self.position, self.velocity, self.goal], dtype=float
        )

    def step(self, acceleration):
        self.velocity = self.velocity + self.dt * np.array(acceleration)
        self.position = self.position + self.dt * self.velocity
        reward = np.exp(
            -self.goal_rate * np.linalg.norm(self.position - self.goal) ** 2
        )
        for urchin in self.urchins:
            distance = np.linalg.norm(self.position - urchin)
            reward *= 1 - np.exp(-self.urchin_rate * distance**2)
        return self.look(), reward
