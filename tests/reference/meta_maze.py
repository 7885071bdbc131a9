"""The maze of Backpropamine's simple maze, in NumPy, with its draws given.

The rules: https://github.com/uber-research/backpropamine, `simplemaze/maze.py`. The
maze there is `size + 2` wide, and what is seen is three cells wide; its network is also
fed a constant 1 and a constant 0, which are left out here.
"""

import numpy as np


def build(size):
    width = size + 2
    maze = np.zeros((width, width), int)
    maze[0] = maze[-1] = maze[:, 0] = maze[:, -1] = 1
    maze[2:-1:2, 2:-1:2] = 1
    maze[width // 2, width // 2] = 0
    return maze


class MetaMaze:
    def __init__(self, size, goal, reward=10.0, penalty=0.0, length=200, sight=3):
        self.maze = build(size)
        self.sight = sight
        self.padded = np.pad(self.maze, sight, constant_values=1)
        self.row = self.column = (size + 2) // 2
        self.goal = goal
        assert self.maze[goal] == 0 and goal != (self.row, self.column)
        self.reward, self.penalty, self.length = reward, penalty, length
        self.action, self.last_reward, self.time = 0, 0.0, 0

    def look(self):
        top = self.row + self.sight - self.sight // 2
        left = self.column + self.sight - self.sight // 2
        window = self.padded[top : top + self.sight, left : left + self.sight]
        fraction = self.time / self.length
        return [*window.flat, *np.eye(4)[self.action], self.last_reward, fraction]

    def step(self, action, teleport):
        """`teleport` is where the agent goes if this move finds the goal."""
        row, column = self.row, self.column
        if action == 0:
            row -= 1
        elif action == 1:
            row += 1
        elif action == 2:
            column -= 1
        elif action == 3:
            column += 1
        reward = 0.0
        if self.maze[row, column] == 1:
            reward -= self.penalty
        else:
            self.row, self.column = row, column
        found = (self.row, self.column) == self.goal
        if found:
            reward += self.reward
            assert self.maze[teleport] == 0 and teleport != self.goal
            self.row, self.column = teleport
        self.action, self.last_reward = action, reward
        self.time += 1
        return self.look(), reward, found
