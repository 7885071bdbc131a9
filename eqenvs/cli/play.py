"""`eqenvs play`"""

import sys
from typing import Any

from .._checks import as_key
from .._parametric import described_fields, unknown_parameter
from .._registry import EnvironmentSpec, registered, spec
from ._arguments import Assignments, command, OptionalFolder, OptionalId, parse
from ._environments import find


@command
class Play:
    """Play an environment by hand, on a page in your browser."""

    id: OptionalId = None
    """The environment, such as CartPole-v1, or your own, written
    mymodule:MyEnvironment. With --agent, the default is the agent's environment."""
    agent: OptionalFolder = None
    """An agent that can take over: the folder of a run, such as runs/CartPole-v1-seed0,
    or the id of an environment whose agent comes with eqenvs, such as CartPole-v1. You
    then play in the environment it was trained in."""
    parameters: Assignments = ()
    """Parameters of the environment, such as gravity=3.7 pole_mass=0.2. `eqenvs info`
    lists them."""
    seed: int = 0
    """Seed for the random numbers."""
    port: int = 0
    """Port to listen on; 0 for any free port."""
    browser: bool = True
    """Open the page in a browser."""

    def run(self) -> None:
        try:
            from ..rendering.play import serve
        except ModuleNotFoundError as error:
            sys.exit(f"eqenvs: {error}")
        as_key(self.seed, "play")
        facts, env, agent = self._environment()
        serve(
            env,
            agent=agent,
            seed=self.seed,
            title=facts.id,
            frames_per_second=facts.frames_per_second,
            port=self.port,
            browser=self.browser,
        )

    def _environment(self) -> tuple[EnvironmentSpec, Any, Any]:
        parameters = parse(self.parameters)
        if self.agent is None:
            if self.id is None:
                print(
                    "eqenvs: which environment should be played? `eqenvs list` shows "
                    "them all.",
                    file=sys.stderr,
                )
                sys.exit(2)
            facts = find(self.id)
            return facts, facts.make(**parameters), None
        from ..agents import load
        from ..rendering.play._sliders import changed

        run = load(self.agent)
        env, id = run.env, run.record.get("id")
        if self.id is not None and self.id != id:
            raise ValueError(
                f"the agent in {self.agent} was trained in {id}, not in {self.id}. "
                f"Leave out {self.id}, or write {id} instead."
            )
        for name, value in parameters.items():
            env = changed(env, path_of(env, name), value)
        id = id or type(env).__name__
        facts = (
            spec(id) if id in registered() else EnvironmentSpec(id=id, entry_point="")
        )
        return facts, env, run.agent


def path_of(env: Any, name: str) -> list[str]:
    """The path to a parameter of an environment, or of one it wraps."""
    path, allowed, inside = [], [], env
    while inside is not None:
        described = described_fields(type(inside))
        if name in described and name != "env":
            return [*path, name]
        allowed += [other for other in described if other != "env"]
        inside, path = getattr(inside, "env", None), [*path, "env"]
    raise TypeError(unknown_parameter(type(env).__name__, name, allowed))
