"""Reads a compiled program: what does a step of its loop cost?"""

import functools as ft
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field


# They cost nothing when the program runs.
FREE = (
    "after-all", "bitcast", "constant", "get-tuple-element", "parameter", "tuple",
    "async-done", "async-update", "copy-done",
)  # fmt: skip
# Of an array that these read, only what they return is read.
SLICES = ("dynamic-slice", "gather", "slice")
BYTES = {"pred": 1, "bf16": 2, "c64": 8, "c128": 16, "token": 0}


@dataclass(frozen=True)
class Operation:
    """One line of a program.

    - `kind`: the name of the operation, such as `"fusion"`.
    - `type`: the type of its result.
    - `operands`: the names of its operands.
    - `attributes`: whatever follows them.
    - `is_root`: whether its result is that of the computation.
    """

    name: str
    kind: str
    type: str
    operands: tuple[str, ...]
    attributes: str
    is_root: bool

    def called(self, attribute: str) -> str:
        """The name of a computation that it runs; an empty string if there is none."""
        found = re.search(rf"\b{attribute}=%?([\w.\-]+)", self.attributes)
        return found.group(1) if found else ""

    @property
    def trips(self) -> int | None:
        """How many times a loop runs, if the compiler knows it."""
        found = re.search(r'"known_trip_count":\{"n":"(\d+)"', self.attributes)
        return int(found.group(1)) if found else None

    @property
    def cycles(self) -> int:
        """How many cycles it takes, by the compiler's own estimate for a TPU."""
        found = re.search(r'"estimated_cycles":"(\d+)"', self.attributes)
        return int(found.group(1)) if found else 0


@dataclass
class Cost:
    """What a computation costs.

    - `kernels`: how many kernels it launches; copies count.
    - `bytes`: how many bytes these read and write.
    - `cycles`: what a TPU's compiler estimates.
    - `waits`: the names of conditionals and of loops of unknown length, for which a GPU
        waits for the host.
    """

    kernels: int = 0
    bytes: int = 0
    cycles: int = 0
    waits: list[str] = field(default_factory=list)

    def add(self, other: "Cost", times: int = 1) -> None:
        self.kernels += times * other.kernels
        self.bytes += times * other.bytes
        self.cycles += times * other.cycles
        self.waits += other.waits


class Program:
    """A compiled program.

    - `computations`: its functions, by name, each a list of operations.
    - `entry`: the name of that which begins.
    """

    def __init__(self, text: str):
        self.computations: dict[str, list[Operation]] = {}
        self.entry = ""
        operations: list[Operation] = []
        for line in text.splitlines():
            if head := re.match(r"(ENTRY )?%?([\w.\-]+) \(.*\{$", line):
                operations = self.computations.setdefault(head.group(2), [])
                if head.group(1):
                    self.entry = head.group(2)
            elif line.startswith("  ") and (operation := _operation(line)):
                operations.append(operation)

    def loops(self) -> list[Operation]:
        """The loops that are not part of another."""
        return [x for x in self.computations[self.entry] if x.kind == "while"]

    def step(self) -> Cost:
        """What one turn costs of the loop that costs most, a whole rollout."""
        bodies = [self.cost(loop.called("body")) for loop in self.loops()]
        if not bodies:
            raise ValueError("the program has no loop.")
        return max(bodies, key=lambda cost: (cost.cycles, cost.kernels))

    def cost(self, computation: str) -> Cost:
        """What a computation costs, with whatever it runs."""
        total = Cost()
        operations = self.computations[computation]
        sizes = {x.name: size_of(x.type) for x in operations}
        for operation in operations:
            if operation.kind in FREE:
                continue
            if operation.kind == "while":
                if operation.trips is None:
                    total.waits.append(operation.name)
                total.add(self.cost(operation.called("body")), operation.trips or 1)
            elif operation.kind == "conditional":
                total.waits.append(operation.name)
            elif operation.kind == "call":
                total.add(self.cost(operation.called("to_apply")))
            else:
                total.add(Cost(1, self._bytes(operation, sizes), operation.cycles))
        return total

    def _bytes(self, operation: Operation, sizes: dict[str, int]) -> int:
        """How many bytes an operation reads and writes, given those of each value."""
        inner = self.computations.get(operation.called("calls"), [])
        if operation.kind != "fusion" or not inner:
            return sum(sizes[x] for x in (*operation.operands, operation.name))
        parameters = {
            int(x.operands[0]): x.name for x in inner if x.kind == "parameter"
        }
        read = sum(
            _bytes_read(inner, parameters[i], sizes[name])
            for i, name in enumerate(operation.operands)
        )
        return read + sum(_bytes_written(inner))


def _operation(line: str) -> Operation | None:
    head = re.match(r"\s+(ROOT )?%?([\w.\-]+) = ", line)
    if head is None:
        return None
    rest = line[head.end() :]
    end = _closing(rest) + 1 if rest.startswith("(") else rest.index(" ")
    type_, rest = rest[:end], rest[end:].strip()
    kind, _, _ = rest.partition("(")
    rest = rest[len(kind) :]
    end = _closing(rest)
    inside = re.sub(r"/\*.*?\*/", "", rest[1:end])
    operands = (
        (inside,) if kind == "parameter" else tuple(re.findall(r"%([\w.\-]+)", inside))
    )
    is_root = head.group(1) is not None
    return Operation(head.group(2), kind, type_, operands, rest[end + 1 :], is_root)


def _closing(text: str) -> int:
    """Where the parenthesis closes with which a text begins."""
    depth = 0
    for i, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return i
    raise ValueError(f"a parenthesis is not closed: {text}")


@ft.cache
def size_of(type_: str) -> int:
    """The number of bytes of an array, or of all arrays of a tuple."""
    total = 0
    for name, shape in re.findall(r"(\w+)\[([\d,]*)\]", type_):
        if name in BYTES:
            size = BYTES[name]
        elif bits := re.match(r"[suf](\d+)", name):
            size = math.ceil(int(bits.group(1)) / 8)
        else:
            size = 0
        total += size * math.prod(int(x) for x in shape.split(",") if x)
    return total


def _bytes_read(inner: list[Operation], name: str, size: int) -> int:
    """How many bytes a fusion reads of one of its operands."""
    total = 0
    for use, place in _uses(inner, name):
        if use.kind in SLICES and place == 0:
            total += size_of(use.type)
        elif use.kind == "dynamic-update-slice" and place == 0:
            continue  # in place
        else:
            return size
    return min(total, size)


def _uses(inner: list[Operation], name: str) -> Iterator[tuple[Operation, int]]:
    """Where a value goes, looking through changes of its shape; and as which
    operand."""
    for operation in inner:
        for place, operand in enumerate(operation.operands):
            if operand == name and operation.kind != "parameter":
                if operation.kind == "bitcast" and not operation.is_root:
                    yield from _uses(inner, operation.name)
                else:
                    yield operation, place


def _bytes_written(inner: list[Operation]) -> Iterator[int]:
    """How many bytes a fusion writes, of each of its results."""
    by_name = {x.name: x for x in inner}
    (root,) = (x for x in inner if x.is_root)
    results = [by_name[x] for x in root.operands] if root.kind == "tuple" else [root]
    for result in results:
        while result.kind == "bitcast":
            result = by_name[result.operands[0]]
        if result.kind == "dynamic-update-slice":
            yield size_of(by_name[result.operands[1]].type)
        else:
            yield size_of(result.type)
