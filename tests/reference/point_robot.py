"""The point robot of BOReL with its sparse reward, in NumPy.

The rules: https://github.com/Rondorf/BOReL, `environments/toy_navigation`; the actions
are clipped there by the wrapper around every environment.
"""

import numpy as np


class PointRobot:
    def __init__(self, position, goal, reach=0.1, goal_radius=0.2, dense=False):
        self.position = np.array(position, float)
        self.goal = np.array(goal, float)
        self.reach = reach
        self.goal_radius = goal_radius
        self.dense = dense

    def step(self, action):
        """The position, the move that was made, and the reward."""
        move = np.array([min(max(a, -self.reach), self.reach) for a in action])
        self.position = self.position + move
        loss = np.hypot(*(self.position - self.goal))
        reward = -loss if self.dense else float(-loss >= -self.goal_radius)
        return self.position, move, reward
