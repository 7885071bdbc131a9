"""The loop, mostly with an algorithm that compiles in no time."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import CartPole, Pendulum
from eqenvs.agents import (
    PPO,
    train,
    training,
    TrainingDiverged,
    TrainingInterrupted,
)
from eqenvs.agents._updates import run_updates

from .walk import assert_equal, Walk


ENV = CartPole()
SMALL = dict(num_envs=8, rollout_steps=8, num_minibatches=2, num_epochs=2)


@pytest.mark.parametrize("algorithm", ["walk", "ppo"])
def test_training_in_pieces_of_any_size_is_the_same(algorithm, monkeypatch):
    """And so is going on with the learner of a training that was cut short."""
    algorithm = Walk() if algorithm == "walk" else PPO(**SMALL)
    num_steps = 7 * algorithm.steps_per_update
    whole = train(algorithm, ENV, 0, num_steps)
    assert whole.learner.num_updates == 7

    sizes = iter([3, 1, 2, 1])

    def piece_of_next_size(pace, job, learner, target, limit):
        size = min(next(sizes), limit)
        return run_updates(
            job, learner, target, jnp.asarray(size, jnp.int32), training._MAX_PIECE
        )

    monkeypatch.setattr(training._Pace, "run", piece_of_next_size)
    pieces = train(algorithm, ENV, 0, num_steps)
    assert_equal(pieces.learner, whole.learner)
    assert pieces.metrics.keys() == whole.metrics.keys()
    for name in whole.metrics:
        np.testing.assert_array_equal(pieces.metrics[name], whole.metrics[name])
    monkeypatch.undo()

    def interrupt(row):
        if row["steps"] == 3 * algorithm.steps_per_update:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "_MAX_PIECE", 3)
    with pytest.raises(TrainingInterrupted) as error:
        train(algorithm, ENV, 0, num_steps, log=interrupt)
    monkeypatch.undo()
    half = error.value.trained
    assert 3 <= half.learner.num_updates <= 5
    rest = train(algorithm, ENV, 0, num_steps, learner=half.learner)
    assert_equal(rest.learner, whole.learner)
    for name, x in whole.metrics.items():
        both = np.concatenate([half.metrics[name], rest.metrics[name]])
        np.testing.assert_array_equal(both, x)


def test_update_u_draws_from_its_own_key():
    def expected(key):
        weight = jr.normal(jr.fold_in(key, 2**32 - 1), (3,))
        for u in range(3):
            noise = jr.normal(jr.fold_in(key, u), (3,)) * (1 - u / 3)
            weight = weight * 0.9 + noise
        return weight

    trained = train(Walk(), ENV, jr.key(5), 30)
    np.testing.assert_allclose(trained.learner.weight, expected(jr.key(5)), rtol=1e-5)


def test_one_program_agrees_with_pieces():
    def run(speed, key, **options):
        return train(Walk(speed=speed), ENV, key, 50, **options)

    speeds, keys = jnp.array([1.0, 2.0]), jr.split(jr.key(0), 2)
    mapped = eqx.filter_vmap(run)(speeds, keys)
    compiled = eqx.filter_jit(run)(speeds[1], keys[1])
    alone = run(speeds[1], keys[1])
    for name, x in alone.metrics.items():
        np.testing.assert_allclose(mapped.metrics[name][1], x, rtol=1e-5)
        np.testing.assert_allclose(compiled.metrics[name], x, rtol=1e-5)
    np.testing.assert_array_equal(mapped.metrics["steps"][0], [10, 20, 30, 40, 50])
    # A constant environment and key under `jit` count as traced as well.
    constant = jax.jit(lambda: run(2.0, jr.key(0)).learner.weight)()
    np.testing.assert_allclose(constant, run(2.0, jr.key(0)).learner.weight, rtol=1e-5)
    # Learners that were mapped go on, mapped.
    half = eqx.filter_vmap(lambda s, k: train(Walk(speed=s), ENV, k, 20))(speeds, keys)

    def go_on(speed, key, learner):
        return train(Walk(speed=speed), ENV, key, 50, learner=learner)

    rest = eqx.filter_vmap(go_on)(speeds, keys, half.learner)
    np.testing.assert_array_equal(rest.learner.num_updates, [5, 5])
    np.testing.assert_array_equal(rest.metrics["steps"][:, :3], [[30, 40, 50]] * 2)
    assert np.isnan(rest.metrics["size"][:, 3:]).all()


def test_the_whole_training_has_a_gradient():
    def final(speed):
        return train(Walk(speed=speed), ENV, 0, 50).learner.weight.sum()

    slope = (final(1.5) - final(0.5)) / 1.0  # It is linear in the speed.
    np.testing.assert_allclose(jax.grad(final)(1.0), slope, rtol=1e-4)


def test_training_ends_at_the_target():
    """The return of `Walk` is the number of its update."""
    trained = train(Walk(), ENV, 0, 1000, target_return=4)
    np.testing.assert_array_equal(trained.metrics["return"], [0, 1, 2, 3, 4])
    assert trained.learner.num_updates == 5

    def run(target):
        return train(Walk(), ENV, 0, 100, target_return=target)

    mapped = eqx.filter_vmap(run)(jnp.array([2.0, 4.0, np.inf]))
    np.testing.assert_array_equal(mapped.learner.num_updates, [3, 5, 10])
    returns = mapped.metrics["return"]
    np.testing.assert_array_equal(returns[0], [0, 1, 2] + 7 * [np.nan])
    np.testing.assert_array_equal(returns[2], np.arange(10))
    np.testing.assert_allclose(
        mapped.learner.weight[1], eqx.filter_jit(run)(4.0).learner.weight, rtol=1e-5
    )


@pytest.mark.parametrize("fails_in", [0, 3])
def test_what_is_not_finite_ends_training(fails_in, monkeypatch):
    monkeypatch.setattr(training, "_MAX_PIECE", 5)
    rows = []
    with pytest.raises(TrainingDiverged, match=f"after {10 * fails_in} steps") as error:
        train(Walk(fails_in=fails_in), ENV, 0, 100, log=rows.append)
    trained = error.value.trained
    assert trained.learner.num_updates == fails_in == len(trained.metrics["steps"])
    assert np.isfinite(trained.learner.weight).all() and len(rows) == fails_in
    good = train(Walk(), ENV, 0, 100, target_return=fails_in - 1) if fails_in else None
    if good is not None:
        assert_equal(trained.learner, good.learner)


def test_a_diverging_ppo_is_stopped():
    huge = float(jnp.finfo(jnp.zeros(()).dtype).max) ** 0.8
    ppo = PPO(reward_scale=huge, **SMALL)
    with pytest.raises(TrainingDiverged, match="PPO diverged") as error:
        ppo.train(ENV, 0, 10_000)
    agent = error.value.trained.agent
    weights = jax.tree.leaves(eqx.filter(agent, eqx.is_inexact_array))
    assert all(np.isfinite(x).all() for x in weights)


def test_every_update_is_logged_and_shown(capsys):
    rows = []
    trained = train(Walk(), ENV, 0, 55, log=rows.append, progress=True)
    assert [row["steps"] for row in rows] == [10, 20, 30, 40, 50, 60]
    assert all(type(row["steps"]) is int for row in rows)
    assert all(type(row["size"]) is float for row in rows)
    assert list(rows[0]) == list(trained.metrics) == [
        "steps", "return", "length", "size",
    ]  # fmt: skip
    np.testing.assert_array_equal([r["size"] for r in rows], trained.metrics["size"])
    assert all(math.isnan(row["length"]) for row in rows)
    written = capsys.readouterr().err
    assert "return 5.0" in written and "steps/s" in written and "60.0/60.0" in written


def test_the_progress_bar_changes_nothing(capsys):
    ppo = PPO(**SMALL)
    quiet, curve, _ = ppo.train(CartPole(), 0, 5 * 64)
    shown, same_curve, _ = ppo.train(CartPole(), 0, 5 * 64, progress=True)
    np.testing.assert_allclose(
        quiet.actor.layers[0].weight, shown.actor.layers[0].weight, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(curve["return"], same_curve["return"])
    written = capsys.readouterr().err
    assert "return" in written and "steps/s" in written and "320/320" in written


def test_nothing_left_to_do():
    trained = train(Walk(), ENV, 0, 30)
    again = train(Walk(), ENV, 0, 30, learner=trained.learner)
    assert_equal(again.learner, trained.learner)
    assert len(again.metrics["steps"]) == 0


def test_hyper_parameters_do_not_recompile():
    compiled = []

    def listen(event, duration, *, fun_name="", **_):
        del duration
        if "backend_compile" in event:
            compiled.append(fun_name)

    jax.clear_caches()
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        train(Walk(speed=1.0), ENV, 0, 20, target_return=1)
        first, compiled[:] = compiled.copy(), []
        train(Walk(speed=2.0), CartPole(gravity=5.0), 1, 500, target_return=3)
    finally:
        jax.monitoring.clear_event_listeners()
    assert {"jit(start)", "jit(run_updates)"} <= set(first)
    assert {"jit(start)", "jit(run_updates)"}.isdisjoint(compiled), compiled


def test_mistakes(unchecked):
    with pytest.raises(TypeError, match="algorithm must be an algorithm such as PPO"):
        train(PPO, ENV, 0, 10)
    with pytest.raises(TypeError, match="env must be an environment; got 3"):
        train(Walk(), 3, 0, 10)
    with pytest.raises(ValueError, match="num_steps must be at least 1; got 0"):
        train(Walk(), ENV, 0, 0)
    for wrong in (math.nan, "5", True, np.ones(2)):
        with pytest.raises((TypeError, ValueError), match="target_return must be"):
            train(Walk(), ENV, 0, 10, target_return=wrong)
    for wrong in (-1, math.nan, "5"):
        with pytest.raises(ValueError, match="checkpoint_seconds must be a number, at"):
            train(Walk(), ENV, 0, 10, checkpoint_seconds=wrong)
    with pytest.raises(ValueError, match=r"`progress` works only outside"):
        jax.jit(lambda: train(Walk(), ENV, 0, 10, progress=True).learner.weight)()
    with pytest.raises(
        TypeError, match=r"Walk must leave `learner.weight` an array of"
    ):
        train(Walk(mistake="shape"), ENV, 0, 10)
    with pytest.raises(
        TypeError, match="metrics of the update of Walk must be scalars"
    ):
        train(Walk(mistake="metrics"), ENV, 0, 10)


def test_a_learner_of_something_else_is_refused(unchecked):
    ppo = PPO(**SMALL)
    learner = train(ppo, ENV, 0, ppo.steps_per_update).learner
    others = [
        (
            PPO(**{**SMALL, "num_envs": 4}),
            ENV,
            learner,
            rf"states.x` must be {learner.states.x.dtype}\[4",
        ),
        (ppo, Pendulum(), learner, "must come from training PPO in Pendulum"),
        (Walk(), ENV, learner, "Walk in CartPole with the same settings; got a PPO"),
        (ppo, ENV, 3, "got 3"),
    ]
    for algorithm, env, other, message in others:
        with pytest.raises((TypeError, ValueError), match=message):
            train(algorithm, env, 0, 1_000, learner=other)


def test_both_precisions(either_precision):
    trained = train(Walk(), ENV, 0, 30, target_return=5)
    dtype = np.float64 if either_precision else np.float32
    assert trained.metrics["size"].dtype == trained.learner.weight.dtype == dtype
    assert trained.metrics["steps"].dtype == np.int64
    mapped = eqx.filter_vmap(lambda k: train(Walk(), ENV, k, 30))(
        jr.split(jr.key(0), 2)
    )
    assert mapped.metrics["size"].dtype == dtype
