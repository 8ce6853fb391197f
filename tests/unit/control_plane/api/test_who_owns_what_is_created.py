"""Who creates an object owns what it said and what is the default, and nothing that the server adds."""

import pytest

from control_plane.api.patching import field_sets
from knarr.api import kinds
from knarr.api.codec import from_dict
from knarr.api.kinds import Kind
from tests.support.api import OPTIONS, api_world
from tests.support.every_kind import every_kind

DOCUMENTS = every_kind()
# By kind: what its creator owns though the document does not say it, and what the server adds for nobody.
CASES: dict[Kind, tuple[set[str], set[str]]] = {
    kinds.POD: (
        {".spec.restartPolicy", ".spec.dnsPolicy", ".spec.terminationGracePeriodSeconds"},
        {".spec.priority", ".spec.preemptionPolicy", ".spec.serviceAccountName", ".spec.tolerations"},
    ),
    kinds.JOB: (
        {".spec.backoffLimit", ".spec.completionMode"},
        {".spec.selector", ".spec.template.metadata.labels.batch.kubernetes.io/job-name"},
    ),
    kinds.SERVICE: ({".spec.type", ".spec.sessionAffinity"}, {".spec.clusterIPs"}),
    kinds.NAMESPACE: (
        {".metadata.labels.kubernetes.io/metadata.name"},
        {".spec.finalizers", '.spec.finalizers[="kubernetes"]'},
    ),
    kinds.PERSISTENT_VOLUME_CLAIM: ({".spec.volumeMode"}, {".metadata.finalizers"}),
}


@pytest.mark.parametrize("kind", CASES, ids=str)
async def test_the_creator_owns_defaults_and_not_what_is_added(kind: Kind) -> None:
    defaults, added = CASES[kind]
    async with api_world() as world:
        obj = from_dict(DOCUMENTS[kind], kind.message)
        created = (await world.api.create(kind, "default" if kind.namespaced else "", obj, OPTIONS)).obj
        (entry,) = created.metadata.managedFields  # type: ignore[attr-defined]
        assert (entry.manager, entry.operation) == ("tests", "Update")
        owned = set(field_sets.paths(field_sets.decode(entry.fieldsV1.Raw)))
        assert defaults <= owned
        assert not owned & added
