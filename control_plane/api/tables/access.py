"""Tables of accounts, and of who may do what, as kubectl's."""

from control_plane.api.tables.columns import AGED, CREATED, INTEGER, NAME, WIDE, Column, Columns, age
from knarr.proto.kubernetes import rbac_v1_pb2 as rbac


def _binding(found: rbac.RoleBinding | rbac.ClusterRoleBinding) -> list[str]:
    subjects: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in found.subjects:
        name = subject.name
        if subject.kind == "ServiceAccount":
            name = f"{subject.namespace}/{name}"
        subjects.setdefault(subject.kind, []).append(name)
    return [
        f"{found.roleRef.kind}/{found.roleRef.name}",
        age(found.metadata),
        *(", ".join(subjects[kind]) for kind in ("User", "Group", "ServiceAccount")),
    ]


SERVICE_ACCOUNTS = Columns(
    (NAME, Column("Secrets", 0, INTEGER), AGED), lambda found: [str(len(found.secrets)), age(found.metadata)]
)
ROLES = CREATED
ROLE_BINDINGS = Columns(
    (
        NAME,
        Column("Role"),
        AGED,
        Column("Users", WIDE),
        Column("Groups", WIDE),
        Column("ServiceAccounts", WIDE),
    ),
    _binding,
)
