"""What a node is told: references of pods, the first full message, and changes after it."""

import pytest

from control_plane.nodes.assignment import NodeAssignment, References, concerns_agent, references
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire

NODE = "node-1"


def pod(name: str, uid: str = "u1", node: str = NODE, config_map: str = "", secret: str = "") -> core.Pod:
    container: dict[str, object] = {"name": "c", "image": "busybox"}
    if config_map:
        container["envFrom"] = [{"configMapRef": {"name": config_map}}]
    spec: dict[str, object] = {"containers": [container], "nodeName": node}
    if secret:
        spec["volumes"] = [{"name": "s", "secret": {"secretName": secret}}]
    return from_dict({"metadata": {"name": name, "namespace": "default", "uid": uid}, "spec": spec}, core.Pod)


class Stored:
    """Config maps and secrets to look up."""

    def __init__(self) -> None:
        self.config_maps: dict[tuple[str, str], core.ConfigMap] = {}
        self.secrets: dict[tuple[str, str], core.Secret] = {}

    def put_config_map(self, name: str, version: str) -> None:
        found = core.ConfigMap()
        found.metadata.namespace, found.metadata.name = "default", name
        found.metadata.resourceVersion = version
        self.config_maps["default", name] = found

    def config_map(self, namespace: str, name: str) -> core.ConfigMap | None:
        return self.config_maps.get((namespace, name))

    def secret(self, namespace: str, name: str) -> core.Secret | None:
        return self.secrets.get((namespace, name))


def delta(
    assignment: NodeAssignment, stored: Stored, *changed: tuple[str, core.Pod | None], touched: str = ""
) -> wire.Assignment | None:
    names = [(("default", name), found) for name, found in changed]
    touched_set = frozenset({("ConfigMap", "default", touched)} if touched else ())
    return assignment.delta(names, touched_set, stored.config_map, stored.secret)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"containers": [{"name": "c"}]}, References(), id="none"),
        pytest.param(
            {
                "containers": [
                    {
                        "name": "c",
                        "env": [
                            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}},
                            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                        ],
                    }
                ]
            },
            References(frozenset({"cm"}), frozenset({"s"})),
            id="variables",
        ),
        pytest.param(
            {
                "containers": [],
                "initContainers": [
                    {
                        "name": "c",
                        "envFrom": [
                            {"configMapRef": {"name": "cm"}},
                            {"secretRef": {"name": "s"}},
                        ],
                    }
                ],
            },
            References(frozenset({"cm"}), frozenset({"s"})),
            id="all variables of an init container",
        ),
        pytest.param(
            {
                "containers": [],
                "volumes": [
                    {"name": "a", "configMap": {"name": "cm"}},
                    {"name": "b", "secret": {"secretName": "s"}},
                    {
                        "name": "c",
                        "projected": {
                            "sources": [
                                {"configMap": {"name": "cm2"}},
                                {"secret": {"name": "s2"}},
                            ]
                        },
                    },
                ],
            },
            References(frozenset({"cm", "cm2"}), frozenset({"s", "s2"})),
            id="volumes",
        ),
        pytest.param(
            {"containers": [], "imagePullSecrets": [{"name": "pull"}]},
            References(frozenset(), frozenset({"pull"})),
            id="image pull secrets",
        ),
    ],
)
def test_references(spec: dict[str, object], expected: References) -> None:
    assert references(from_dict(spec, core.PodSpec)) == expected


def test_full_message_has_pods_and_what_they_name() -> None:
    stored, assignment = Stored(), NodeAssignment(NODE)
    stored.put_config_map("settings", "1")
    pods = [pod("a", config_map="settings"), pod("b", uid="u2", config_map="missing")]
    message = assignment.full(pods, stored.config_map, stored.secret)
    assert message == wire.Assignment(
        full=True, pods=pods, config_maps=[stored.config_maps["default", "settings"]]
    )


def test_pod_comes_and_goes_with_its_references() -> None:
    stored, assignment = Stored(), NodeAssignment(NODE)
    stored.put_config_map("settings", "1")
    assignment.full([], stored.config_map, stored.secret)
    one = pod("a", config_map="settings")
    assert delta(assignment, stored, ("a", one)) == wire.Assignment(
        pods=[one], config_maps=[stored.config_maps["default", "settings"]]
    )
    gone = delta(assignment, stored, ("a", None))
    assert gone == wire.Assignment(
        removed_pods=[wire.PodKey(namespace="default", name="a", uid="u1")],
        removed_config_maps=["default/settings"],
    )
    assert delta(assignment, stored, ("a", None)) is None


def test_pod_made_anew_under_the_same_name_is_removed_and_added() -> None:
    stored, assignment = Stored(), NodeAssignment(NODE)
    assignment.full([pod("a")], stored.config_map, stored.secret)
    newer = pod("a", uid="u2")
    assert delta(assignment, stored, ("a", newer)) == wire.Assignment(
        pods=[newer], removed_pods=[wire.PodKey(namespace="default", name="a", uid="u1")]
    )


def test_pod_of_another_node_is_not_told() -> None:
    stored, assignment = Stored(), NodeAssignment(NODE)
    assignment.full([], stored.config_map, stored.secret)
    assert delta(assignment, stored, ("a", pod("a", node="node-2"))) is None


def test_config_map_that_appears_changes_and_goes() -> None:
    stored, assignment = Stored(), NodeAssignment(NODE)
    assignment.full([pod("a", config_map="settings")], stored.config_map, stored.secret)
    assert assignment.refers_to("ConfigMap", "default", "settings")
    assert not assignment.refers_to("Secret", "default", "settings")
    for version in ("1", "2"):
        stored.put_config_map("settings", version)
        assert delta(assignment, stored, touched="settings") == wire.Assignment(
            config_maps=[stored.config_maps["default", "settings"]]
        )
    stored.config_maps.clear()
    assert delta(assignment, stored, touched="settings") == wire.Assignment(
        removed_config_maps=["default/settings"]
    )


def changed(path: str) -> core.Pod:
    found = pod("a")
    match path:
        case "status":
            found.status.phase = "Running"
        case "resourceVersion":
            found.metadata.resourceVersion = "7"
        case "managedFields":
            found.metadata.managedFields.add(manager="agent")
        case "deletionTimestamp":
            found.metadata.deletionTimestamp.seconds = 5
        case "labels":
            found.metadata.labels["a"] = "b"
        case "image":
            found.spec.containers[0].image = "nginx"
    return found


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("status", False),
        ("resourceVersion", False),
        ("managedFields", False),
        ("deletionTimestamp", True),
        ("labels", True),
        ("image", True),
    ],
)
def test_which_changes_concern_the_agent(path: str, expected: bool) -> None:
    assert concerns_agent(pod("a"), changed(path)) is expected


def claiming(read_only: bool = False) -> core.Pod:
    value = {
        "metadata": {"name": "db", "namespace": "default", "uid": "u1"},
        "spec": {
            "nodeName": NODE,
            "containers": [
                {
                    "name": "c",
                    "image": "busybox",
                    "volumeMounts": [
                        {"name": "data", "mountPath": "/data"},
                        {"name": "scratch", "mountPath": "/tmp"},
                    ],
                }
            ],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "db", "readOnly": read_only}},
                {"name": "scratch", "emptyDir": {}},
            ],
        },
    }
    return from_dict(value, core.Pod)


def volume(*modes: str, **source: object) -> core.PersistentVolume:
    return from_dict({"spec": {"accessModes": list(modes), **source}}, core.PersistentVolume)


def told(assignment: NodeAssignment, pod: core.Pod) -> core.Pod:
    stored = Stored()
    (found,) = assignment.full([pod], stored.config_map, stored.secret).pods
    return found


LOCAL = volume("ReadWriteOnce", local={"path": "/srv/db"})
HOST = volume("ReadWriteOnce", hostPath={"path": "/srv/db", "type": "DirectoryOrCreate"})
SHARED = volume("ReadOnlyMany", local={"path": "/srv/db"})


@pytest.mark.parametrize(
    ("bound", "read_only", "expected"),
    [
        pytest.param(LOCAL, False, ("/srv/db", "Directory", False), id="local"),
        pytest.param(HOST, False, ("/srv/db", "DirectoryOrCreate", False), id="a path of the host"),
        pytest.param(LOCAL, True, ("/srv/db", "Directory", True), id="mounted to be read"),
        pytest.param(SHARED, False, ("/srv/db", "Directory", True), id="a volume only to be read"),
    ],
)
def test_claims_are_told_as_directories(
    bound: core.PersistentVolume, read_only: bool, expected: tuple[str, str, bool]
) -> None:
    pod = claiming(read_only)
    found = told(NodeAssignment(NODE, lambda namespace, name: bound), pod)
    source = found.spec.volumes[0].volumeSource
    mounts = found.spec.containers[0].volumeMounts
    assert (source.hostPath.path, source.hostPath.type, mounts[0].readOnly) == expected
    assert not mounts[1].readOnly
    assert found.spec.volumes[1].volumeSource.HasField("emptyDir")
    assert pod == claiming(read_only)  # the pod in the cache is left as it is


def test_a_claim_without_a_volume_stays_and_is_told_again() -> None:
    bound: list[core.PersistentVolume] = []
    assignment = NodeAssignment(NODE, lambda namespace, name: bound[0] if bound else None)
    assert told(assignment, claiming()).spec.volumes[0].volumeSource.HasField("persistentVolumeClaim")
    assert assignment.using("default", "db") == [("default", "db")]
    assert assignment.using("default", "other") == []
    assert assignment.using("other", "db") == []
    bound.append(LOCAL)
    stored = Stored()
    message = delta(assignment, stored, ("db", claiming()))
    assert message is not None
    assert message.pods[0].spec.volumes[0].volumeSource.hostPath.path == "/srv/db"
