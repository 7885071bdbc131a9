import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqenvs._episodes import EpisodeStatistics
from eqenvs.agents._lanes import mean_episode


@pytest.mark.parametrize("lanes", [(), (3,), (2, 4)])
def test_episodes_are_counted(lanes, either_precision):
    """Against a plain Python loop over every lane."""
    generator = np.random.default_rng(0)
    rewards = generator.normal(size=(40, *lanes))
    ended = generator.random((40, *lanes)) < 0.2

    def body(statistics, step):
        return statistics.update(*step), None

    start = EpisodeStatistics.start(*lanes)
    end, _ = jax.lax.scan(body, start, (jnp.asarray(rewards, float), ended))
    for lane in np.ndindex(*lanes):
        episodes, current = [], []
        for reward, is_over in zip(rewards[:, *lane], ended[:, *lane], strict=True):
            current.append(reward)
            if is_over:
                episodes.append(current)
                current = []
        expected = sum(current), len(current), sum(episodes[-1]), len(episodes[-1])
        ours = (
            end.running_return[lane], end.running_length[lane],
            end.last_return[lane], end.last_length[lane],
        )  # fmt: skip
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)
    assert end.last_return.dtype == jnp.asarray(1.0).dtype


def test_the_mean_ignores_lanes_without_an_episode():
    statistics = EpisodeStatistics.start(3)
    assert np.isnan(mean_episode(statistics)).all()
    rewards = jnp.array([2.0, 4.0, 8.0])
    statistics = statistics.update(rewards, jnp.array([True, True, False]))
    np.testing.assert_array_equal(mean_episode(statistics), [3, 1])
