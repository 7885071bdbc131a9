"""`eqenvs info`"""

from dataclasses import dataclass

from .._parametric import described_fields
from .._registry import spec
from ._algorithms import ALGORITHMS, find
from ._arguments import Id


@dataclass
class Info:
    """Describe an environment: observations, actions, rewards and parameters; or an
    algorithm and its hyperparameters."""

    id: Id
    """The environment, such as CartPole-v1, or the algorithm, such as ppo."""

    def run(self) -> None:
        cls = find(self.id) if self.id in ALGORITHMS else spec(self.id).factory
        doc = (cls.__doc__ or "").partition("**Arguments:**")[0].strip()
        print(f"{self.id}: {doc}")
        if not isinstance(cls, type):
            return
        print("\nParameters:")
        for name, field in described_fields(cls).items():
            parameter = field.parameter
            unit = f" [{parameter.unit}]" if parameter.unit else ""
            print(f"  {name} = {field.default_text}{unit}")
            print(f"      {parameter.description} ({parameter.allowed})")
