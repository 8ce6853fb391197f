"""Runs controllers over a Model, step by step and without a loop, and stops them where a test wants it."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TypeVar

from control_plane.controllers.actions import (
    Action,
    Create,
    Delete,
    Failure,
    Record,
    Update,
    UpdateStatus,
    copy_of,
    key_of,
    metadata,
)
from control_plane.controllers.loop import Controller
from control_plane.objects.interface import ObjectChange, ObjectKey
from knarr.errors import ApiError, NotFound
from tests.support.model import Model

S = TypeVar("S")


def carry_out(model: Model, actions: Sequence[Action]) -> None:
    """Do what was decided, as control_plane/controllers/apply.py does it, one after another."""
    versions: dict[ObjectKey, tuple[str, str]] = {}
    for action in actions:
        match action:
            case Create():
                model.put_new(action.obj)
            case Update() | UpdateStatus():
                key, obj = key_of(action.obj), copy_of(action.obj)
                base = metadata(obj).resourceVersion
                follows, version = versions.get(key, ("", ""))
                metadata(obj).resourceVersion = version if follows == base else base
                done = model.put(obj) if isinstance(action, Update) else model.put_status(obj)
                versions[key] = (base, metadata(done).resourceVersion)
            case Delete():
                with suppress(NotFound):
                    model.remove(action.key, action.options)
            case Record():
                model.record(action.subject, action.type, action.reason, action.message)
            case _:
                pass


def decided(
    model: Model, controller: Controller[S], key: ObjectKey, failure: Failure | None = None
) -> tuple[Action, ...]:
    """What the controller decides about a key now; nothing is done."""
    snapshot = controller.snapshot(model, key, failure)
    return () if snapshot is None else controller.decide(snapshot, model.now)


def step(model: Model, controller: Controller[S], key: ObjectKey, at_most: int | None = None) -> bool:
    """Decide and carry out the first `at_most` actions (None: all); whether there was anything to write."""
    actions = decided(model, controller, key)
    try:
        carry_out(model, actions[:at_most])
    except ApiError:
        return True
    return bool(writes(actions))


def writes(actions: Sequence[Action]) -> tuple[Action, ...]:
    """The actions that change objects."""
    return tuple(one for one in actions if isinstance(one, Create | Update | UpdateStatus | Delete))


def attach(model: Model, controller: Controller[S]) -> list[ObjectKey]:
    """Let the controller see all changes, as its loop would; returns the list that the keys are added to."""
    keys: list[ObjectKey] = []
    by_name = {kind.DESCRIPTOR.name: of for kind, of in controller.watches.items()}

    def changed(changes: Sequence[ObjectChange]) -> None:
        for change in changes:
            keys.extend(by_name[change.key.kind](model, change))

    model.subscribe(tuple(controller.watches), changed)
    return keys
