import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tomllib

import jax.numpy as jnp
import pytest

import eqenvs
from eqenvs import agents
from eqenvs.cli import main
from eqenvs.cli._arguments import gather_assignments


# The folder that `eqenvs` is imported from, wherever the command runs.
ROOT = pathlib.Path(eqenvs.__file__).parents[1]
VARIABLES = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT)}


def run(*arguments, cwd=None, code=None):
    """The command in a process of its own: its exit status, output and errors."""
    start = ["-m", "eqenvs"] if code is None else ["-c", code]
    result = subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=VARIABLES,
    )
    return result.returncode, result.stdout, result.stderr


def call(*arguments, cwd):
    """The command in this process, which is quick: its exit status, output, errors."""
    output, errors = io.StringIO(), io.StringIO()
    status = 0
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["eqenvs", *map(str, arguments)])
        patch.setenv("COLUMNS", "200")
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    if isinstance(status, str):  # As Python does with a message.
        print(status, file=errors)
        status = 1
    return status, output.getvalue(), errors.getvalue()


def test_list():
    status, output, _ = run("list")
    assert status == 0
    assert [line.split()[0] for line in output.splitlines()] == [*eqenvs.registered()]
    assert "CartPole-v1                Balance a pole on a cart." in output


def test_info_of_an_algorithm():
    status, output, _ = call("info", "pqn", cwd=".")
    assert call("info", "PQN", cwd=".")[1].lower() == output.lower()
    assert status == 0 and output.startswith("pqn: The parallelized Q-network")
    assert "q_lambda = 0.65" in output and "0 trusts the action values" in output


def test_assignments_are_gathered():
    given = "train A --agent.num-envs 8 --seed 1 --agent.torso=mlp --env.gravity 3"
    expected = "train A --seed 1 --agent num_envs=8 torso=mlp --parameters gravity=3"
    assert gather_assignments(given.split()) == expected.split()
    given = "train A --parameters a=1 b=2 --agent c=3 --seed 1 --env.d -4"
    expected = "train A --seed 1 --agent c=3 --parameters a=1 b=2 d=-4"
    assert gather_assignments(given.split()) == expected.split()


def test_info():
    status, output, _ = call("info", "CartPole-v1", cwd=".")
    assert status == 0
    assert "Observation: four numbers." in output and "gravity = 9.8 [m/s²]" in output
    assert (
        "\n  0      position of the cart            m      ± 2 x_threshold\n" in output
    )
    assert not any(sign in output for sign in ("**", "`", "|", "]["))
    assert (
        "Acceleration due to gravity." in output and "'semi-implicit euler'" in output
    )


def test_info_shows_the_defaults_of_the_id():
    assert "max_steps = 200\n" in call("info", "CartPole-v0", cwd=".")[1]
    blackjack = call("info", "Blackjack-v1", cwd=".")[1]
    assert "sab = True\n" in blackjack and "(no limit)\n" in blackjack


def test_version():
    assert run("--version") == (0, f"eqenvs {eqenvs.__version__}\n", "")


def test_the_script_is_the_same_command():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"eqenvs": "eqenvs.cli:main"}


def test_output_that_is_not_read_to_the_end_is_no_error():
    code = "import sys; sys.stdin.readline(); from eqenvs.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "list"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=VARIABLES,
    )
    process.stdout.close()  # Before the command writes to it.
    _, errors = process.communicate("go\n")
    assert (process.returncode, errors) == (0, "")


WITHOUT = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from eqenvs.cli import main
main()
"""


@pytest.mark.parametrize(
    "package, arguments",
    [
        ("tyro", ()),
        ("tyro", ("list",)),
        ("optax", ("train", "CartPole-v1")),
        ("matplotlib", ("train", "CartPole-v1")),
    ],
)
def test_without_the_extras(package, arguments, tmp_path):
    code = WITHOUT.format(package=package)
    status, output, errors = run(*arguments, code=code, cwd=tmp_path)
    assert (status, output) == (1, "")
    [line] = errors.splitlines()
    assert package in line and 'pip install "eqenvs[cli]"' in line
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "package, extra, arguments",
    [
        ("evosax", "evolution", ("CartPole-v1", "--algorithm", "es")),
        ("gymnasium", "gymnasium", ("gymnasium:CartPole-v1",)),
    ],
)
def test_without_the_extra_of_one_thing(package, extra, arguments, tmp_path):
    code = WITHOUT.format(package=package)
    arguments = ("train", *arguments)
    status, output, errors = run(*arguments, code=code, cwd=tmp_path)
    assert (status, output) == (1, "")
    [line] = errors.splitlines()
    assert line.startswith("eqenvs: ") and "pip install" in line
    assert f"eqenvs[{extra}]" in line


def test_the_version_needs_no_extra():
    status, output, _ = run("--version", code=WITHOUT.format(package="tyro"))
    assert status == 0 and output.startswith("eqenvs ")


def test_train_and_evaluate(tmp_path):
    arguments = ("train", "CartPole-v1", "--num-steps", "9000", "--num-episodes", "7")
    status, output, errors = run(*arguments, cwd=tmp_path)
    assert status == 0, errors
    assert "7 evaluation episodes: mean return" in output
    folder = tmp_path / "runs" / "CartPole-v1-seed0"
    assert sorted(p.name for p in folder.iterdir()) == [
        "learner.eqx", "learning_curve.png", "metrics.csv", "run.json",
    ]  # fmt: skip
    record = json.loads((folder / "run.json").read_text())
    assert record["id"] == "CartPole-v1" and record["num_steps"] == 9000
    assert record["versions"]["eqenvs"] == eqenvs.__version__
    assert record["versions"].keys() == {"eqenvs", "jax", "jaxlib", "equinox"}
    status, again, errors = run(
        "evaluate", "runs/CartPole-v1-seed0", "--num-episodes", "7", cwd=tmp_path
    )
    assert status == 0, errors
    assert again.strip() in output  # The same agent, episodes and seed.


def test_another_algorithm(tmp_path):
    """One of the library's; and one of the user's, with its own agent."""
    status, output, errors = call(
        "train", "CartPole-v1", "--algorithm", "pqn", "--num-steps", 64,
        "--num-episodes", 2, "--agent.num-envs", 8, "--agent.rollout-steps=8",
        "--agent.layer-norm", "False", "--env.gravity", 3, "--env.max-steps", 9,
        cwd=tmp_path,
    )  # fmt: skip
    assert status == 0, errors
    assert output.startswith("PQN(") and "gravity=3." in output
    record = json.loads((tmp_path / "runs/CartPole-v1-seed0/run.json").read_text())
    assert record["algorithm"]["num_envs"] == 8
    assert record["algorithm"]["layer_norm"] is False
    assert record["algorithm"]["q_lambda"] == 0.95  # known to work for this one
    assert record["environment"]["gravity"] == 3


def test_an_agent_with_a_memory(tmp_path):
    status, output, errors = call(
        "train", "MemoryChain-bsuite", "--algorithm", "a2c", "--num-steps", 64,
        "--num-episodes", 2, "--agent.num-envs", 2, cwd=tmp_path,
    )  # fmt: skip
    assert status == 0, errors
    record = json.loads(
        (tmp_path / "runs/MemoryChain-bsuite-seed0/run.json").read_text()
    )
    assert record["algorithm"]["memory"] == "gru"  # known to work for this one
    assert "2 evaluation episodes" in output


def test_an_algorithm_of_the_user(tmp_path):
    source = (ROOT / "tests" / "agents" / "walk.py").read_text()
    (tmp_path / "mine.py").write_text(source)
    given = ("--num-steps", 20, "--num-episodes", 2, "--agent.speed", 2.5)
    status, output, errors = run(
        "train", "CartPole-v1", "--algorithm", "mine:Walk", *given, cwd=tmp_path
    )
    assert status == 0, errors
    assert output.startswith("Walk(speed=2.5") and "2 evaluation episodes" in output
    folder = "runs/CartPole-v1-seed0"
    status, again, errors = run("evaluate", folder, "--num-episodes", 2, cwd=tmp_path)
    assert status == 0, errors
    assert again.strip() in output
    status, _, errors = run(
        "train", "--resume", folder, "--num-steps", 40, cwd=tmp_path
    )
    assert status == 0, errors


MINE = """
from eqenvs import CartPole

def short_pole(length=0.2):
    \"\"\"A CartPole that falls fast.\"\"\"
    return CartPole(pole_half_length=length)

on_mars = CartPole(gravity=3.7)

def unseen():
    from eqenvs.adapters import from_gymnasium
    return from_gymnasium("CartPole-v1")
"""


def test_an_environment_of_the_user(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    status, output, _ = run("info", "mine:short_pole", cwd=tmp_path)
    assert status == 0 and "A CartPole that falls fast." in output
    status, output, _ = run("info", "mine:on_mars", cwd=tmp_path)
    assert status == 0 and "Observation: four numbers." in output
    arguments = ("--num-steps", 4_096, "--num-episodes", 1, "--env.length", 0.3)
    status, output, errors = run("train", "mine:short_pole", *arguments, cwd=tmp_path)
    assert status == 0, errors
    assert "pole_half_length=0.3" in output and "1 evaluation episode: " in output
    arguments = ("--num-envs", 5, "--num-steps", 5, "--repeats", 1)
    status, output, errors = run("bench", "mine:short_pole", *arguments, cwd=tmp_path)
    assert status == 0 and "\nmine:short_pole " in output, errors
    status, _, errors = run("play", "mine:unseen", "--no-browser", cwd=tmp_path)
    assert status == 1 and "has no picture: it does not define `draw`" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("info", "CartPole"), "Did you mean 'CartPole-v1'"),
        (("info", "pqm"), "no algorithm with the id 'pqm'. Did you mean 'pqn'"),
        (("info", "nowhere:Mine"), "'nowhere:Mine' cannot be imported: No module"),
        (("bsuite", "--agent", "randm"), "Did you mean 'random'?"),
        (
            ("bsuite", "--experiments", "catch", "--skip", "catch"),
            "--skip catch leaves no experiment",
        ),
        (("train", "Cartpole-v1"), "Did you mean 'CartPole-v1'"),
        (("train", "CartPole-v1", "--num-steps", "0"), "num_steps must be at least 1"),
        (
            ("train", "CartPole-v1", "--num-episodes", "0"),
            "num_episodes must be at least 1",
        ),
        (("train", "CartPole-v1", "--seed", 2**64), "got 18446744073709551616"),
        (("train", "CartPole-v1", "--output", "file"), "file: Not a directory"),
        (("train", "CartPole-v1", "--output", "/proc/x"), "/proc/x: No such file"),
        (("train", "CartPole-v1", "--num-envs", "0"), "num_envs must be"),
        (("train", "CartPole-v1", "--parameters", "gravty=3"), "gravity"),
        (("train", "CartPole-v1", "--parameters", "gravity=nan"), "a real number"),
        (("train", "CartPole-v1", "--parameters", "gravity"), "given as name=value"),
        (
            ("train", "CartPole-v1", "--parameters", "gravity=1", "gravity=2"),
            "given twice",
        ),
        (
            ("train", "CartPole-v1", "--algorithm", "PQN"),
            "Did you mean 'pqn'? The algorithms are ppo, ",
        ),
        (
            ("train", "CartPole-v1", "--algorithm", "nowhere:Mine"),
            "'nowhere:Mine' cannot be imported: No module named 'nowhere'",
        ),
        (
            ("train", "CartPole-v1", "--algorithm", "eqenvs:CartPole"),
            "must be a subclass of eqenvs.agents.AbstractAlgorithm",
        ),
        (
            ("train", "CartPole-v1", "--algorithm", "pqn", "--agent.gae-lambda", 1),
            "PQN has no parameter 'gae_lambda'. Did you mean 'q_lambda'",
        ),
        (
            ("train", "CartPole-v1", "--agent.num-envs"),
            "--agent.num-envs needs a value",
        ),
        (("train", "CartPole-v1", "--env.gravty=3"), "gravity"),
        (
            ("train", "CartPole-v1", "--wrappers", "FrameStak", "num_frames=2"),
            "there is no wrapper 'FrameStak'. Did you mean 'FrameStack'?",
        ),
        (
            ("train", "CartPole-v1", "--wrappers", "FrameStack", "frames=2"),
            "FrameStack has no parameter 'frames'. Did you mean 'num_frames'",
        ),
        (
            ("train", "CartPole-v1", "--wrappers", "num_frames=2"),
            "must begin with the name of a wrapper; got 'num_frames=2'",
        ),
        (
            ("train", "CartPole-v1", "--wrappers", "NormalizeObservation"),
            "training does not update the statistics of NormalizeObservation",
        ),
        (
            ("train", "CartPole-v1", "--wrappers", "nowhere:Mine"),
            "'nowhere:Mine' cannot be imported: No module named 'nowhere'",
        ),
        (
            ("train", "CartPole-v1", "--wrappers", "eqenvs:CartPole"),
            "must be a subclass of eqenvs.wrappers.AbstractWrapper",
        ),
        (
            ("train", "Pendulum-v1", "--algorithm", "pqn"),
            "FlattenAction and Discretize",
        ),
        (("evaluate", "nowhere"), "there is no saved agent in nowhere"),
        (("evaluate", ".", "--num-episodes", "0"), "num_episodes must be at least 1"),
        (("evaluate", ".", "--seed", 2**64), "got 18446744073709551616"),
    ],
)
def test_mistakes(arguments, message, tmp_path):
    (tmp_path / "file").write_text("")
    status, output, errors = call(*arguments, cwd=tmp_path)
    assert (status, output) == (1, "")
    [line] = errors.splitlines()
    assert message in line and line.startswith("eqenvs: ")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "arguments", [(), ("play",), ("train",), ("train", "CartPole-v1", "--seed", "x")]
)
def test_mistakes_of_usage(arguments, tmp_path):
    status, output, errors = call(*arguments, cwd=tmp_path)
    assert (status, output) == (2, "")
    assert "eqenvs" in errors and "Traceback" not in errors


TRAIN = """
import sys
from eqenvs import agents

{prepare}
from eqenvs.cli import main
sys.argv = ["eqenvs", "train", "CartPole-v1", "--num-steps", "4096"]
main()
"""


def test_an_agent_is_saved_before_it_is_evaluated(tmp_path):
    prepare = """
import eqenvs.cli._report
def fail(*_):
    raise ValueError("the evaluation failed")
eqenvs.cli._report.evaluate = fail
"""
    status, _, errors = run(code=TRAIN.format(prepare=prepare), cwd=tmp_path)
    assert status == 1 and errors.endswith("eqenvs: the evaluation failed\n")
    folder = tmp_path / "runs" / "CartPole-v1-seed0"
    assert {p.name for p in folder.iterdir()} == {
        "learner.eqx", "learning_curve.png", "metrics.csv", "run.json",
    }  # fmt: skip
    assert "evaluation" not in json.loads((folder / "run.json").read_text())


def test_training_uses_parameters_known_to_work(tmp_path):
    status, _, errors = call(
        "train", "CartPoleSwingUp-bsuite", "--num-steps", 64, "--agent.num-envs", 8,
        "--agent.rollout-steps", 8, "--num-episodes", 1, "--env.gravity", 9.0,
        cwd=tmp_path,
    )  # fmt: skip
    assert status == 0, errors
    folder = tmp_path / "runs" / "CartPoleSwingUp-bsuite-seed0"
    environment = json.loads((folder / "run.json").read_text())["environment"]
    assert environment["initial_bound"] == 3.0 and environment["gravity"] == 9.0


def test_an_interrupted_training_leaves_no_folder(tmp_path):
    prepare = """
def interrupt(*_, **__):
    raise KeyboardInterrupt
agents.PPO.train = interrupt
"""
    status, _, errors = run(code=TRAIN.format(prepare=prepare), cwd=tmp_path)
    assert (status, errors) == (130, "eqenvs: interrupted.\n")
    assert [*(tmp_path / "runs").iterdir()] == []


def test_an_interrupted_training_goes_on(tmp_path):
    prepare = """
train = agents.PPO.train
def interrupt(row):
    raise KeyboardInterrupt
agents.PPO.train = lambda *args, **options: train(*args, **options | {"log": interrupt})
"""
    status, _, errors = run(code=TRAIN.format(prepare=prepare), cwd=tmp_path)
    folder = pathlib.Path("runs", "CartPole-v1-seed0")
    assert status == 130 and f"is saved in {folder}" in errors
    assert errors.endswith(f"To continue: eqenvs train --resume {folder}\n")
    arguments = ("--resume", folder, "--num-episodes", 2)
    status, output, errors = call(
        "train", *arguments, "--num-steps", 8192, cwd=tmp_path
    )
    assert status == 0, errors
    assert "2 evaluation episodes" in output and f"in {folder}" in output
    record = json.loads((tmp_path / folder / "run.json").read_text())
    assert (record["status"], record["steps"]) == ("finished", 8192)
    assert record["evaluation"]["num_episodes"] == 2
    status, _, errors = call("train", *arguments, "--learning-rate", 0.1, cwd=tmp_path)
    assert status == 1 and "keeps the run's learning_rate" in errors


def test_parameters_of_the_environment(tmp_path):
    arguments = ("--num-steps", 4096, "--num-episodes", 2, "--parameters")
    values = ("max_steps=3", "integrator=semi-implicit euler")
    status, output, errors = call(
        "train", "CartPole-v1", *arguments, *values, cwd=tmp_path
    )
    assert status == 0, errors
    assert "mean length 3.\n" in output
    status, again, _ = call(
        "evaluate", "runs/CartPole-v1-seed0", "--num-episodes", 2, cwd=tmp_path
    )
    assert again.strip() in output


def test_wrappers(tmp_path):
    arguments = ("--num-steps", 4096, "--num-episodes", 2, "--env.gravity", 3.7)
    wrappers = ("MaskObservation", "keep=[0, 2]", "FrameStack", "num_frames=3")
    status, output, errors = call(
        *("train", "CartPole-v1", "--wrappers", *wrappers, "TimeLimit", "max_steps=4"),
        *arguments,
        cwd=tmp_path,
    )
    assert status == 0, errors
    assert "in TimeLimit(" in output and "mean length 4.\n" in output
    env = agents.load(tmp_path / "runs/CartPole-v1-seed0").env
    assert env.observation_space.shape == (3, 2)
    assert env.env.env.env.gravity == jnp.asarray(3.7)
    status, again, _ = call(
        "evaluate", "runs/CartPole-v1-seed0", "--num-episodes", 2, cwd=tmp_path
    )
    assert again.strip() in output


SEEDS = """
import sys
from eqenvs import agents
from eqenvs.cli import main

train = agents.PPO.train
def interrupt(row):
    raise KeyboardInterrupt
def train_or_interrupt(self, env, key, *args, **options):
    options |= {{"log": interrupt}} if key == {interrupted} else {{}}
    return train(self, env, key, *args, **options)
agents.PPO.train = train_or_interrupt
sys.argv = ["eqenvs", "train", "CartPole-v1", "--seed", "5", "--seeds", "3",
            "--num-steps", "8192", "--num-episodes", "3", "--env.gravity", "3.7"]
main()
"""


def test_several_seeds_go_on_after_an_interruption(tmp_path):
    status, output, errors = run(code=SEEDS.format(interrupted=None), cwd=tmp_path)
    assert status == 0, errors
    assert "3 seeds: mean return " in output
    whole = tmp_path / "runs" / "CartPole-v1-seeds5-7"
    seeds = [f"CartPole-v1-seed{seed}" for seed in (5, 6, 7)]
    assert {path.name for path in whole.iterdir()} == {
        *("learning_curve.png", "seeds.json"),
        *seeds,
    }

    status, _, errors = run(code=SEEDS.format(interrupted=6), cwd=tmp_path)
    folder = pathlib.Path("runs", "CartPole-v1-seeds5-7-2")
    assert status == 130
    assert errors.endswith(f"To continue: eqenvs train --resume {folder}\n")
    assert not (tmp_path / folder / seeds[2]).exists()
    status, again, errors = call("train", "--resume", folder, cwd=tmp_path)
    assert status == 0, errors
    assert again.splitlines()[-1] == output.splitlines()[-1]
    for seed in seeds:
        for name in ("learner.eqx", "metrics.csv"):
            found, expected = (tmp_path / folder / seed / name, whole / seed / name)
            assert found.read_bytes() == expected.read_bytes()
    assert (tmp_path / folder / "learning_curve.png").is_file()

    status, _, errors = call("train", "--resume", folder, "--seeds", 2, cwd=tmp_path)
    assert status == 1 and "--resume keeps the seeds" in errors
    status, _, errors = call("train", "--resume", folder, "--seed", 2, cwd=tmp_path)
    assert status == 1 and "keeps the run's seed" in errors


def test_a_mistake_with_several_seeds_leaves_no_folder(tmp_path):
    status, _, errors = call(
        "train", "CartPole-v1", "--seeds", 2, "--env.gravty=3", cwd=tmp_path
    )
    assert status == 1 and "gravity" in errors
    assert [*(tmp_path / "runs").iterdir()] == []


def test_the_largest_seed(tmp_path):
    arguments = ("--num-steps", 4096, "--num-episodes", 1, "--seed", 2**64 - 1)
    status, _, errors = call("train", "CartPole-v1", *arguments, cwd=tmp_path)
    assert status == 0, errors
