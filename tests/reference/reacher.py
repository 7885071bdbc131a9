"""The arm of ivy_gym's Reacher, in NumPy (https://github.com/unifyai/gym)."""

import numpy as np


class Reacher:
    def __init__(self, angles, speeds, goal, torque_scale=1.0, dt=0.05, sharpness=1.0):
        self.angles = np.array(angles, float)
        self.speeds = np.array(speeds, float)
        self.goal = np.array(goal, float)
        self.torque_scale = torque_scale
        self.dt = dt
        self.sharpness = sharpness

    def look(self):
        numbers = [np.cos(a) for a in self.angles]
        numbers += [np.sin(a) for a in self.angles]
        return np.array([*numbers, *self.speeds, *self.goal])

    def step(self, torques):
        for i, torque in enumerate(torques):
            self.speeds[i] += self.dt * (self.torque_scale * torque)
            self.angles[i] += self.dt * self.speeds[i]
        # Segments of length 1, one after the other, from the origin.
        hand = np.zeros(2)
        for angle in self.angles:
            hand += np.cos(angle), np.sin(angle)
        distance = np.linalg.norm(hand - self.goal)
        return self.look(), np.exp(-self.sharpness * distance**2)
