"""Which objects a request means, told from the object and from what the cache has of it alike."""

import pytest

from control_plane.api.selection import selection
from control_plane.objects.records import RecordReader
from knarr.api.kinds import CONFIG_MAP, DEPLOYMENT, EVENT, NAMESPACE, NODE, POD, SECRET, Kind
from knarr.errors import BadRequest
from knarr.proto.kubernetes import core_v1_pb2 as core


def pod() -> core.Pod:
    made = core.Pod()
    made.metadata.name, made.metadata.namespace = "web-1", "team"
    made.metadata.labels.update({"app": "web", "tier": "front"})
    made.spec.nodeName, made.spec.restartPolicy, made.spec.schedulerName = "n1", "Always", "own"
    made.status.phase, made.status.podIP = "Running", "10.0.0.1"
    return made


CASES = {
    "everything": ("", "", True),
    "a label": ("app=web", "", True),
    "another label": ("app=db", "", False),
    "two labels": ("app in (web,db),tier!=back", "", True),
    "name": ("", "metadata.name=web-1", True),
    "another name": ("", "metadata.name=web-2", False),
    "namespace": ("", "metadata.namespace=team", True),
    "node and phase": ("", "spec.nodeName=n1,status.phase!=Failed", True),
    "another node": ("", "spec.nodeName=n2", False),
    "scheduler": ("", "spec.schedulerName=own", True),
    "default policy": ("", "spec.restartPolicy!=Always", False),
    "address": ("", "status.podIP=10.0.0.1", True),
    "host network": ("", "spec.hostNetwork=false", True),
    "both": ("app=web", "spec.nodeName=n1", True),
    "labels no, field yes": ("!app", "spec.nodeName=n1", False),
}


@pytest.mark.parametrize(("labels", "fields", "selected"), CASES.values(), ids=CASES)
def test_pods(labels: str, fields: str, selected: bool) -> None:
    wanted = selection(POD, "team", labels, fields)
    obj = pod()
    record = RecordReader(POD).read(POD.key("team", "web-1"), obj.SerializeToString(), 7)
    assert wanted.matches(obj) is selected
    assert wanted.matches_record(record) is selected


def test_a_record_of_another_namespace_is_not_meant() -> None:
    record = RecordReader(POD).read(POD.key("team", "web-1"), pod().SerializeToString(), 7)
    assert not selection(POD, "other", "", "").matches_record(record)
    assert selection(POD, "", "", "").matches_record(record)


def test_what_the_cache_knows_is_not_parsed() -> None:
    assert selection(POD, "", "app=web", "spec.nodeName=n1").indexed
    assert not selection(POD, "", "", "spec.schedulerName=own").indexed
    assert selection(DEPLOYMENT, "", "", "metadata.name=web").indexed


def test_cluster_scoped_kinds_have_no_namespace() -> None:
    assert selection(NODE, "team", "", "").prefix == NODE.prefix
    assert selection(POD, "team", "", "").prefix == f"{POD.prefix}team/"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (SECRET, "type=Opaque"),
        (NAMESPACE, "status.phase=Active"),
        (NODE, "spec.unschedulable=true"),
        (EVENT, "involvedObject.name=web,reason!=Killing,type=Normal,source=x,reportingComponent=x"),
    ],
    ids=str,
)
def test_kinds_with_fields_of_their_own(kind: Kind, fields: str) -> None:
    assert not selection(kind, "", "", fields).matches(kind.message())


@pytest.mark.parametrize(
    ("kind", "labels", "fields", "says"),
    [
        (POD, "app in web", "", "unable to parse requirement"),
        (POD, "", "spec.bogus=1", "field label not supported: spec.bogus"),
        (POD, "", "!metadata.name", "invalid selector"),
        (CONFIG_MAP, "", "data=x", '"data" is not a known field selector'),
        (NAMESPACE, "", "metadata.namespace=x", "field label not supported: metadata.namespace"),
    ],
)
def test_refused_selectors(kind: Kind, labels: str, fields: str, says: str) -> None:
    with pytest.raises(BadRequest) as refused:
        selection(kind, "", labels, fields)
    assert says in refused.value.message
