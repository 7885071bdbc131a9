import importlib.util
import json
import math
import pathlib
import statistics
import subprocess
import sys
from typing import get_args

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from benchmarks import report, suite
from benchmarks.__main__ import Benchmarks, Section


needs_gymnax = pytest.mark.skipif(
    importlib.util.find_spec("gymnax") is None, reason="gymnax is not installed"
)


ROOT = pathlib.Path(__file__).parent.parent


def run(*arguments):
    """The command in a process of its own: its exit code, output and errors."""
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return result.returncode, result.stdout, result.stderr


@needs_gymnax
@pytest.mark.slow
def test_results_follow_from_the_times(tmp_path):
    id = "DiscountingChain-bsuite"
    arguments = (id, "MNISTBandit-bsuite", "--quick", "--repeats", "3")
    code, output, errors = run(*arguments, "--output", tmp_path / "new" / "folder")
    assert code == 0, errors
    folder = tmp_path / "new" / "folder"
    names = ["results.json", "results.md", "results.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert (folder / "results.png").read_bytes().startswith(b"\x89PNG")
    results = json.loads((folder / "results.json").read_text())
    assert {"date", "machine", "versions", "keys", "wall_seconds"} <= results.keys()
    assert {"python", "jax", "jaxlib", "equinox", "eqenvs", "gymnax", "numpy"} <= (
        results["versions"].keys()
    )
    assert results["machine"]["cpu"] and results["machine"]["cores"] >= 1
    keys = results["keys"]
    assert keys["gymnax"] == keys["vmap"] == keys["vector"] == "threefry2x32"
    assert keys["fast"] != "threefry2x32"

    found = results["throughput"][id]
    steps = found["num_envs"] * found["num_steps"]
    seconds = found["seconds"]
    assert all(len(times) == 3 for times in seconds.values())
    median = {name: statistics.median(times) for name, times in seconds.items()}
    for name in ("vmap", "vector", "fast"):
        ratio = median["gymnax"] / median[name]
        assert math.isclose(found["times_gymnax"][name], ratio)
        assert math.isclose(found["steps_per_second"][name], steps / median[name])
        turns = [a / b for a, b in zip(seconds["gymnax"], seconds[name], strict=True)]
        assert found["times_gymnax_range"][name] == [min(turns), max(turns)]
        assert f"{ratio:.2f} ({min(turns):.2f}-{max(turns):.2f})" in output

    assert found["use"] == "kept" and found["uses"].keys() == {"kept"}
    found = results["network"][id]
    assert 0.1 < found["times_gymnax"]["vector"] < 10  # The network is the most of it.

    found = results["compile"][id]
    for name, ratio in found["to_gymnax"].items():
        assert math.isclose(ratio, found["seconds"][name] / found["seconds"]["gymnax"])

    for plan in results["memory"][id].values():
        assert plan["total"] == (
            plan["arguments"] + plan["outputs"] + plan["temporaries"]
        )
        assert plan["arguments"] >= 4 * steps  # The actions.

    found = results["lanes"][id]
    assert {*found["vector"]} == {"1", "1000", "100000"}
    for each in (*found["vector"].values(), *found["gymnax"].values()):
        cost = statistics.median(each["seconds"]) / each["steps"]
        assert math.isclose(each["seconds_per_step"], cost)
    cost = {n: each["seconds_per_step"] for n, each in found["vector"].items()}
    assert math.isclose(found["cost_100000_to_1000"], cost["100000"] / cost["1000"])
    assert cost["1"] > cost["1000"]

    found = results["overhead"][id]
    per_call = found["seconds_per_call"]
    assert math.isclose(found["to_gymnax"], per_call["eqenvs"] / per_call["gymnax"])
    for name, times in found["seconds"].items():
        assert math.isclose(per_call[name], statistics.median(times) / found["calls"])

    assert {*results["import"]["seconds"]} == {
        "jax", "jax, equinox", "eqenvs", "gymnax",
    }  # fmt: skip
    assert results["others"] == {id: []}
    assert "Left out: MNISTBandit-bsuite: gymnax downloads its data set" in output
    took = results["section_seconds"]
    assert {*took} == {*get_args(Section)}
    assert sum(took.values()) <= results["wall_seconds"]
    page = (folder / "results.md").read_text()
    assert all(line in page for line in results["left_out"])


@needs_gymnax
@pytest.mark.slow
def test_what_would_begin_too_late_is_left_out(tmp_path):
    arguments = ("DeepSea-bsuite", "--quick", "--sections", "overhead", "--minutes")
    code, output, errors = run(*arguments, 1e-6, "--output", tmp_path)
    assert code == 0, errors
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["overhead"] == {}
    assert "overhead of DeepSea-bsuite: the 1e-06 minutes were over." in output


@needs_gymnax
@pytest.mark.slow
def test_others(tmp_path):
    arguments = ("CartPole-v1", "--quick", "--sections", "others")
    code, output, errors = run(*arguments, "--output", tmp_path)
    assert code == 0, errors
    results = json.loads((tmp_path / "results.json").read_text())
    assert not (tmp_path / "results.png").exists()  # Nothing to draw.
    peers = {
        "gymnasium": "gymnasium sync", "minatar": None, "pgx": None,
        "pgx_minatar": None, "envpool": "envpool",
    }  # fmt: skip
    found = {each["peer"]: each for each in results["others"]["CartPole-v1"]}
    for module, name in peers.items():
        package = module.replace("_", "-")
        is_installed = importlib.util.find_spec(module) is not None
        left_out = f"Left out: {package}: it is not installed." in output
        assert left_out != is_installed
        assert (name in found) == (is_installed and name is not None)
    for each in found.values():
        theirs = each["steps"] / statistics.median(each["seconds"])
        ours = each["eqenvs_steps"] / statistics.median(each["eqenvs_seconds"])
        assert math.isclose(each["times_peer"], ours / theirs)


@needs_gymnax
@pytest.mark.parametrize(
    "arguments, message",
    [
        (("CartPole-v1", "Cartpole-v1"), "Did you mean 'CartPole-v1'"),
        (("MNISTBandit-bsuite",), "there is nothing to measure. MNISTBandit-bsuite"),
        (("CartPole-v1", "--repeats", "0"), "repeats must be at least 1"),
        (("CartPole-v1", "--minutes", "-1"), "minutes must be positive; got -1.0"),
    ],
)
def test_mistakes_are_found_before_anything_runs(arguments, message, tmp_path):
    code, output, errors = run(*arguments, "--output", tmp_path / "folder")
    assert code == 1
    assert message in errors and "Traceback" not in errors and "part" not in errors
    assert output == "" and not (tmp_path / "folder").exists()


def test_what_is_not_installed(monkeypatch, tmp_path):
    find_spec = importlib.util.find_spec

    def pretend(name, *args):
        return None if name == "gymnax" else find_spec(name, *args)

    monkeypatch.setattr(importlib.util, "find_spec", pretend)
    with pytest.raises(ValueError, match=r"pip install -e .*bench"):
        Benchmarks(output=tmp_path / "folder").run()
    assert not (tmp_path / "folder").exists()


def test_an_interruption_shows_what_there_is_and_replaces_nothing(
    monkeypatch, tmp_path, capsys
):
    from benchmarks import suite
    from benchmarks.case import CONTESTANTS

    def memory(case, settings, left_out):
        if case.id == "Pendulum-v1":
            raise KeyboardInterrupt
        parts = dict.fromkeys(("arguments", "outputs", "temporaries", "total"), 1000)
        return dict.fromkeys(CONTESTANTS, parts)

    monkeypatch.setitem(suite.SECTIONS, "memory", memory)
    (tmp_path / "results.json").write_text("earlier")
    ids = ("CartPole-v1", "Pendulum-v1", "Acrobot-v1")
    was_cached = jax.config.values["jax_enable_compilation_cache"]
    try:
        with pytest.raises(SystemExit, match="interrupted; nothing was saved"):
            Benchmarks(ids, output=tmp_path, sections=("memory",)).run()
    finally:
        jax.config.update("jax_enable_compilation_cache", was_cached)
        compilation_cache.reset_cache()  # JAX looks again whether there is one.
    shown = capsys.readouterr().out
    assert "CartPole-v1" in shown
    assert "Acrobot-v1" not in shown
    assert "the measurement was interrupted" in shown
    assert (tmp_path / "results.json").read_text() == "earlier"
    assert len([*tmp_path.iterdir()]) == 1


def test_means_with_and_without_outliers():
    ratios = {"CartPole-v1": 2.0, "Pendulum-v1": 8.0, "SimpleBandit-bsuite": 500.0}
    each = {id: dict.fromkeys(report.WAYS, x) for id, x in ratios.items()}
    assert report.means("times", each) == [
        "Geometric means of 3, times: vmap 20.00, vector 20.00, fast 20.00.",
        "Geometric means of 2 without SimpleBandit-bsuite, times: vmap 4.00, "
        "vector 4.00, fast 4.00.",
    ]


def test_tables_line_up_and_name_what_is_not_flat():
    def costs(small, large):
        cost = {"1000": small, "100000": large}
        vector = {n: {"seconds_per_step": x} for n, x in cost.items()}
        return {"vector": vector, "cost_100000_to_1000": large / small}

    found = {"CartPole-v1": costs(1e-8, 1.2e-8), "Pong-misc": costs(1e-7, 2e-7)}
    table = report.lanes({}, found)
    assert table.text().splitlines()[2:5] == [
        "environment    1k  100k  cost 100k/1k",
        "CartPole-v1   100  83.3          1.20",
        "Pong-misc    10.0  5.00          2.00",
    ]
    assert "Above 1.5: Pong-misc (2.00)." in table.markdown()
    assert "| Pong-misc | 10.0 | 5.00 | 2.00 |" in table.markdown()


def test_results_are_added_to_earlier_ones():
    def run(date, ids, figure):
        return {
            "date": date,
            "settings": {"ids": ids, "sections": ["memory"], "repeats": 5},
            "memory": dict.fromkeys(ids, figure),
            "section_seconds": {"memory": figure},
            "left_out": ["something."],
        }

    old = run("2026-01-01", ["Pong-misc", "Acrobot-v1"], 1)
    old |= {"import": {"seconds": 2}, "section_seconds": {"memory": 1, "import": 4}}
    old["left_out"] += ["memory of CartPole-v1: the 9.3 minutes were over."]
    both = suite.added(old, run("2026-02-02", ["CartPole-v1", "Acrobot-v1"], 8))
    again = suite.added(both, run("2026-03-03", ["CartPole-v1"], 9))
    assert both["memory"] == {"CartPole-v1": 8, "Acrobot-v1": 8, "Pong-misc": 1}
    assert both["import"] == {"seconds": 2}
    assert both["date"] == "2026-02-02" and both["left_out"] == ["something."]
    assert set(both["settings"]["ids"]) == {"CartPole-v1", "Acrobot-v1", "Pong-misc"}
    assert again["dates"] == {
        "import": {"seconds": "2026-01-01"},
        "memory": {
            "CartPole-v1": "2026-03-03",
            "Acrobot-v1": "2026-02-02",
            "Pong-misc": "2026-01-01",
        },
    }
