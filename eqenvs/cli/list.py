"""`eqenvs list`"""

from dataclasses import dataclass

from .._registry import entry_point, registered


@dataclass
class List:
    """List the environments."""

    def run(self) -> None:
        for id in registered():
            summary = (entry_point(id).__doc__ or "").strip().splitlines()
            print(f"{id:26} {summary[0] if summary else ''}".rstrip())
