"""Tables of limit ranges and quotas, as kubectl's."""

from control_plane.api.tables.columns import AGED, CREATED, NAME, Column, Columns, age, amount
from knarr.proto.kubernetes import core_v1_pb2 as core


def _quota(found: core.ResourceQuota) -> list[str]:
    """What is used of what there is, limits apart."""
    used, hard = found.status.used, found.status.hard
    requests: list[str] = []
    limits: list[str] = []
    for name in sorted(hard):
        (limits if name.startswith("limits.") else requests).append(
            f"{name}: {amount(used, name)}/{amount(hard, name)}"
        )
    return [age(found.metadata), ", ".join(requests), ", ".join(limits)]


LIMIT_RANGES = CREATED
RESOURCE_QUOTAS = Columns((NAME, AGED, Column("Request"), Column("Limit")), _quota)
