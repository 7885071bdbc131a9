"""The four rooms of gym-fourrooms, in plain Python, with its draws given.

The rules: https://github.com/howardh/gym-fourrooms. A draw that fails the move picks
any of the four directions there; here the direction that it comes to is given.
"""

UP, RIGHT, DOWN, LEFT = range(4)
STEPS = {UP: (-1, 0), RIGHT: (0, 1), DOWN: (1, 0), LEFT: (0, -1)}


class FourRooms:
    def __init__(self, rows, position, goal, goal_duration=None):
        self.open = {
            (i, j)
            for i, row in enumerate(rows)
            for j, cell in enumerate(row)
            if cell == " "
        }
        assert position in self.open and goal in self.open
        self.rows = rows
        self.position = position
        self.goal = goal
        self.goal_duration = goal_duration
        self.num_steps = 0

    def step(self, direction, next_goal):
        """Moves in `direction`; `next_goal` is where the goal goes if it moves now."""
        row, column = self.position
        down, right = STEPS[direction]
        if (row + down, column + right) in self.open:
            self.position = (row + down, column + right)
        reached = self.position == self.goal
        self.num_steps += 1
        if self.goal_duration and self.num_steps == self.goal_duration:
            self.num_steps = 0
            self.goal = next_goal
        return (*self.position, *self.goal), int(reached), reached

    def picture(self):
        """Which characters stand in which cell: `x`, `A`, `G`."""
        return [
            [
                {
                    name
                    for name, here in [
                        ("x", (i, j) not in self.open),
                        ("A", (i, j) == self.position),
                        ("G", (i, j) == self.goal),
                    ]
                    if here
                }
                for j in range(len(row))
            ]
            for i, row in enumerate(self.rows)
        ]
