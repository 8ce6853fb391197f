"""What calls of the client raise beyond what servers answer (knarr.errors).

ApiError
├── Unavailable
│   └── Unreachable      no server answers; of a write: and nothing was done
└── Timeout
    └── Ambiguous        a write that may have been done or not: read before you write again
"""

from knarr.errors import Timeout, Unavailable


class Unreachable(Unavailable):
    """No control plane answers at the addresses given. A write that raises it was never sent."""


class Ambiguous(Timeout):
    """It is not known whether a write was done: the server did not answer, or did not know itself.

    The client has not sent it a second time, or only where a precondition makes that harmless, and could not
    find out by reading. What to do is the caller's to say: read the object, compare, decide anew.
    """
