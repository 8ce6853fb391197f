"""Conditions of a status: when their times change, and how they are read."""

import pytest

from knarr.api.conditions import condition_of, holds, set_condition
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy

NOW = 1_000.7


def conditions_of(*pairs: tuple[str, str]) -> core.PodStatus:
    status = core.PodStatus()
    for type_, value in pairs:
        status.conditions.add(type=type_, status=value).lastTransitionTime.seconds = 5
    return status


@pytest.mark.parametrize(("value", "since"), [("True", 5), ("False", 1_000), ("Unknown", 1_000)])
def test_the_time_changes_with_the_status_alone(value: str, since: int) -> None:
    status = conditions_of(("Other", "True"), ("Ready", "True"))
    status.conditions[1].lastTransitionTime.nanos = 9
    made = set_condition(status.conditions, "Ready", value, "Because", "said", NOW)
    expected = conditions_of(("Other", "True"), ("Ready", value))
    expected.conditions[1].reason, expected.conditions[1].message = "Because", "said"
    expected.conditions[1].lastTransitionTime.seconds = since
    expected.conditions[1].lastTransitionTime.nanos = 9 if since == 5 else 0
    assert status == expected
    assert made == status.conditions[1]


def test_a_new_one_is_the_last_and_what_is_set_on_the_answer_stays() -> None:
    status = policy.PodDisruptionBudgetStatus()
    status.conditions.add(type="Other", status="True")
    set_condition(status.conditions, "New", "False", "Because", "", NOW).observedGeneration = 3
    assert [one.type for one in status.conditions] == ["Other", "New"]
    assert (status.conditions[1].lastTransitionTime.seconds, status.conditions[1].observedGeneration) == (
        1_000,
        3,
    )


def test_reading() -> None:
    conditions = conditions_of(("Ready", "True"), ("Initialized", "False")).conditions
    assert [holds(conditions, type_) for type_ in ("Ready", "Initialized", "Unheard")] == [True, False, False]
    assert condition_of(conditions, "Initialized") == conditions[1]
    assert condition_of(conditions, "Unheard") is None
