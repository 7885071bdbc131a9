"""The Pong of batch_pong_poc, in NumPy, with two players.

The rules: https://github.com/BlackHC/batch_pong_poc, `src/vanilla_pong.py`.
"""

import numpy as np


NOOP, UP, DOWN = range(3)


class Pong:
    def __init__(
        self,
        width=40,
        height=30,
        half=2,
        paddle_step=1.0,
        ball_speed=1.0,
        max_speed=3.0,
    ):
        self.width, self.height, self.half = width, height, half
        self.paddle_step, self.max_speed = paddle_step, max_speed
        self.paddles = np.array([height / 2, height / 2])
        self.ball = np.array([height / 2, width / 2])  # row and column
        self.velocity = np.array([0.0, ball_speed])
        self.last_ball = self.ball.copy()
        self.winner = 0  # 1: the left player, 2: the right player

    def step(self, actions):
        self.last_ball = self.ball.copy()
        for i, action in enumerate(actions):
            self.paddles[i] = self.moved(i, {NOOP: 0, UP: -1, DOWN: 1}[action])
        self.ball = self.ball + self.velocity
        # Walls.
        if self.ball[0] < 0:
            self.ball[0] = -self.ball[0]
            self.velocity[0] = -self.velocity[0]
        if self.ball[0] >= self.height:
            self.ball[0] = 2 * (self.height - 1) - self.ball[0]
            self.velocity[0] = -self.velocity[0]
        # Paddles: both are tested on where the ball is now, then both may act.
        mirrored = 2 - self.ball[1], 2 * (self.width - 2) - self.ball[1]
        distance = self.ball[0] - self.paddles
        is_hit = (
            mirrored[0] >= 1 and abs(distance[0]) <= self.half,
            mirrored[1] < self.width - 2 and abs(distance[1]) < self.half + 1,
        )
        for i in range(2):
            if is_hit[i]:
                self.ball[1] = mirrored[i]
                self.velocity[1] = -self.velocity[1]
                speed = self.velocity[0] + distance[i] / self.half
                self.velocity[0] = min(max(speed, -self.max_speed), self.max_speed)
        if self.ball[1] < 0:
            self.winner = 2
        if self.ball[1] >= self.width:
            self.winner = 1
        return float(self.winner == 0), self.winner != 0

    def moved(self, i, direction):
        """Where paddle `i` comes to."""
        row = self.paddles[i] + direction * self.paddle_step
        return min(max(row, -2 * self.half), self.height + 2 * self.half)

    def follow(self):
        """The action of a right player that follows the ball; down where both ways
        lead equally near."""
        up = abs(self.ball[0] - self.moved(1, -1))
        down = abs(self.ball[0] - self.moved(1, 1))
        return UP if up < down else DOWN

    def draw(self):
        picture = np.zeros((self.height, self.width, 3), bool)
        for paddle, column in zip(self.paddles, (0, self.width - 1), strict=True):
            for offset in range(-self.half, self.half + 1):
                row = int(np.floor(paddle)) + offset
                picture[min(max(row, 0), self.height - 1), column, 0] = True
        for ball, channel in [(self.ball, 1), (self.last_ball, 2)]:
            row, column = np.floor(ball).astype(int)
            row = min(max(row, 0), self.height - 1)
            column = min(max(column, 0), self.width - 1)
            picture[row, column, channel] = True
        return picture
