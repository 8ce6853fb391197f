"""What is allowed and added beyond an object's own rules, as Kubernetes' admission plugins do it.

`Admission` (pipeline.py) is what a write goes through; each other module is one plugin: pure functions of the
object and of what it depends on. ResourceQuota stands in quotas/, since it is charged in the write itself.
"""

from control_plane.api.admission.accounts import default_account
from control_plane.api.admission.namespaces import admit_deletion, admit_namespace
from control_plane.api.admission.pipeline import Admission
from control_plane.api.admission.priorities import (
    PREEMPT,
    SYSTEM_PRIORITIES,
    admit_priority,
    admit_priority_class,
    keep_priority,
)
from control_plane.api.admission.tolerations import admit_tolerations

__all__ = [
    "PREEMPT",
    "SYSTEM_PRIORITIES",
    "Admission",
    "admit_deletion",
    "admit_namespace",
    "admit_priority",
    "admit_priority_class",
    "admit_tolerations",
    "default_account",
    "keep_priority",
]
