"""What belongs to one kind: its table, what may change, and what its status must be like."""

from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.api.rules.engine import Table, UpdateRule


@dataclass(frozen=True, slots=True)
class ObjectRules:
    """All rules and defaults of one kind. The table is applied on create and, to the new object, on update."""

    table: Table
    update: tuple[UpdateRule, ...] = ()
    status: tuple[UpdateRule, ...] = ()

    @property
    def message(self) -> type[Message]:
        return self.table.message
