/* Hand-written loops of six environments: how fast one core could play them.

   Every function plays `lanes` copies of one environment for `steps` steps, with the
   actions given (one row of `lanes` for each step) and automatic reset, adds up every
   observation and every reward, and returns the sum. `rewards` receives the sum of the
   rewards, and `episodes` how many episodes ended. With -DEACH_LANE, the lanes of the
   first four add up on their own, and `rewards` receives nothing.

   Arrays of numbers rather than of structures, so that a compiler can put several lanes
   into one instruction; -ffast-math, which lets it round as it likes and call libmvec's
   sines; one multiplication for a random number. Lanes that ended are reset in a second
   loop, since they are few. No library for everybody's environments could do so: these
   are a limit, not a rival. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* gcc would merge the sine and the cosine of one angle into a call of which there is no
   vector version: hence -fno-builtin-sinf -fno-builtin-cosf, and these declarations. */
__attribute__((simd("notinbranch"), const)) float sinf(float);
__attribute__((simd("notinbranch"), const)) float cosf(float);

#define PI 3.14159265358979f
#define MAX_LANES 65536
#define ALIGNED __attribute__((aligned(64)))

static float a[MAX_LANES] ALIGNED, b[MAX_LANES] ALIGNED, c[MAX_LANES] ALIGNED,
    d[MAX_LANES] ALIGNED;
static int32_t now[MAX_LANES] ALIGNED;
static float sums[MAX_LANES] ALIGNED;
static uint8_t ended[MAX_LANES + 64] ALIGNED;
static uint64_t word;

/* Uniform in [low, high): the upper bits of a linear congruential generator. */
static inline float uniform(float low, float high) {
    word = word * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * (float)(word >> 40) * (1.0f / (1 << 24));
}

static inline float clip(float x, float low, float high) {
    return fminf(fmaxf(x, low), high);
}

/* Calls `reset(i)` for every lane that ended, and counts them. */
#define RESET_ENDED(reset)                                  \
    for (int i = 0; i < lanes; i += 8) {                    \
        uint64_t eight;                                     \
        memcpy(&eight, ended + i, 8);                       \
        while (eight) {                                     \
            int lane = i + (__builtin_ctzll(eight) >> 3);   \
            eight &= eight - 1;                             \
            if (lane < lanes) {                             \
                reset(lane);                                \
                ++*episodes;                                \
            }                                               \
        }                                                   \
    }

#define START(reset)                          \
    word = 1, *rewards = 0, *episodes = 0;    \
    memset(ended, 0, sizeof ended);           \
    memset(sums, 0, sizeof sums);             \
    for (int i = 0; i < lanes; i++) reset(i); \
    double total = 0;

/* SEE and then EARN, in each lane; or SEE_AND_EARN, with a reward that is always the same
   and that ALWAYS, before the loop over the lanes, adds for all of them. */
#ifdef EACH_LANE
#define ALWAYS(reward) 0
#define SEE(observation) float seen = observation;
#define EARN(reward) sums[i] += seen + (reward);
#define SEE_AND_EARN(observation, reward) sums[i] += (observation) + (reward);
#else
#define ALWAYS(reward) (float)((reward) * lanes)
#define SEE(observation) sum += observation;
#define EARN(reward) earned += reward;
#define SEE_AND_EARN(observation, reward) sum += observation;
#endif

/* At the end of a step, and of all steps. */
#define ADD_STEP total += sum + earned, *rewards += earned;
#define ADD_LANES \
    for (int i = 0; i < lanes; i++) total += sums[i];

/* --- CartPole --------------------------------------------------------------------- */

static inline void cartpole_reset(int i) {
    a[i] = uniform(-0.05f, 0.05f), b[i] = uniform(-0.05f, 0.05f);
    c[i] = uniform(-0.05f, 0.05f), d[i] = uniform(-0.05f, 0.05f);
    now[i] = 0;
}

double cartpole(int lanes, int steps, const int32_t *restrict actions, double *rewards,
                int64_t *episodes) {
    START(cartpole_reset)
    for (int t = 0; t < steps; t++, actions += lanes) {
        float sum = 0, earned = ALWAYS(1);
        for (int i = 0; i < lanes; i++) {
            float x = a[i], x_dot = b[i], theta = c[i], theta_dot = d[i];
            SEE_AND_EARN(x + x_dot + theta + theta_dot, 1)
            float force = actions[i] == 1 ? 10.0f : -10.0f;
            float sine = sinf(theta), cosine = cosf(theta);
            float push = (force + 0.05f * theta_dot * theta_dot * sine) / 1.1f;
            float turn = (9.8f * sine - cosine * push) /
                         (0.5f * (4.0f / 3 - 0.1f * cosine * cosine / 1.1f));
            x += 0.02f * x_dot, theta += 0.02f * theta_dot;
            x_dot += 0.02f * (push - 0.05f * turn * cosine / 1.1f);
            theta_dot += 0.02f * turn;
            a[i] = x, b[i] = x_dot, c[i] = theta, d[i] = theta_dot;
            int32_t time = now[i] + 1;
            now[i] = time;
            ended[i] = (fabsf(x) > 2.4f) | (fabsf(theta) > 12 * PI / 180) | (time >= 500);
        }
        ADD_STEP
        RESET_ENDED(cartpole_reset)
    }
    ADD_LANES
    return total;
}

/* --- Pendulum --------------------------------------------------------------------- */

static inline void pendulum_reset(int i) {
    a[i] = uniform(-PI, PI), b[i] = uniform(-1, 1), now[i] = 0;
}

double pendulum(int lanes, int steps, const float *restrict actions, double *rewards,
                int64_t *episodes) {
    START(pendulum_reset)
    for (int t = 0; t < steps; t++, actions += lanes) {
        float sum = 0, earned = 0;
        for (int i = 0; i < lanes; i++) {
            float theta = a[i], theta_dot = b[i], torque = clip(actions[i], -2, 2);
            float sine = sinf(theta);
            SEE(cosf(theta) + sine + theta_dot)
            float angle = theta - 2 * PI * floorf((theta + PI) * (0.5f / PI));
            EARN(-(angle * angle + 0.1f * theta_dot * theta_dot +
                   0.001f * torque * torque))
            theta_dot = clip(theta_dot + (15 * sine + 3 * torque) * 0.05f, -8, 8);
            a[i] = theta + theta_dot * 0.05f, b[i] = theta_dot;
            int32_t time = now[i] + 1;
            now[i] = time, ended[i] = time >= 200;
        }
        ADD_STEP
        RESET_ENDED(pendulum_reset)
    }
    ADD_LANES
    return total;
}

/* --- Acrobot ---------------------------------------------------------------------- */

static inline void acrobot_reset(int i) {
    a[i] = uniform(-0.1f, 0.1f), b[i] = uniform(-0.1f, 0.1f);
    c[i] = uniform(-0.1f, 0.1f), d[i] = uniform(-0.1f, 0.1f);
    now[i] = 0;
}

#define ACROBOT_SLOPE(theta_1, theta_2, speed_1, speed_2, slope_1, slope_2)            \
    float slope_1, slope_2;                                                            \
    {                                                                                  \
        float sine = sinf(theta_2), cosine = cosf(theta_2);                            \
        float d1 = 3.5f + cosine, d2 = 1.25f + 0.5f * cosine;                          \
        float phi2 = 4.9f * sinf((theta_1) + (theta_2));                               \
        float phi1 = -0.5f * (speed_2) * ((speed_2) + 2 * (speed_1)) * sine +          \
                     14.7f * sinf(theta_1) + phi2;                                     \
        float ratio = d2 / d1;                                                         \
        slope_2 = (torque + ratio * phi1 - phi2 -                                      \
                   0.5f * (speed_1) * (speed_1) * sine) /                              \
                  (1.25f - d2 * ratio);                                                \
        slope_1 = -(d2 * slope_2 + phi1) / d1;                                         \
    }

double acrobot(int lanes, int steps, const int32_t *restrict actions, double *rewards,
               int64_t *episodes) {
    START(acrobot_reset)
    for (int t = 0; t < steps; t++, actions += lanes) {
        float sum = 0, earned = 0;
        for (int i = 0; i < lanes; i++) {
            float t1 = a[i], t2 = b[i], v1 = c[i], v2 = d[i];
            SEE(cosf(t1) + sinf(t1) + cosf(t2) + sinf(t2) + v1 + v2)
            float torque = (float)(actions[i] - 1);
            const float h = 0.2f;
            ACROBOT_SLOPE(t1, t2, v1, v2, p1, q1)
            float w1 = v1 + h / 2 * p1, u1 = v2 + h / 2 * q1;
            ACROBOT_SLOPE(t1 + h / 2 * v1, t2 + h / 2 * v2, w1, u1, p2, q2)
            float w2 = v1 + h / 2 * p2, u2 = v2 + h / 2 * q2;
            ACROBOT_SLOPE(t1 + h / 2 * w1, t2 + h / 2 * u1, w2, u2, p3, q3)
            float w3 = v1 + h * p3, u3 = v2 + h * q3;
            ACROBOT_SLOPE(t1 + h * w2, t2 + h * u2, w3, u3, p4, q4)
            t1 += h / 6 * (v1 + 2 * w1 + 2 * w2 + w3);
            t2 += h / 6 * (v2 + 2 * u1 + 2 * u2 + u3);
            v1 = clip(v1 + h / 6 * (p1 + 2 * p2 + 2 * p3 + p4), -4 * PI, 4 * PI);
            v2 = clip(v2 + h / 6 * (q1 + 2 * q2 + 2 * q3 + q4), -9 * PI, 9 * PI);
            t1 -= 2 * PI * floorf((t1 + PI) * (0.5f / PI));
            t2 -= 2 * PI * floorf((t2 + PI) * (0.5f / PI));
            int up = -cosf(t1) - cosf(t1 + t2) > 1;
            EARN(up ? 0.0f : -1.0f)
            a[i] = t1, b[i] = t2, c[i] = v1, d[i] = v2;
            int32_t time = now[i] + 1;
            now[i] = time, ended[i] = up | (time >= 500);
        }
        ADD_STEP
        RESET_ENDED(acrobot_reset)
    }
    ADD_LANES
    return total;
}

/* --- MountainCar ------------------------------------------------------------------ */

static inline void mountain_car_reset(int i) {
    a[i] = uniform(-0.6f, -0.4f), b[i] = 0, now[i] = 0;
}

double mountain_car(int lanes, int steps, const int32_t *restrict actions, double *rewards,
                    int64_t *episodes) {
    START(mountain_car_reset)
    for (int t = 0; t < steps; t++, actions += lanes) {
        float sum = 0, earned = ALWAYS(-1);
        for (int i = 0; i < lanes; i++) {
            float x = a[i], v = b[i];
            SEE_AND_EARN(x + v, -1)
            v += (float)(actions[i] - 1) * 0.001f - 0.0025f * cosf(3 * x);
            v = clip(v, -0.07f, 0.07f);
            x = clip(x + v, -1.2f, 0.6f);
            v = x > -1.2f ? v : fmaxf(v, 0);
            a[i] = x, b[i] = v;
            int32_t time = now[i] + 1;
            now[i] = time, ended[i] = (fminf(x - 0.5f, v) >= 0) | (time >= 200);
        }
        ADD_STEP
        RESET_ENDED(mountain_car_reset)
    }
    ADD_LANES
    return total;
}

/* --- Catch ------------------------------------------------------------------------ */

static int32_t ball[MAX_LANES] ALIGNED, paddle[MAX_LANES] ALIGNED;

static inline void catch_reset(int i) {
    ball[i] = (int32_t)uniform(0, 5), paddle[i] = 2, now[i] = 0;
}

double catch_ball(int lanes, int steps, const int32_t *restrict actions, double *rewards,
                  int64_t *episodes) {
    static float board[MAX_LANES][50] ALIGNED;
    START(catch_reset)
    for (int t = 0; t < steps; t++, actions += lanes) {
        float sum = 0, caught = 0;
        memset(board, 0, sizeof board[0] * (size_t)lanes);
        for (int i = 0; i < lanes; i++) {
            board[i][now[i] * 5 + ball[i]] = 1;
            board[i][45 + paddle[i]] = 1;
        }
        const float *numbers = &board[0][0];
        for (int i = 0; i < 50 * lanes; i++) sum += numbers[i];
        for (int i = 0; i < lanes; i++) {
            int32_t x = paddle[i] + actions[i] - 1, time = now[i] + 1;
            x = x < 0 ? 0 : x > 4 ? 4 : x;
            int lands = time == 9;
            caught += (float)(lands * (2 * (ball[i] == x) - 1));
            paddle[i] = x, now[i] = time, ended[i] = lands | (time >= 1000);
        }
        *rewards += caught;
        total += sum + caught;
        RESET_ENDED(catch_reset)
    }
    return total;
}

/* --- Breakout --------------------------------------------------------------------- */

static int32_t ball_x[MAX_LANES] ALIGNED, ball_y[MAX_LANES] ALIGNED,
    last_x[MAX_LANES] ALIGNED, last_y[MAX_LANES] ALIGNED, right[MAX_LANES] ALIGNED,
    down[MAX_LANES] ALIGNED, met[MAX_LANES] ALIGNED;
static uint32_t bricks[MAX_LANES] ALIGNED;

#define WALL ((1u << 30) - 1)

static inline void breakout_reset(int i) {
    int from_left = uniform(0, 1) < 0.5f;
    paddle[i] = 4, ball_x[i] = last_x[i] = from_left ? 0 : 9;
    ball_y[i] = last_y[i] = 3, right[i] = from_left ? 1 : -1, down[i] = 1;
    met[i] = 0, bricks[i] = WALL, now[i] = 0;
}

/* The screen is 400 bytes, of which the first of every four is the paddle, then the
   ball, its trail and the bricks. It is written to memory, as for whoever keeps it. */
double breakout(int lanes, int steps, const int32_t *restrict actions, double *rewards,
                int64_t *episodes) {
    static uint8_t screens[MAX_LANES][400] ALIGNED;
    START(breakout_reset)
    for (int t = 0; t < steps; t++, actions += lanes) {
        for (int i = 0; i < lanes; i++) {
            uint8_t *screen = screens[i];
            uint32_t *cells = (uint32_t *)screen;
            memset(screen, 0, 400);
            for (int j = 0; j < 30; j++) cells[10 + j] = (bricks[i] >> j & 1) << 24;
            screen[4 * (90 + paddle[i])] = 1;
            screen[4 * (10 * ball_y[i] + ball_x[i]) + 1] = 1;
            screen[4 * (10 * last_y[i] + last_x[i]) + 2] = 1;
        }
        uint32_t sum = 0;
        const uint8_t *bytes = &screens[0][0];
        for (int i = 0; i < 400 * lanes; i++) sum += bytes[i];
        int32_t broken = 0;
        for (int i = 0; i < lanes; i++) {
            int32_t pad = paddle[i] + (actions[i] == 2) - (actions[i] == 1);
            pad = pad < 0 ? 0 : pad > 9 ? 9 : pad;
            int32_t x0 = ball_x[i], y0 = ball_y[i], x = x0 + right[i], y = y0 + down[i];
            int32_t side = (x < 0) | (x > 9);
            x = x < 0 ? 0 : x > 9 ? 9 : x;
            int32_t top = y < 0, row = (y >= 1) & (y <= 3), bottom = y == 9;
            uint32_t brick = (uint32_t)row << (row * (10 * (y - 1) + x));
            uint32_t wall = bricks[i];
            int32_t meets = (wall & brick) != 0, breaks = meets & ~met[i];
            wall &= ~(brick & (uint32_t)-breaks);
            wall |= WALL & (uint32_t) - (bottom & (wall == 0));
            int32_t straight = bottom & (x0 == pad);
            int32_t slanted = bottom & ~straight & (x == pad);
            int32_t turns = top | breaks | straight | slanted;
            broken += breaks;
            paddle[i] = pad, ball_x[i] = x, ball_y[i] = y - turns * down[i];
            last_x[i] = x0, last_y[i] = y0, met[i] = meets, bricks[i] = wall;
            right[i] *= 1 - 2 * (side ^ slanted), down[i] *= 1 - 2 * turns;
            int32_t time = now[i] + 1;
            now[i] = time, ended[i] = (bottom & ~turns) | (time >= 1000);
        }
        *rewards += broken;
        total += sum + broken;
        RESET_ENDED(breakout_reset)
    }
    return total;
}
