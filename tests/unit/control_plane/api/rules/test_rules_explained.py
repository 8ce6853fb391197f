"""What the tables say for people: explain, and the reference in docs/."""

from pathlib import Path

import pytest

from control_plane.api.rules.document import pages
from control_plane.api.rules.explain import UnknownField, explain, walk
from knarr.api.kinds import DEPLOYMENT, POD, SERVICE

REFERENCE = Path(__file__).parents[5] / "docs" / "reference" / "fields"


def test_a_field_has_type_default_and_rules() -> None:
    field = explain(DEPLOYMENT, "spec.replicas")
    assert (field.path, field.type, field.default) == ("spec.replicas", "integer", "1")
    assert field.rules == ("greater than or equal to 0",)


def test_indexes_are_passed_over_and_flattened_structs_unseen() -> None:
    field = explain(POD, "spec.volumes[3].configMap.name")
    assert (field.type, field.rules) == ("string", ("required",))


def test_a_message_names_its_fields() -> None:
    field = explain(POD, "spec.containers[0].ports")
    assert field.type == "[]ContainerPort"
    assert field.children == ("name", "hostPort", "containerPort", "protocol", "hostIP")


def test_a_rule_of_one_field_stands_at_the_field() -> None:
    assert "dnsPolicy None needs nameservers" in explain(POD, "spec.dnsConfig").rules
    assert "dnsPolicy None needs nameservers" not in explain(POD, "spec").rules


def test_what_an_update_may_not_change_is_said() -> None:
    assert "on update, spec.selector: cannot be changed" in explain(DEPLOYMENT).rules


def test_an_unknown_field_is_refused_with_the_nearest_known() -> None:
    with pytest.raises(UnknownField, match=r"spec\.contaners: unknown field; did you mean containers\?"):
        explain(POD, "spec.contaners")


def test_a_walk_goes_to_every_row() -> None:
    paths = {field.path for field in walk(SERVICE)}
    assert {"metadata.labels", "spec.ports.targetPort", "spec.externalTrafficPolicy"} <= paths


def test_the_reference_in_docs_is_that_of_the_tables() -> None:
    """Written anew by `python -m control_plane.api.rules.document docs/reference/fields`."""
    written = {path.name: path.read_text(encoding="utf-8") for path in REFERENCE.iterdir()}
    assert written == pages()
