"""What belongs to one kind: its table, what may change, and what its status must be like."""

from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.api.rules.engine import Rule, Table, UpdateRule


@dataclass(frozen=True, slots=True)
class ObjectRules:
    """All rules and defaults of one kind. The table is applied to new objects and to changed ones."""

    table: Table
    create: tuple[Rule, ...] = ()  # what only new objects must be like; rules of the whole object
    update: tuple[UpdateRule, ...] = ()
    status: tuple[UpdateRule, ...] = ()
    unconditional: bool = True  # whether an update may leave out the resourceVersion

    @property
    def message(self) -> type[Message]:
        return self.table.message
