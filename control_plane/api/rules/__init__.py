"""Defaults and validation of every kind, declared as tables.

    default_object(kind, obj)              sets what is absent, in place; doing it twice changes nothing
    validate_create(kind, obj)             everything wrong with a new object
    validate_update(kind, new, old)        and everything that may not change
    validate_status_update(kind, new, old) the same of status
    invalid(kind, name, causes)            the error that says so, as Kubernetes words it
    explain(kind, path)                    what the tables say of a field, for people (explain.py)

One file per family of kinds holds its tables; engine.py makes functions of them, rows.py and checks.py are
the words they are written in. Nothing here knows of requests, stores, admission or the clock: what needs
other objects (quotas, priority classes, allocation of addresses) is not done here.
"""

from control_plane.api.rules.api import (
    default_object,
    invalid,
    validate_create,
    validate_status_update,
    validate_update,
)

__all__ = [
    "default_object",
    "invalid",
    "validate_create",
    "validate_status_update",
    "validate_update",
]
