"""Scores beside those of bsuite's own analysis, which reads the same files."""

import types

import numpy as np
import pandas as pd
import pytest

from eqenvs.sweeps.bsuite import abilities, EXPERIMENTS, load, scores, settings, TAGS
from eqenvs.sweeps.bsuite._counting import columns_of, logged_episodes
from eqenvs.sweeps.bsuite._files import plot_radar, write_report, write_rows


@pytest.fixture(scope="module")
def originals():
    """bsuite's analysis. It needs an older pandas and matplotlib than it asks for."""
    patch = pytest.MonkeyPatch()
    patch.setattr(
        pd.Series,
        "append",
        lambda self, other: pd.concat([self, other]),
        raising=False,
    )
    from bsuite.experiments import summary_analysis
    from bsuite.logging import csv_load

    yield types.SimpleNamespace(summary=summary_analysis, csv_load=csv_load)
    patch.undo()


# What an episode adds to each count at most, for an agent with a skill from 0 to 1.
_PER_EPISODE = {
    "cartpole": {"raw_return": lambda skill: 1000 * skill},
    "cartpole_swingup": {
        "raw_return": lambda skill: 700 * skill,
        "total_return": lambda skill: 700 * skill,
        "total_upright": lambda skill: 800 * skill,
    },
    "mountain_car": {"raw_return": lambda skill: -1000 + 900 * skill},
    "discounting_chain": {"total_return": lambda skill: 1 + 0.1 * skill},
    "memory": {"total_perfect": lambda skill: 0.5 + 0.5 * skill},
    "deep_sea": {"total_bad_episodes": lambda skill: 1 - 0.4 * skill},
    "umbrella": {"total_regret": lambda skill: 1.2 - skill},
    "bandit": {"total_regret": lambda skill: 0.6 - 0.5 * skill},
    "catch": {"total_regret": lambda skill: 1.7 - 1.6 * skill},
    "mnist": {"total_regret": lambda skill: 1.9 - 1.7 * skill},
}


def write_made_up_results(folder, fraction):
    """Files as of a sweep, with every skill from none to all, and something of both."""
    random = np.random.RandomState(0)
    for setting in settings():
        episodes = logged_episodes(int(setting.num_episodes * fraction))
        family = max(
            (f for f in _PER_EPISODE if setting.experiment.startswith(f)), key=len
        )
        rates = {**_PER_EPISODE[family]}
        skill = random.beta(0.6, 0.6)
        rows = []
        for n in episodes:
            row = []
            for name in columns_of(setting.experiment):
                if name == "episode":
                    row.append(n)
                elif name == "best_episode":
                    row.append(1000 * skill * random.uniform(0.1, 1))
                else:
                    rate = rates.get(name, lambda skill: 1.0)(skill)
                    row.append(np.float32(rate * n * random.uniform(0.97, 1.03)))
            rows.append(row)
        write_rows(folder, setting, np.array(rows, np.float32))


@pytest.mark.parametrize("fraction", [1.0, 0.1])
def test_scores_are_those_of_bsuite(fraction, tmp_path, originals):
    write_made_up_results(tmp_path, fraction)
    ours = scores(load(tmp_path))
    assert tuple(ours) == EXPERIMENTS
    frame, _ = originals.csv_load.load_bsuite(str(tmp_path))
    theirs = originals.summary._bsuite_score_single(
        frame, originals.summary.BSUITE_INFO
    )
    theirs["score"] = theirs["score"].astype(float)
    expected = dict(zip(theirs["bsuite_env"], theirs["score"], strict=True))
    assert set(expected) == set(EXPERIMENTS)
    for name, score in ours.items():
        if name.startswith("mnist") and fraction < 1:
            assert np.isnan(expected[name]) and 0 < score < 1
            continue
        assert score == pytest.approx(expected[name], abs=1e-6), name
    # Most scores are not at their ends, where a wrong rule would not show.
    assert sum(0 < score < 1 for score in ours.values()) >= 18
    if fraction == 1:
        by_tag = originals.summary._summarize_single_by_tag(
            theirs, list(originals.summary.ALL_TAGS), "tags"
        )
        expected = dict(zip(by_tag["tag"], by_tag["score"], strict=True))
        assert abilities(ours) == pytest.approx(expected)
        assert set(TAGS) == set(expected)


def test_scores_of_some_experiments():
    results = {
        "catch/3": {
            "episode": np.array([1.0, 10_000.0]),
            "total_regret": np.array([2.0, 4000.0]),
        }
    }
    assert scores(results) == {"catch": pytest.approx(0.75)}
    found = abilities(scores(results))
    assert found["basic"] == found["credit_assignment"] == pytest.approx(0.75)
    assert np.isnan(found["memory"])


def test_the_report_and_the_radar(tmp_path):
    for setting in settings()[:20]:
        columns = columns_of(setting.experiment)
        row = np.ones((1, len(columns)), np.float32)
        row[0, columns.index("episode")] = 10_000
        row[0, columns.index("total_regret")] = 2500
        write_rows(tmp_path, setting, row)
    write_report(tmp_path, "Agent", {"seed": 7}, "A note.")
    text = (tmp_path / "report.md").read_text()
    assert "| bandit | 0.500 | 20 | basic |" in text
    assert "| memory | no results |" in text
    assert "A note." in text and "| seed | 7 |" in text
    assert (tmp_path / "radar.png").read_bytes().startswith(b"\x89PNG")
    plot_radar(
        tmp_path / "two.png",
        {name: dict.fromkeys(TAGS, x) for name, x in (("a", 0.2), ("b", 1.0))},
    )
    assert not list(tmp_path.glob(".*"))


def test_damaged_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no bsuite results"):
        load(tmp_path)
    path = tmp_path / "bsuite_id_-_catch-3.csv"
    for text in ("", "episode\n", "steps,total_regret\n1,2\n", "episode\n1\n2,3\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"catch-3\.csv is not"):
            load(tmp_path)
