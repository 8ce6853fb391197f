"""ResourceQuota: how much of what a namespace may use, exact whoever writes at the same time.

What an object uses (usage.py) and which quotas cover it (scopes.py) is pure, and so is what a quota comes to
(accounts.py). The ledger (ledger.py) writes an object and the quotas that it is charged to in one step.
"""

from control_plane.api.admission.quotas.accounts import Account, Change
from control_plane.api.admission.quotas.ledger import Ledger
from control_plane.api.admission.quotas.rounds import Charged
from control_plane.api.admission.quotas.usage import usage_of

__all__ = ["Account", "Change", "Charged", "Ledger", "usage_of"]
