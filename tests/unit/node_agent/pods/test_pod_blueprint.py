"""From pod specs to containers: environment, resources, security, volumes' contents, and Docker's JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.pods import blueprint
from node_agent.pods.config import ConfigError, ConfigStore
from node_agent.pods.desired import DesiredContainer, PullPolicy, desired
from node_agent.pods.environment import environment, expand
from node_agent.pods.facts import NodeFacts
from node_agent.pods.payload import File, payload
from node_agent.pods.resources import resources
from node_agent.runtime.docker import convert
from node_agent.runtime.interface import Identity, ImageState, Mount, Port, Resources, Role
from tests.support.pod_world import REF
from tests.support.pods import pod

NODE = NodeFacts("node-a", "192.0.2.7", 4000, 1000 << 20)
IDENTITY = Identity(REF, "main", Role.MEMBER, 2, 1, "hash", 30, 3)


def config() -> ConfigStore:
    texts = core.ConfigMap(data={"a": "1", "b": "two"}, binaryData={"raw": b"\xff"})
    texts.metadata.name, texts.metadata.namespace = "texts", "default"
    keys = core.Secret(data={"password": b"pw"})
    keys.metadata.name, keys.metadata.namespace = "keys", "default"
    made = ConfigStore()
    made.replace([texts], [keys])
    return made


def variables(made: core.Pod) -> dict[str, str]:
    return environment(made, made.spec.containers[0], config(), NODE, "10.0.0.9")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$(A)", "1"),
        ("$(A)$(B)", "12"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$(A)", "$$(A)"),
        ("$(NONE)", "$(NONE)"),
        ("$A ${A}", "$A ${A}"),
        ("$(A", "$(A"),
        ("$", "$"),
        ("x$", "x$"),
        ("$()", "$()"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == expected


@given(st.text())
def test_text_without_dollars_stays(text: str) -> None:
    kept = text.replace("$", "")
    assert expand(kept, {"A": "1"}) == kept


def test_environment_in_order() -> None:
    made = pod("web")
    main = made.spec.containers[0]
    source = main.envFrom.add(prefix="T_")
    source.configMapRef.localObjectReference.name = "texts"
    main.envFrom.add().secretRef.localObjectReference.name = "keys"
    main.env.add(name="FIRST", value="$(T_a)")
    main.env.add(name="SECOND", value="$(FIRST)-$(LATER)")
    main.env.add(name="LATER", value="x")
    main.env.add(name="password", value="mine")
    found = variables(made)
    assert found["T_b"] == "two"
    assert found["T_raw"] == "\udcff"
    assert (found["FIRST"], found["SECOND"]) == ("1", "1-$(LATER)")
    assert found["password"] == "mine"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "web"),
        ("metadata.namespace", "default"),
        ("metadata.labels['app']", "shop"),
        ("metadata.annotations['none']", ""),
        ("spec.nodeName", "node-a"),
        ("status.hostIP", "192.0.2.7"),
        ("status.podIP", "10.0.0.9"),
    ],
)
def test_field_references(path: str, expected: str) -> None:
    made = pod("web")
    made.metadata.labels["app"] = "shop"
    made.spec.containers[0].env.add(name="X").valueFrom.fieldRef.fieldPath = path
    assert variables(made)["X"] == expected


@pytest.mark.parametrize(
    ("resource", "divisor", "expected"),
    [
        ("limits.cpu", "", "2"),
        ("limits.cpu", "1m", "1500"),
        ("requests.memory", "1Mi", "64"),
        ("limits.memory", "1Mi", "1000"),
        ("requests.cpu", "1m", "0"),
    ],
)
def test_resource_references(resource: str, divisor: str, expected: str) -> None:
    made = pod("web")
    main = made.spec.containers[0]
    main.resources.limits["cpu"].string = "1500m"
    main.resources.requests["memory"].string = "64Mi"
    reference = main.env.add(name="X").valueFrom.resourceFieldRef
    reference.resource, reference.divisor.string = resource, divisor
    assert variables(made)["X"] == expected


@pytest.mark.parametrize(
    ("kind", "name", "key", "message"),
    [
        ("configMap", "none", "a", 'configmap "none" not found'),
        ("configMap", "texts", "none", "couldn't find key none in ConfigMap default/texts"),
        ("secret", "none", "a", 'secret "none" not found'),
        ("secret", "keys", "none", "couldn't find key none in Secret default/keys"),
    ],
)
@pytest.mark.parametrize("optional", [False, True])
def test_missing_references(kind: str, name: str, key: str, message: str, optional: bool) -> None:
    made = pod("web")
    source = made.spec.containers[0].env.add(name="X").valueFrom
    reference: Any = source.configMapKeyRef if kind == "configMap" else source.secretKeyRef
    reference.localObjectReference.name, reference.key = name, key
    if optional:
        reference.optional = True
        assert "X" not in variables(made)
        return
    with pytest.raises(ConfigError) as raised:
        variables(made)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("limits", "requests", "qos", "expected"),
    [
        ({}, {}, "BestEffort", Resources(2, 0, 0, 1000)),
        ({"cpu": "500m"}, {}, "Burstable", Resources(512, 50_000, 0, 999)),
        ({"cpu": "5m"}, {"cpu": "1m"}, "Burstable", Resources(2, 1000, 0, 999)),
        ({"memory": "64Mi"}, {"memory": "500Mi"}, "Burstable", Resources(2, 0, 64 << 20, 500)),
        ({"cpu": "2", "memory": "1Gi"}, {}, "Guaranteed", Resources(2048, 200_000, 1 << 30, 0)),
    ],
)
def test_resources(limits: dict[str, str], requests: dict[str, str], qos: str, expected: Resources) -> None:
    container = core.Container()
    for name, value in limits.items():
        container.resources.limits[name].string = value
    for name, value in requests.items():
        container.resources.requests[name].string = value
    assert resources(container, qos, 1000 << 20) == expected


@pytest.mark.parametrize(
    ("image", "given_policy", "expected"),
    [
        ("app", "", PullPolicy.ALWAYS),
        ("app:latest", "", PullPolicy.ALWAYS),
        ("app:1", "", PullPolicy.IF_NOT_PRESENT),
        ("host:5000/app", "", PullPolicy.ALWAYS),
        ("app@sha256:00", "", PullPolicy.IF_NOT_PRESENT),
        ("app:1", "Never", PullPolicy.NEVER),
    ],
)
def test_pull_policy(image: str, given_policy: str, expected: PullPolicy) -> None:
    made = pod(image=image)
    made.spec.containers[0].imagePullPolicy = given_policy
    (found,) = desired(made).containers
    assert isinstance(found, DesiredContainer)
    assert found.pull is expected


def built(made: core.Pod, image: ImageState | None = None) -> Any:
    around = blueprint.Surroundings(NODE, config(), "10.0.0.9", image)
    return blueprint.container(made, made.spec.containers[0], IDENTITY, "infra", around)


def test_security() -> None:
    made = pod()
    own, whole = made.spec.containers[0].securityContext, made.spec.securityContext
    whole.runAsUser, whole.runAsGroup, whole.fsGroup = 1000, 2000, 3000
    whole.supplementalGroups.append(4000)
    own.runAsUser = 7
    own.allowPrivilegeEscalation, own.readOnlyRootFilesystem = False, True
    own.capabilities.add.append("NET_ADMIN")
    own.capabilities.drop.append("ALL")
    found = built(made).security
    assert (found.user, found.groups) == ("7:2000", ("4000", "3000"))
    assert found.no_new_privileges
    assert found.read_only_root
    assert (found.add_capabilities, found.drop_capabilities) == (("NET_ADMIN",), ("ALL",))


@pytest.mark.parametrize(
    ("user", "image_user", "message"),
    [
        (0, "", "container's runAsUser breaks non-root policy"),
        (None, "", "container has runAsNonRoot and image will run as root"),
        (None, "0:5", "container has runAsNonRoot and image will run as root"),
        (
            None,
            "app",
            "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root",
        ),
        (5, "", ""),
        (None, "99", ""),
    ],
)
def test_run_as_non_root(user: int | None, image_user: str, message: str) -> None:
    made = pod()
    made.spec.securityContext.runAsNonRoot = True
    if user is not None:
        made.spec.containers[0].securityContext.runAsUser = user
    image = ImageState("sha256:1", image_user)
    if not message:
        built(made, image)
        return
    with pytest.raises(ConfigError) as raised:
        built(made, image)
    assert str(raised.value) == message


def test_the_sandbox_has_what_is_the_pods() -> None:
    made = pod("web." + "x" * 70)
    made.spec.containers[0].ports.add(containerPort=80, hostPort=8080, hostIP="127.0.0.1")
    made.spec.containers[0].ports.add(containerPort=81)
    made.spec.hostAliases.add(ip="10.1.1.1", hostnames=["db"])
    made.spec.dnsConfig.nameservers.append("10.1.1.2")
    found = blueprint.sandbox(made, IDENTITY, "pause").network
    assert found.ports == (Port(80, 8080, "127.0.0.1", "TCP"),)
    assert len(found.hostname) == 63
    assert found.extra_hosts == (("db", "10.1.1.1"),)
    assert found.nameservers == ("10.1.1.2",)
    made.spec.hostNetwork = True
    assert blueprint.sandbox(made, IDENTITY, "pause").network.host


VOLUMES: dict[str, tuple[dict[str, Any], dict[str, File] | None]] = {
    "configMap": (
        {"configMap": {"localObjectReference": {"name": "texts"}}},
        {"a": File(b"1", 0o644), "b": File(b"two", 0o644), "raw": File(b"\xff", 0o644)},
    ),
    "configMap items": (
        {
            "configMap": {
                "localObjectReference": {"name": "texts"},
                "items": [{"key": "a", "path": "x/a", "mode": 0o400}],
                "defaultMode": 0o600,
            }
        },
        {"x/a": File(b"1", 0o400)},
    ),
    "secret": ({"secret": {"secretName": "keys", "defaultMode": 0o400}}, {"password": File(b"pw", 0o400)}),
    "optional and missing": ({"secret": {"secretName": "none", "optional": True}}, {}),
    "downwardAPI": (
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"labels": File(b'app="shop"\nquoted="a\\"b"', 0o644)},
    ),
    "projected": (
        {
            "projected": {
                "sources": [
                    {
                        "configMap": {
                            "localObjectReference": {"name": "texts"},
                            "items": [{"key": "a", "path": "a"}],
                        }
                    },
                    {"secret": {"localObjectReference": {"name": "keys"}}},
                ]
            }
        },
        {"a": File(b"1", 0o644), "password": File(b"pw", 0o644)},
    ),
    "emptyDir": ({"emptyDir": {}}, None),
    "nothing": ({}, None),
    "hostPath": ({"hostPath": {"path": "/tmp"}}, None),
}


@pytest.mark.parametrize(("source", "expected"), VOLUMES.values(), ids=VOLUMES.keys())
def test_volume_contents(source: dict[str, Any], expected: dict[str, File] | None) -> None:
    made = pod("web")
    made.metadata.labels.update({"app": "shop", "quoted": 'a"b'})
    assert payload(made, core.VolumeSource(**source), config(), NODE, "") == expected


BAD_VOLUMES: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
    "missing key": (
        {"configMap": {"localObjectReference": {"name": "texts"}, "items": [{"key": "z", "path": "z"}]}},
        "configmap texts references non-existent config key: z",
    ),
    "a path that leads out": (
        {"configMap": {"localObjectReference": {"name": "texts"}, "items": [{"key": "a", "path": "../a"}]}},
        "invalid path in a volume: ../a",
    ),
    "not supported": (
        {"nfs": {"server": "x", "path": "/"}},
        "volumes of type nfs are not supported by this agent",
    ),
    "an unknown field": (
        {"downwardAPI": {"items": [{"path": "x", "fieldRef": {"fieldPath": "spec.none"}}]}},
        "unsupported fieldPath: spec.none",
    ),
}


@pytest.mark.parametrize(("source", "message"), BAD_VOLUMES.values(), ids=BAD_VOLUMES.keys())
def test_volumes_that_cannot_be_made(source: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        payload(pod(), core.VolumeSource(**source), config(), NODE, "")
    assert str(raised.value) == message


def test_labels_tell_everything_again() -> None:
    assert convert.identity(convert.labels(IDENTITY, "cluster", "node")) == IDENTITY


def test_the_body_for_docker() -> None:
    made = pod()
    made.spec.containers[0].resources.limits["memory"].string = "64Mi"
    made.spec.containers[0].args.append("$(X)")
    made.spec.containers[0].env.add(name="X", value="1")
    made.spec.shareProcessNamespace = True
    spec = built(made)
    body = convert.creation(spec, "cluster", "node")
    assert (body["Entrypoint"], body["Cmd"], body["Env"]) == (
        list(made.spec.containers[0].command),
        ["1"],
        ["X=1"],
    )
    host = body["HostConfig"]
    assert (host["NetworkMode"], host["IpcMode"], host["PidMode"]) == ("container:infra",) * 3
    assert (host["Memory"], host["MemorySwap"]) == (64 << 20, 64 << 20)
    assert "Hostname" not in body
    mounted = convert.creation(
        blueprint.container(
            made,
            made.spec.containers[0],
            IDENTITY,
            "infra",
            blueprint.Surroundings(NODE, config(), mounts={"main": (Mount("/a", "/b", True, "rslave"),)}),
        ),
        "cluster",
        "node",
    )
    assert mounted["HostConfig"]["Mounts"] == [
        {
            "Type": "bind",
            "Source": "/a",
            "Target": "/b",
            "ReadOnly": True,
            "BindOptions": {"Propagation": "rslave"},
        }
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0001-01-01T00:00:00Z", 0.0),
        ("", 0.0),
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T00:01:00.5Z", 60.5),
        ("2026-11-21T02:00:00.123456789Z", 1795226400.123456789),
    ],
)
def test_engine_times(text: str, expected: float) -> None:
    assert convert.seconds(text) == pytest.approx(expected, abs=1e-6)
