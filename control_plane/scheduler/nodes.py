"""The columns of the node table: one NumPy vector per property, one row per node, updated in place.

Rows are stable: a node keeps its row until it goes, then the row is reused. A free row has `alive` False and
nothing allocatable. Amounts are float64, which is exact for whole numbers below 2**53 (9 PB of memory) and
makes scores one pass without conversions. No I/O, clock or randomness.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from control_plane.scheduler.requests import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, amounts
from control_plane.scheduler.shape import Shape
from knarr.proto.kubernetes import core_v1_pb2 as core

Mask: TypeAlias = npt.NDArray[np.bool_]
Ids: TypeAlias = npt.NDArray[np.int32]
Rows: TypeAlias = npt.NDArray[np.intp]
Amount: TypeAlias = npt.NDArray[np.float64]

_FIRST_CAPACITY = 64
ABSENT = -1  # the value id of a node without the label
BASE_RESOURCES = (CPU, MEMORY, EPHEMERAL_STORAGE, PODS)
CPU_ROW, MEMORY_ROW, PODS_ROW = 0, 1, 3
_COLUMNS = (
    "alive",
    "unschedulable",
    "taint_set",
    "allocatable",
    "requested",
    "free",
    "scored_free",
    "divisor",
    "kinds",
    "names",
)


@dataclass(frozen=True, slots=True)
class Taint:
    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What matters of one node. Amounts: cpu in millis, the rest in units."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    unschedulable: bool
    allocatable: Mapping[str, int]
    images: Mapping[str, int]  # name -> bytes


def node_facts(node: core.Node) -> NodeFacts:
    """Read a Node object."""
    return NodeFacts(
        name=node.metadata.name,
        labels=dict(node.metadata.labels),
        taints=tuple(Taint(t.key, t.value, t.effect) for t in node.spec.taints),
        unschedulable=node.spec.unschedulable,
        allocatable=amounts(node.status.allocatable),
        images={name: image.sizeBytes for image in node.status.images for name in image.names},
    )


class LabelColumn:
    """One label key: the value of each node as a small id; ids of values that nobody has are reused."""

    def __init__(self, capacity: int) -> None:
        self.column: Ids = np.full(capacity, ABSENT, np.int32)
        self.ids: dict[str, int] = {}
        self.values: list[str] = []
        self._users: list[int] = []
        self._free: list[int] = []

    def set(self, row: int, value: str | None) -> None:
        """Give the node in `row` this value (None: no such label)."""
        before = int(self.column[row])
        if before != ABSENT:
            if self.values[before] == value:
                return
            self._release(before)
        self.column[row] = ABSENT if value is None else self._claim(value)

    def _claim(self, value: str) -> int:
        found = self.ids.get(value)
        if found is None:
            if self._free:
                found = self._free.pop()
                self.values[found] = value
            else:
                found = len(self.values)
                self.values.append(value)
                self._users.append(0)
            self.ids[value] = found
        self._users[found] += 1
        return found

    def _release(self, value_id: int) -> None:
        self._users[value_id] -= 1
        if self._users[value_id] == 0:
            del self.ids[self.values[value_id]]
            self._free.append(value_id)

    def grow(self, capacity: int) -> None:
        grown = np.full(capacity, ABSENT, np.int32)
        grown[: len(self.column)] = self.column
        self.column = grown

    @property
    def unused(self) -> bool:
        return not self.ids


class NodeTable:
    """All nodes. `version` grows with every change but those of requests."""

    def __init__(self) -> None:
        self.version = 0
        self.size = 0  # rows in use so far; every vector below is at least this long
        self.rows: dict[str, int] = {}
        self.facts: list[NodeFacts | None] = []
        self.names: npt.NDArray[np.object_] = np.full(_FIRST_CAPACITY, "", np.object_)
        self.resources: dict[str, int] = {name: index for index, name in enumerate(BASE_RESOURCES)}
        self.alive: Mask = np.zeros(_FIRST_CAPACITY, np.bool_)
        self.unschedulable: Mask = np.zeros(_FIRST_CAPACITY, np.bool_)
        self.taint_set: Ids = np.zeros(_FIRST_CAPACITY, np.int32)
        self.allocatable: Amount = np.zeros((len(BASE_RESOURCES), _FIRST_CAPACITY))
        self.requested: Amount = np.zeros((len(BASE_RESOURCES), _FIRST_CAPACITY))
        self.free: Amount = np.zeros((len(BASE_RESOURCES), _FIRST_CAPACITY))  # allocatable less requested
        self.scored_free: Amount = np.zeros((2, _FIRST_CAPACITY))  # cpu, memory free as scores count them
        self.divisor: Amount = np.ones((2, _FIRST_CAPACITY))  # allocatable cpu, memory; 1 where there is none
        self.kinds: Amount = np.ones(_FIRST_CAPACITY)  # how many of cpu and memory there are, at least 1
        self.labels: dict[str, LabelColumn] = {}
        self.images: dict[str, dict[int, int]] = {}  # image name -> row -> bytes
        self.taint_sets: list[tuple[Taint, ...]] = [()]
        self._taint_ids: dict[tuple[Taint, ...], int] = {(): 0}
        self._free_rows: list[int] = []

    @property
    def count(self) -> int:
        """How many nodes there are."""
        return len(self.rows)

    def put(self, facts: NodeFacts) -> int:
        """Add a node or replace what is known of it; returns its row."""
        row = self.rows.get(facts.name)
        before = None if row is None else self.facts[row]
        if row is None:
            row = self._take_row(facts.name)
        elif before == facts:
            return row
        self.version += 1
        self.facts[row] = facts
        self.alive[row] = True
        self.unschedulable[row] = facts.unschedulable
        self.taint_set[row] = self._taint_set_id(facts.taints)
        self._set_labels(row, before.labels if before else {}, facts.labels)
        self._set_images(row, before.images if before else {}, facts.images)
        self._set_allocatable(row, facts.allocatable)
        return row

    def remove(self, name: str) -> int | None:
        """Forget a node; returns the row that it had. What is requested of it must be taken off before."""
        row = self.rows.pop(name, None)
        if row is None:
            return None
        facts = self.facts[row]
        self.version += 1
        self._set_labels(row, facts.labels if facts else {}, {})
        self._set_images(row, facts.images if facts else {}, {})
        self._set_allocatable(row, {})
        self.facts[row], self.names[row] = None, ""
        self.alive[row] = self.unschedulable[row] = False
        self.taint_set[row] = 0
        heapq.heappush(self._free_rows, row)
        return row

    def request(self, shape: Shape, row: int, sign: int) -> None:
        """Count one pod of this shape on (+1) or off (-1) a row."""
        requested, free, scored = self.requested, self.free, self.scored_free
        requested[PODS_ROW, row] += sign
        free[PODS_ROW, row] -= sign
        for name, value in shape.requests:
            resource = self.resources.get(name)
            if resource is None:
                resource = self.resource(name)
                requested, free = self.requested, self.free
            requested[resource, row] += sign * value
            free[resource, row] -= sign * value
        scored[0, row] -= sign * shape.scored_cpu_millis
        scored[1, row] -= sign * shape.scored_memory_bytes

    def request_many(self, shape: Shape, rows: Rows, copies: Amount) -> None:
        """Count `copies` pods of this shape on each of `rows` (distinct)."""
        self.requested[PODS_ROW, rows] += copies
        self.free[PODS_ROW, rows] -= copies
        for name, value in shape.requests:
            resource = self.resource(name)  # before the arrays are looked at: it may replace them
            self.requested[resource, rows] += copies * value
            self.free[resource, rows] -= copies * value
        self.scored_free[0, rows] -= copies * shape.scored_cpu_millis
        self.scored_free[1, rows] -= copies * shape.scored_memory_bytes

    def free_of(self, name: str) -> Amount:
        """What each row has free of a resource; 0 of one that no node and no pod knows."""
        resource = self.resources.get(name)
        return np.zeros(self.capacity) if resource is None else self.free[resource]

    def resource(self, name: str) -> int:
        """The index of a resource in `allocatable` and `requested`; unknown ones get a new one."""
        found = self.resources.get(name)
        if found is None:
            found = self.resources[name] = len(self.resources)
            for array in ("allocatable", "requested", "free"):
                setattr(self, array, np.vstack((getattr(self, array), np.zeros((1, self.capacity)))))
        return found

    @property
    def capacity(self) -> int:
        return len(self.alive)

    def live_rows(self) -> Iterable[int]:
        return self.rows.values()

    def _take_row(self, name: str) -> int:
        if self._free_rows:
            row = heapq.heappop(self._free_rows)
        else:
            row = self.size
            if row == self.capacity:
                self._grow(2 * row)
            self.size += 1
            self.facts.append(None)
        self.rows[name] = row
        self.names[row] = name
        return row

    def _grow(self, capacity: int) -> None:
        more = capacity - self.capacity
        for name in _COLUMNS:
            array = getattr(self, name)
            fill = np.ones if name in ("divisor", "kinds") else np.zeros
            pad = fill((*array.shape[:-1], more), array.dtype)
            setattr(self, name, np.concatenate((array, pad), axis=-1))
        for column in self.labels.values():
            column.grow(capacity)

    def _taint_set_id(self, taints: tuple[Taint, ...]) -> int:
        found = self._taint_ids.get(taints)
        if found is None:
            found = self._taint_ids[taints] = len(self.taint_sets)
            self.taint_sets.append(taints)
        return found

    def _set_labels(self, row: int, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        for key in before.keys() - after.keys():
            self.labels[key].set(row, None)
            if self.labels[key].unused:
                del self.labels[key]
        for key, value in after.items():
            column = self.labels.get(key)
            if column is None:
                column = self.labels[key] = LabelColumn(self.capacity)
            column.set(row, value)

    def _set_images(self, row: int, before: Mapping[str, int], after: Mapping[str, int]) -> None:
        for name in before.keys() - after.keys():
            del self.images[name][row]
            if not self.images[name]:
                del self.images[name]
        for name, size_bytes in after.items():
            self.images.setdefault(name, {})[row] = size_bytes

    def _set_allocatable(self, row: int, allocatable: Mapping[str, int]) -> None:
        indexes = [(self.resource(name), value) for name, value in allocatable.items()]
        before = self.allocatable[:, row].copy()
        self.allocatable[:, row] = 0
        for resource, value in indexes:
            self.allocatable[resource, row] = value
        change = self.allocatable[:, row] - before
        self.free[:, row] += change
        self.scored_free[:, row] += change[[CPU_ROW, MEMORY_ROW]]
        scored = self.allocatable[[CPU_ROW, MEMORY_ROW], row]
        self.divisor[:, row] = np.maximum(scored, 1)
        self.kinds[row] = max(1, int(np.count_nonzero(scored)))
