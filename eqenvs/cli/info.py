"""`eqenvs info`"""

from dataclasses import dataclass
from typing import Annotated

import tyro

from .._parameters import describe_default, parameters_of
from .._registry import entry_point


@dataclass
class Info:
    """Describe an environment: observations, actions, rewards and parameters."""

    id: Annotated[str, tyro.conf.Positional]
    """Which environment, such as CartPole-v1."""

    def run(self) -> None:
        cls = entry_point(self.id)
        doc = (cls.__doc__ or "").partition("**Arguments:**")[0].strip()
        print(f"{self.id}: {doc}")
        if not isinstance(cls, type):
            return
        print("\nParameters:")
        for name, field in parameters_of(cls).items():
            parameter = field.metadata["converter"]
            unit = f" [{parameter.unit}]" if parameter.unit else ""
            default = describe_default(field)
            print(f"  {name} = {default}{unit}")
            print(f"      {parameter.description} ({parameter.allowed})")
