import json
import pathlib
import random

import coverage
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import minatar.environments.seaquest as original
import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from scipy import stats

from eqenvs import Seaquest
from eqenvs.environments.minatar import seaquest as ours
from eqenvs.environments.minatar._bit_slices import Numbers

from ..minatar_replay import ReplayedRandom


ACTIONS = NOTHING, LEFT, UP, RIGHT, DOWN, FIRE = range(6)


# The same state in the words of both sides.


def describe_game(game):
    """The state of the original, with numbers for truth values."""
    return {
        "player": [game.sub_x, game.sub_y, int(game.sub_or)],
        "bullets": [list(map(int, bullet)) for bullet in game.f_bullets],
        # Their order makes no difference to anything.
        "enemy_bullets": sorted(list(map(int, bullet)) for bullet in game.e_bullets),
        "fish": [list(map(int, fish)) for fish in game.e_fish],
        "submarines": [list(map(int, submarine)) for submarine in game.e_subs],
        "divers": [list(map(int, diver)) for diver in game.divers],
        "num_divers": game.diver_count,
        "oxygen": game.oxygen,
        "surface": int(game.surface),
        "timers": [game.e_spawn_timer, game.d_spawn_timer, game.shot_timer],
        "difficulty": [game.e_spawn_speed, game.move_speed, game.ramp_index],
    }


def describe_states(states):
    """The same of our states, whose leaves are NumPy arrays with an axis of states."""
    swimmers = states.swimmers

    def slots(word):
        return (word[:, None] >> np.arange(32, dtype=np.uint32) & 1).astype(bool)

    def numbers(value):
        """The numbers in the 32 slots."""
        return sum(slots(digit) * 2**k for k, digit in enumerate(value.digits))

    def things(is_one, *values):
        columns = np.stack(np.broadcast_arrays(*values), -1)
        return [row[here].tolist() for row, here in zip(columns, is_one, strict=True)]

    right = slots(swimmers.right).astype(int)
    place = (numbers(swimmers.x), numbers(swimmers.y), right)
    move_timer, shot_timer = map(numbers, (swimmers.move_timer, swimmers.shot_timer))
    bullet_place = (numbers(swimmers.bullet_x), place[1], right)
    # The player's bullets, the last one first.
    bullets = jax.tree.map(lambda *x: np.stack(x, 1), *states.bullets[::-1])
    bullet = (x.astype(int) for x in (bullets.x, bullets.y, bullets.right))
    ramp = states.ramp
    parts = {
        "player": np.stack([states.x, states.y, states.right], 1).tolist(),
        "bullets": things(bullets.flying, *bullet),
        "enemy_bullets": map(sorted, things(slots(swimmers.bullet), *bullet_place)),
        "fish": things(slots(swimmers.fish), *place, move_timer),
        "submarines": things(slots(swimmers.submarine), *place, move_timer, shot_timer),
        "divers": things(slots(swimmers.diver), *place, move_timer),
        "num_divers": states.num_divers.tolist(),
        "oxygen": states.oxygen.tolist(),
        "surface": states.at_surface.astype(int).tolist(),
        "timers": np.stack(
            [states.spawn_timer, states.diver_spawn_timer, states.shot_timer], 1
        ).tolist(),
        "difficulty": np.stack(
            [20 - ramp, 5 - np.minimum(ramp // 2, 3), ramp], 1
        ).tolist(),
    }
    return [
        dict(zip(parts, values, strict=True))
        for values in zip(*parts.values(), strict=True)
    ]


def describe_state(state):
    """The same of one state."""
    (description,) = describe_states(jax.tree.map(lambda x: np.asarray(x)[None], state))
    return description


def act(game, action, draw):
    """A step of the original with the outcomes of `draw`."""
    game.random = ReplayedRandom()
    if game.e_spawn_timer == 0:
        game.random.expect(
            ("rand", 0.25 if draw.enemy_right else 0.75),
            ("rand", 0.25 if draw.enemy_is_submarine else 0.75),
            ("randint", int(draw.enemy_row)),
        )
    if game.d_spawn_timer == 0:
        game.random.expect(
            ("rand", 0.25 if draw.diver_right else 0.75),
            ("randint", int(draw.diver_row)),
        )
    reward, terminal = game.act(action)
    game.random.finish()
    return reward, terminal


# Players that look at the original's state.


class Player:
    """Keeps out of the way of everything, picks up divers and shoots.

    It acts at random at the rate `carelessness`, surfaces once it has `enough` divers
    or little oxygen, and if `hasty` as often as it can.
    """

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.carelessness = (0.0, 0.0, 0.0, 0.02, 0.1, 1.0)[seed % 6]
        self.enough = (6, 6, 1, 6, 3, 1)[seed // 6 % 6]
        self.hasty = seed % 4 == 1
        self.drowns = seed % 29 == 7

    def __call__(self, game):
        if self.random.random() < self.carelessness:
            return self.random.choice(ACTIONS)
        aim = self.aim(game)
        if aim in self.safe_actions(game):
            return aim
        safe = self.safe_actions(game)
        return self.random.choice(safe) if safe else FIRE

    def aim(self, game):
        x, y = game.sub_x, game.sub_y
        if self.hasty and (game.diver_count < 0 or game.diver_count >= self.enough):
            return UP if y > 0 else DOWN
        wants_air = game.oxygen < 40 or game.diver_count >= self.enough
        if wants_air and game.diver_count != 0 and not self.drowns:
            return UP
        ahead = [
            e
            for e in game.e_fish + game.e_subs
            if e[1] == y and (e[0] > x) == bool(game.sub_or) and e[0] != x
        ]
        if ahead and game.shot_timer == 0:
            return FIRE
        if y < 2:
            return DOWN
        if game.divers and game.diver_count < 6:
            diver = min(game.divers, key=lambda d: abs(d[0] - x) + abs(d[1] - y))
            if diver[1] != y:
                return DOWN if diver[1] > y else UP
            if diver[0] != x:
                return RIGHT if diver[0] > x else LEFT
        return self.random.choice((LEFT, RIGHT, FIRE, NOTHING))

    def safe_actions(self, game):
        danger = set()
        for enemy in game.e_fish + game.e_subs:
            danger.add((enemy[0], enemy[1]))
            if enemy[3] == 0:
                danger.add((enemy[0] + (1 if enemy[2] else -1), enemy[1]))
        for bullet in game.e_bullets:
            danger.add((bullet[0], bullet[1]))
            danger.add((bullet[0] + (1 if bullet[2] else -1), bullet[1]))
        for submarine in game.e_subs:
            if submarine[4] == 0:
                for k in (1, 2):
                    ahead = submarine[0] + (k if submarine[2] else -k)
                    danger.add((ahead, submarine[1]))
        if game.e_spawn_timer == 0:
            danger |= {(x, y) for x in (0, 9) for y in range(1, 9)}
        steps = {NOTHING: (0, 0), FIRE: (0, 0), LEFT: (-1, 0), RIGHT: (1, 0)}
        steps |= {UP: (0, -1), DOWN: (0, 1)}
        safe = []
        for action, (dx, dy) in steps.items():
            x = min(max(game.sub_x + dx, 0), 9)
            y = min(max(game.sub_y + dy, 0), 8)
            drowns = y == 0 and game.sub_y > 0 and game.diver_count == 0
            if (x, y) not in danger and not drowns:
                safe.append(action)
        return safe


NUM_SEEDS, NUM_STEPS = 240, 1000


@eqx.filter_jit
def draws_of(env, keys):
    return jax.vmap(jax.vmap(env._draw))(keys)


@eqx.filter_jit
def run(env, keys, actions):
    """All states and observations of one episode a seed; an ended one just goes on."""
    states = jax.vmap(env.initial_state)(keys[0])

    def body(states, inputs):
        transition = jax.vmap(env.transition)(inputs[0], states, inputs[1])
        states = transition.state
        outputs = (
            states,
            jnp.packbits(jax.vmap(env.observe)(states).reshape(len(actions[0]), -1), 1),
            transition.reward,
            transition.terminated,
        )
        return states, outputs

    return jax.lax.scan(body, states, (keys, actions))[1]


@pytest.fixture(scope="module")
def episodes(tmp_path_factory):
    """Episodes of the original, what we make of them, and the branches not visited."""
    env = Seaquest()
    keys = jr.split(jr.key(0), (NUM_STEPS, NUM_SEEDS))
    draws = jax.tree.map(np.asarray, draws_of(env, keys))
    measured = coverage.Coverage(
        branch=True, include=[original.__file__], data_file=None, config_file=False
    )
    measured.start()
    actions = np.zeros((NUM_STEPS, NUM_SEEDS), np.int32)
    recorded = []
    for seed in range(NUM_SEEDS):
        game, player, episode = original.Env(), Player(seed), []
        for t, draw in enumerate(map(ours.Draw, *(x[:, seed] for x in draws))):
            actions[t, seed] = player(game)
            reward, terminal = act(game, actions[t, seed], draw)
            observation = np.packbits(game.state())
            episode.append((describe_game(game), observation, reward, terminal))
            if terminal:
                assert game.act(0) == (0, True)
                break
        recorded.append(episode)
    # Surfacing without ramping; the single steps below compare it.
    game = original.Env(ramping=False)
    game.surface, game.diver_count = False, 1
    game.act(NOTHING)
    measured.stop()
    report = tmp_path_factory.mktemp("coverage") / "report.json"
    measured.json_report(outfile=str(report))
    (lines,) = json.loads(report.read_text())["files"].values()
    outputs = jax.tree.map(np.asarray, run(env, keys, jnp.asarray(actions)))
    return recorded, outputs, lines["missing_branches"]


@pytest.mark.slow
def test_whole_episodes(episodes):
    recorded, (states, *outputs), _ = episodes
    for seed, episode in enumerate(recorded):
        length = len(episode)
        of_seed = jax.tree.map(lambda x, i=seed, n=length: x[:n, i], states)
        descriptions, *expected = zip(*episode, strict=True)
        for t, description in enumerate(describe_states(of_seed)):
            assert description == descriptions[t], f"seed {seed}, step {t}"
        for got, played in zip(outputs, expected, strict=True):
            np.testing.assert_array_equal(got[:length, seed], played, f"seed {seed}")
        np.testing.assert_array_equal(of_seed.time, np.arange(1, length + 1))


def test_the_episodes_visit_everything(episodes):
    recorded, _, missing_branches = episodes
    source = pathlib.Path(original.__file__).read_text().splitlines()
    missing = {source[abs(start) - 1].strip() for start, _ in missing_branches}
    # Enemies are fastest long before they are most frequent, so that where this
    # condition is looked at, it is true.
    assert missing <= {"if(self.e_spawn_speed>1):"}
    steps = [step for episode in recorded for step in episode]
    descriptions = [description for description, *_ in steps]
    assert {d["num_divers"] for d in descriptions} >= {-2, -1, 0, 1, 2, 3, 4, 5, 6}
    assert {d["difficulty"][2] for d in descriptions} == set(range(20))
    assert {d["oxygen"] for d in descriptions} == set(range(-1, 201))
    assert max(reward for _, _, reward, _ in steps) >= 8
    assert sum(len(episode) == NUM_STEPS for episode in recorded) >= 5
    assert max(len(d["fish"] + d["submarines"]) for d in descriptions) >= 15
    assert max(len(d["divers"]) for d in descriptions) == 2
    assert max(len(d["bullets"]) for d in descriptions) == 2


# States that play rarely reaches.


def encode(slots):
    """Our swimmers, from pairs of the number of a slot and what is in it."""

    def numbers(name, width):
        return Numbers(
            tuple(
                jnp.uint32(sum((slot[name] >> k & 1) << i for i, slot in slots))
                for k in range(width)
            )
        )

    def word(holds):
        return jnp.uint32(sum(1 << i for i, slot in slots if holds(slot)))

    return ours.Swimmers(
        fish=word(lambda slot: slot["kind"] == "fish"),
        submarine=word(lambda slot: slot["kind"] == "submarine"),
        diver=word(lambda slot: slot["kind"] == "diver"),
        x=numbers("x", 4),
        y=numbers("y", 4),
        right=word(lambda slot: slot["right"]),
        move_timer=numbers("move_timer", 3),
        shot_timer=numbers("shot_timer", 4),
        bullet=word(lambda slot: slot["bullet"]),
        bullet_x=numbers("bullet_x", 4),
    )


@st.composite
def situations(draw):
    """What is in each slot, and all else, in the original's words."""
    ramping = draw(st.booleans())
    ramp = draw(st.integers(0, 19)) if ramping else 0
    move_interval = 5 - min(ramp // 2, 3)
    row_right = draw(st.lists(st.booleans(), min_size=10, max_size=10))
    # Few rows and columns, so that things meet.
    rows = st.sampled_from(
        draw(st.lists(st.integers(1, 8), min_size=1, max_size=3, unique=True))
    )
    low = draw(st.integers(0, 9))
    columns = st.integers(low, min(low + draw(st.integers(0, 9)), 9))
    slots, taken = [], set()
    for i in range(30 - draw(st.integers(0, 29)), 30):
        kind = draw(st.sampled_from(["fish", "submarine", "empty"]))
        slot = {
            "kind": kind,
            "x": draw(columns),
            "y": draw(rows),
            "move_timer": draw(st.integers(0, move_interval)),
            "shot_timer": draw(st.sampled_from([0, 0, 1, 5, 10])),
            "bullet": kind != "fish" and draw(st.booleans()),
            "bullet_x": draw(columns),
        }
        if kind == "submarine" and slot["shot_timer"] < 2:
            slot["bullet"] = False  # It has left the screen by then.
        # Enemies of a row go the same way; bullets of those that are no more need not.
        slot["right"] = draw(st.booleans()) if kind == "empty" else row_right[slot["y"]]
        place = (slot["x"], slot["y"], slot["move_timer"])
        if kind == "empty" or place not in taken:
            slots.append((i, slot))
            taken.add(place)
    # Divers meet only on opposite ways.
    diver_right = draw(st.booleans())
    divers = draw(st.sampled_from([(), (30,), (31,), (30, 31)]))
    for i in (30, 31):
        slot = {
            "kind": "diver" if i in divers else "empty",
            "x": draw(columns),
            "y": draw(rows),
            "move_timer": draw(st.sampled_from([0, 0, 1, 5])),
            "shot_timer": 0,
            "bullet": False,
            "bullet_x": 0,
            "right": diver_right ^ (i == 31),
        }
        slots.append((i, slot))
    bullets = [
        [draw(columns), draw(rows), draw(st.booleans())]
        for _ in range(draw(st.integers(0, 2)))
    ]
    assume(len({(x + 2 * right - 1, y) for x, y, right in bullets}) == len(bullets))
    attributes = {
        "ramping": ramping,
        "f_bullets": bullets,
        "sub_x": draw(columns),
        "sub_y": draw(rows | st.sampled_from([0, 1])),
        "sub_or": draw(st.booleans()),
        "diver_count": draw(st.sampled_from([-2, -1, 0, 1, 4, 5, 5, 6, 6])),
        "oxygen": draw(st.sampled_from([0, 1, 19, 20, 21, 199, 200])),
        "surface": draw(st.booleans()),
        "e_spawn_speed": 20 - ramp,
        "move_speed": move_interval,
        "ramp_index": ramp,
        "e_spawn_timer": draw(st.integers(0, 19 - ramp) | st.just(0)),
        "d_spawn_timer": draw(st.integers(30 in divers, 29)),
        "shot_timer": draw(st.integers(len(bullets) == 2, 4)),
    }
    assume((attributes["sub_x"], attributes["sub_or"]) not in ((0, True), (9, False)))
    return slots, attributes


def set_up(slots, attributes):
    """The original in a situation, and our state for it."""
    game = original.Env()
    for name, value in attributes.items():
        setattr(game, name, value)
    bullets = [ours.Bullet(*map(jnp.asarray, (*b, True))) for b in game.f_bullets[::-1]]
    none = ours.Bullet(*map(jnp.asarray, (0, 0, False, False)))
    bullets += [none] * (2 - len(bullets))
    game.f_bullets = [list(bullet) for bullet in game.f_bullets]
    for _, slot in slots:
        thing = [slot["x"], slot["y"], slot["right"], slot["move_timer"]]
        if slot["kind"] == "fish":
            game.e_fish.append(thing)
        elif slot["kind"] == "submarine":
            game.e_subs.append([*thing, slot["shot_timer"]])
        elif slot["kind"] == "diver":
            game.divers.append(thing)
        if slot["bullet"]:
            game.e_bullets.append([slot["bullet_x"], slot["y"], slot["right"]])
    state = ours.SeaquestState(
        x=jnp.int32(game.sub_x),
        y=jnp.int32(game.sub_y),
        right=jnp.asarray(game.sub_or),
        bullets=(bullets[0], bullets[1]),
        swimmers=encode(slots),
        num_divers=jnp.int32(game.diver_count),
        oxygen=jnp.int32(game.oxygen),
        at_surface=jnp.asarray(game.surface),
        spawn_timer=jnp.int32(game.e_spawn_timer),
        diver_spawn_timer=jnp.int32(game.d_spawn_timer),
        shot_timer=jnp.int32(game.shot_timer),
        ramp=jnp.int32(game.ramp_index),
        time=jnp.int32(3),
    )
    return game, state


@eqx.filter_jit
def step_once(env, key, state, action):
    transition = env.transition(key, state, action)
    observed = env.observe(state), env.observe(transition.state)
    return env._draw(key), transition, observed


@pytest.mark.slow
@settings(max_examples=500)
@given(situation=situations(), action=st.sampled_from(ACTIONS), seed=st.integers(0, 99))
def test_single_steps_from_rare_states(situation, action, seed):
    game, state = set_up(*situation)
    env = Seaquest(ramping=game.ramping)
    outputs = step_once(env, jr.key(seed), state, jnp.int32(action))
    state, (draw, transition, (before, after)) = jax.tree.map(
        np.asarray, (state, outputs)
    )
    assert describe_state(state) == describe_game(game)
    np.testing.assert_array_equal(before, game.state())
    reward, terminal = act(game, action, draw)
    assert describe_state(transition.state) == describe_game(game)
    assert transition.reward == reward
    assert transition.terminated == terminal
    np.testing.assert_array_equal(after, game.state())


# What the representation rests on.


def test_slots_are_enough():
    """Follows an enemy, and all who enter after it, through every course of ramping.

    Surfacing takes two steps, one down and one up. The enemy's slot moves down with
    everyone who enters while it is there, at most 29 times. And the next to enter never
    catches up with it: not even in the place and the timer together.
    """

    def move_interval(ramp):
        return 5 - min(ramp // 2, 3)

    def move(x, timer, ramp):
        return (x + 1, move_interval(ramp)) if timer == 0 else (x, timer - 1)

    def steps(ramp, under_water):
        yield ramp, True
        if under_water:
            yield min(ramp + 1, 19), False

    # Where the enemy is, the one after it (if it entered), and how often a slot moved.
    frontier = {
        ((0, move_interval(ramp)), None, 20 - ramp, ramp, under_water): 0
        for ramp in range(20)
        for under_water in (False, True)
    }
    most = 0
    while frontier:
        new = {}
        for (first, second, timer, ramp, under_water), count in frontier.items():
            if timer == 0:
                count += 1
                timer = 20 - ramp
                if second is None:
                    second = (0, move_interval(ramp))
            most = max(most, count)
            first = move(*first, ramp)
            second = second and move(*second, ramp)
            if first[0] > 9:
                continue
            assert second is None or second[0] < first[0] or first[1] < second[1]
            for next_ramp, next_under_water in steps(ramp, under_water):
                state = (first, second, timer - 1, next_ramp, next_under_water)
                new[state] = max(new.get(state, 0), count)
        frontier = new
    assert most == 29


# The law of what enters.


def test_draws_have_the_law_of_the_original():
    keys = jr.split(jr.key(5), (1, 200_000))
    draw = jax.tree.map(lambda x: np.asarray(x[0]), draws_of(Seaquest(), keys))
    n = 200_000
    alpha = 1e-3
    for flags, p in (
        (draw.enemy_right, 1 / 2),
        (draw.enemy_is_submarine, 1 / 3),
        (draw.diver_right, 1 / 2),
    ):
        assert stats.binomtest(int(flags.sum()), n, p).pvalue > alpha
    # All of it together: independent, with uniform rows.
    cells = np.ravel_multi_index(
        (
            draw.enemy_right.astype(int),
            draw.enemy_is_submarine.astype(int),
            draw.enemy_row - 1,
            draw.diver_right.astype(int),
            draw.diver_row - 1,
        ),
        (2, 2, 8, 2, 8),
    )
    expected = np.tile(np.array([2 / 3, 1 / 3])[None, :, None], (2, 1, 128)).ravel()
    counts = np.bincount(cells, minlength=512)
    assert stats.chisquare(counts, n * expected / expected.sum()).pvalue > alpha


@pytest.mark.slow
def test_same_law_with_independent_randomness():
    """Lengths and rewards of episodes under random play."""
    env = Seaquest()
    num, steps = 600, 200
    keys = jr.split(jr.key(8), (steps, num))
    rng = np.random.default_rng(0)
    # Few ups: under water for long.
    policy = np.array([0.1, 0.2, 0.05, 0.2, 0.2, 0.25])
    actions = rng.choice(6, p=policy, size=(steps, num)).astype(np.int32)
    _, _, rewards, terminated = jax.tree.map(
        np.asarray, run(env, keys, jnp.asarray(actions))
    )
    ends = np.where(terminated.any(0), terminated.argmax(0), steps)
    ours_return = np.where(np.arange(steps)[:, None] <= ends, rewards, 0).sum(0)
    lengths, returns = [], []
    for i in range(num):
        game = original.Env()
        game.random = np.random.RandomState(1000 + i)
        total, t = 0, 0
        for t in range(steps):  # noqa: B007
            reward, terminal = game.act(rng.choice(6, p=policy))
            total += reward
            if terminal:
                break
        lengths.append(t if game.terminal else steps)
        returns.append(total)
    assert np.mean(returns) > 0.1
    assert stats.ks_2samp(ends, lengths).pvalue > 1e-3
    assert stats.ks_2samp(ours_return, returns).pvalue > 1e-3
    table = np.array(
        [
            np.bincount(np.minimum(r, 3).astype(int), minlength=4)
            for r in (ours_return, returns)
        ]
    )
    assert stats.chi2_contingency(table[:, table.sum(0) > 0]).pvalue > 1e-3


def test_parameters():
    assert Seaquest().max_steps == 1000
    assert Seaquest(minimal_actions=False).action_space.n == 6
    with pytest.raises(TypeError, match="ramping"):
        Seaquest(ramping=1.0)
