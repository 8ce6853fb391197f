"""What the server tells of a field."""

import re

import pytest
from google.protobuf.descriptor_pool import Default

from control_plane.server.explain import explained
from control_plane.server.explain_texts import named
from knarr.api.kinds import DEPLOYMENT, KINDS, POD, Kind
from knarr.api.schema import fields
from knarr.api.support_stored import REASONS
from knarr.client import reference
from knarr.errors import NotFound
from knarr.proto.services import object_service_pb2 as wire


def told(kind: Kind, path: str = "", *, recursive: bool = False) -> wire.Explanation:
    return explained(wire.ExplainRequest(reference=reference(kind), path=path, recursive=recursive)).field


def test_a_field_with_everything_that_is_known_of_it() -> None:
    field = told(DEPLOYMENT, "spec.replicas")
    assert field == wire.Explanation(
        path="spec.replicas",
        name="replicas",
        type="integer",
        description="How many pods.",
        default="1",
        rules=["greater than or equal to 0"],
    )


def test_a_message_comes_with_the_next_level_only() -> None:
    spec = told(POD, "spec.containers[0].ports")
    assert [child.name for child in spec.children] == [
        "name",
        "hostPort",
        "containerPort",
        "protocol",
        "hostIP",
    ]
    assert not any(child.children for child in told(POD, "spec").children)


def test_recursive_goes_down_to_the_scalars() -> None:
    template = next(
        child for child in told(DEPLOYMENT, "spec", recursive=True).children if child.name == "template"
    )
    pod = next(child for child in template.children if child.name == "spec")
    containers = next(child for child in pod.children if child.name == "containers")
    image = next(child for child in containers.children if child.name == "image")
    assert (image.path, image.required) == ("spec.template.spec.containers.image", True)


def test_what_cannot_be_changed_is_said() -> None:
    assert "immutable: cannot be changed" in told(DEPLOYMENT, "spec.selector").rules


@pytest.mark.parametrize(
    ("kind", "path", "handling", "reason"),
    [
        (POD, "spec.hostPID", wire.Explanation.REFUSED, "do not see the node's processes"),
        (POD, "spec.subdomain", wire.Explanation.IGNORED, "no DNS records"),
        (POD, "spec.ephemeralContainers.image", wire.Explanation.REFUSED, "not added"),
        (POD, "spec.containers.image", wire.Explanation.HONOURED, ""),
    ],
)
def test_what_becomes_of_a_field(
    kind: Kind, path: str, handling: "wire.Explanation.Handling.ValueType", reason: str
) -> None:
    field = told(kind, path)
    assert (field.handling, reason in field.reason) == (handling, True)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("spec.contaners", 'field "spec.contaners" does not exist in Pod; did you mean spec.containers?'),
        ("sepc", "did you mean spec?"),
        ("spec.containers.image.tag", "spec.containers.image.tag"),
        ("spec.qqqqqqq", 'field "spec.qqqqqqq" does not exist in Pod'),
    ],
)
def test_a_wrong_path_names_the_nearest(path: str, sentence: str) -> None:
    with pytest.raises(NotFound, match=r".*") as caught:
        told(POD, path)
    assert sentence in caught.value.message


def test_a_kind_that_is_not_served() -> None:
    with pytest.raises(NotFound, match="Widget"):
        explained(wire.ExplainRequest(reference=wire.Reference(api_version="v1", kind="Widget")))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_can_be_explained(kind: Kind) -> None:
    assert told(kind, recursive=True).children


def test_every_sentence_names_a_field() -> None:
    for name in named():
        package, _, rest = name.partition(".")
        version, dot, tail = rest.partition(".")
        if not (dot and re.fullmatch(r"v\d+((alpha|beta)\d+)?", version)):
            version, tail = "v1", rest
        message, _, field = tail.partition(".")
        descriptor = Default().FindMessageTypeByName(f"knarr.{package}.{version}.{message}")
        assert not field or field in {found.key for found in fields(descriptor)}, name


def test_kinds_on_which_nothing_acts_say_so() -> None:
    for kind in KINDS:
        expected = wire.Explanation.STORED if kind in REASONS else wire.Explanation.HONOURED
        assert told(kind).handling == expected
