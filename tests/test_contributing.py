"""The example of `CONTRIBUTING.md` runs as it is written."""

import pathlib
import re
import sys
import types

import eqenvs
from eqenvs.environments import mazes


ROOT = pathlib.Path(__file__).parent.parent


def test_adding_an_environment(monkeypatch):
    page = (ROOT / "CONTRIBUTING.md").read_text()
    module, family, test = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.setattr(eqenvs._registry, "_registry", dict(eqenvs._registry._registry))

    corridor = types.ModuleType("eqenvs.environments.mazes.corridor")
    monkeypatch.setitem(sys.modules, corridor.__name__, corridor)
    corridor.__package__ = mazes.__name__
    exec(module, corridor.__dict__)
    assert max(map(len, module.splitlines())) <= 88

    family_namespace = {**vars(mazes), "__name__": mazes.__name__}
    exec(family, family_namespace)
    assert isinstance(eqenvs.make("Corridor-misc", length=3), corridor.Corridor)
    assert "**Arguments:**" in corridor.Corridor.__doc__

    monkeypatch.setattr(mazes, "Corridor", corridor.Corridor, raising=False)
    namespace = {}
    exec(test, namespace)
    tests = [name for name in namespace if name.startswith("test_")]
    assert len(tests) == 2
    for name in tests:
        namespace[name]()
