"""Every namespace has its account, unless it is on its way out."""

import pytest

from control_plane.controllers.actions import Create
from control_plane.controllers.serviceaccounts import AccountSnapshot, ServiceAccountController
from control_plane.objects.interface import ChangeType, ObjectKey
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.admitting import made
from tests.support.model import Change, Model

NAMESPACE = made(core.Namespace, "team", "")
GOING = made(core.Namespace, "team", "", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
ACCOUNT = made(core.ServiceAccount, "default", "team")


@pytest.mark.parametrize(
    ("snapshot", "wanted"),
    [
        (AccountSnapshot(NAMESPACE, None), (Create(ACCOUNT),)),
        (AccountSnapshot(NAMESPACE, ACCOUNT), ()),
        (AccountSnapshot(GOING, None), ()),
    ],
    ids=["missing", "there", "going"],
)
def test_decisions(snapshot: AccountSnapshot, wanted: tuple[Create, ...]) -> None:
    assert ServiceAccountController().decide(snapshot, 0.0) == wanted


@pytest.mark.parametrize(
    ("type_", "name", "concerned"),
    [
        (ChangeType.DELETED, "default", ["team"]),
        (ChangeType.DELETED, "robot", []),
        (ChangeType.MODIFIED, "default", []),
    ],
)
def test_an_account_that_is_deleted_is_made_again(type_: ChangeType, name: str, concerned: list[str]) -> None:
    change = Change(type_, ObjectKey("ServiceAccount", "team", name), 1, None, None)
    keys = ServiceAccountController().watches[core.ServiceAccount](Model(), change)
    assert [key.name for key in keys] == concerned
