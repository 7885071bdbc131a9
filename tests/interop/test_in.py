"""Environments of other JAX libraries here: they keep the contract, and do step for
step what they do at home."""

# pyright: reportRedeclaration=false

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import eqenvs
from eqenvs import from_config, to_config
from eqenvs.adapters._foreign import plain
from eqenvs.testing import find_problems, Probe

from .trees import assert_same


# The package that each needs, by its prefix.
PACKAGES = {
    "brax": "brax",
    "envelope": "envelope",
    "gymnax": "gymnax",
    "jumanji": "jumanji",
    "navix": "navix",
    "pgx": "pgx",
    "playground": "mujoco_playground",
}
CHECKED = [
    ("brax:fast", {}),
    ("envelope:gymnax::CartPole-v1", {}),
    ("gymnax:CartPole-v1", {}),
    ("gymnax:Catch-bsuite", {}),
    ("jumanji:Game2048-v1", {}),
    ("navix:Navix-DoorKey-5x5-v0", {}),
    ("pgx:minatar-breakout", {}),
    ("pgx:tic_tac_toe", {"action_mask": True}),
    ("playground:CartpoleBalance", {"config_overrides": {"impl": "jax"}}),
]
PLAYED = [
    *CHECKED,
    ("brax:inverted_pendulum", {"backend": "positional"}),
    ("jumanji:Snake-v1", {}),
    ("jumanji:Minesweeper-v0", {}),
    ("navix:Navix-Dynamic-Obstacles-5x5-v0", {}),
    ("pgx:2048", {}),
]
_made = {}


def made(id, parameters):
    prefix = id.partition(":")[0]
    pytest.importorskip(PACKAGES[prefix], reason=f"{id} needs another package")
    if id not in _made:
        _made[id] = eqenvs.make(id, **parameters)
    return _made[id]


# To compile a physics engine twenty times takes minutes.
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("id", "parameters"), CHECKED, ids=lambda x: str(x))
def test_the_contract(id, parameters):
    env = made(id, parameters)
    assert find_problems(Probe(env, num_lanes=5)) == ([], [])


@pytest.mark.parametrize(("id", "parameters"), PLAYED, ids=lambda x: str(x))
def test_a_configuration_makes_it_again(id, parameters):
    env = made(id, parameters)
    if not hasattr(env, "original"):
        pytest.skip("environments of gymnax have no configuration")
    again = from_config(to_config(env))
    assert jax.tree.structure(again) == jax.tree.structure(env)
    assert_same(again, env)


def home(id, env):
    """`(start, step)` of the original: each returns `(state, observation, ...)`."""
    original = env.original.env if hasattr(env, "original") else env.env
    match id.partition(":")[0]:
        case "brax" | "playground":

            def start(key):
                state = original.reset(key)
                return state, state.obs

            def step(key, state, action):
                state = original.step(state, action)
                return state, state.obs, state.reward, state.done

        case "jumanji":

            def start(key):
                state, step = original.reset(key)
                return state, step.observation

            def step(key, state, action):
                state, step = original.step(state, action)
                return state, step.observation, step.reward, step.last()

        case "navix":

            def start(key):
                step = original.reset(key)
                return step, step.observation

            def step(key, state, action):
                step = original.step(state, action)
                return step, step.observation, step.reward, step.is_termination()

        case "pgx" if original.num_players == 1:

            def start(key):
                state = original.init(jr.split(key)[0])
                return state, state.observation

            def step(key, state, action):
                state = original.step(state, action, jr.split(key)[0])
                return state, state.observation, state.rewards[0], state.terminated

        case "envelope":

            def start(key):
                state, info = original.init(jr.wrap_key_data(key))
                return state, info.obs

            def step(key, state, action):
                state, info = original.step(state, action)
                return state, info.obs, info.reward, info.terminated | info.truncated

        case "gymnax":
            params = env._params

            def start(key):
                return original.reset_env(key, params)[::-1]

            def step(key, state, action):
                values = original.step_env(key, state, action, params)
                return values[1], values[0], values[2], values[3]

        case _:
            pytest.skip("its opponent is not part of the original")
    return jax.jit(start), jax.jit(step)


@pytest.mark.parametrize(("id", "parameters"), PLAYED, ids=lambda x: str(x))
def test_step_for_step(id, parameters):
    env = made(id, parameters)
    start, take = home(id, env)
    words = jr.PRNGKey(3)
    theirs, expected = start(words)
    observation, state = env.reset(words)
    assert_same(observation, plain(expected), 1e-6)
    for t in range(12):
        words = jr.PRNGKey(t)
        action = env.action_space.sample(jr.key(100 + t))
        step = env.advance(words, state, action)
        theirs, expected, reward, done = take(words, theirs, action)
        assert_same(step.observation, plain(expected), 1e-5)
        np.testing.assert_allclose(step.reward, reward, rtol=1e-5, atol=1e-6)
        assert bool(step.terminated | step.truncated) == bool(done)
        state = step.state
        if done:
            break
    assert t > 0


class TestPgx:
    def test_an_opponent_moves_in_between(self):
        """Tic-tac-toe: after a step of the agent there is one more of both players'
        marks, and it is the agent's turn."""
        env = made("pgx:tic_tac_toe", {"action_mask": True})
        observation, state = env.reset(jr.key(0))
        for t in range(20):
            own, others = observation["observation"].sum((0, 1))
            # Of both the same number, or one more of the opponent's who began.
            assert others - own in (0, 1) and state.inner.current_player == 0
            legal = np.flatnonzero(observation["action_mask"])
            step = env.advance(jr.key(t), state, int(legal[0]))
            observation, state = step.observation, step.state
            if step.terminated:
                break
        assert step.terminated and step.reward in (-1, 0, 1)
        assert step.observation["observation"].sum() >= 5

    def test_a_policy_of_ones_own_compiles_once(self):
        """An opponent that is a pytree is a parameter like any other."""
        pgx = pytest.importorskip("pgx")
        count = 0

        def play(table, key, observation, mask):
            nonlocal count
            count += 1
            return jnp.argmax(jnp.where(mask, table, -jnp.inf))

        from eqenvs.adapters import from_pgx

        game = pgx.make("tic_tac_toe")
        for table in (jnp.arange(9.0), -jnp.arange(9.0)):
            env = from_pgx(game, jax.tree_util.Partial(play, table))
            ends = []
            for seed in range(12):
                _, state = env.reset(jr.key(seed))
                ends.append(state.inner.legal_action_mask)
            moved = [np.flatnonzero(~mask) for mask in ends if not mask.all()]
            # Where the opponent began, it took the field that it prefers.
            assert moved and all(field == [int(table.argmax())] for field in moved)
        assert count < 12

    def test_who_needs_an_opponent(self):
        pgx = pytest.importorskip("pgx")
        from eqenvs.adapters import from_pgx

        with pytest.raises(ValueError, match="2 players needs an opponent"):
            from_pgx(pgx.make("tic_tac_toe"))
        with pytest.raises(ValueError, match="1 player needs no opponent"):
            from_pgx(pgx.make("2048"), "random")


class TestMistakes:
    def test_names(self):
        pytest.importorskip("brax")
        with pytest.raises(ValueError, match="Brax has no environment 'any'; it has"):
            eqenvs.make("brax:any")

    def test_what_resets_by_itself(self):
        envs = pytest.importorskip("brax.envs")
        from eqenvs.adapters import from_brax

        with pytest.raises(ValueError, match="without Brax's `AutoResetWrapper`"):
            from_brax(envs.create("fast"))
        with pytest.raises(ValueError, match="Adapt the environment before batching"):
            from_brax(envs.create("fast", auto_reset=False, batch_size=2))

    def test_several_agents(self):
        jumanji = pytest.importorskip("jumanji")
        from eqenvs.adapters import from_jumanji

        with pytest.raises(ValueError, match="MultiToSingleWrapper"):
            from_jumanji(jumanji.make("LevelBasedForaging-v0"))
