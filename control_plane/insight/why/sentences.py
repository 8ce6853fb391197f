"""Small parts of sentences. Pure."""

from collections.abc import Sequence

from knarr.ages import age
from knarr.proto.kubernetes import meta_v1_pb2 as meta

# What exit codes mean by convention: 128 and a signal's number, and the shell's own.
_EXIT_CODES = {
    126: "its command is not executable",
    127: "its command was not found",
    130: "it was interrupted (SIGINT)",
    132: "illegal instruction (SIGILL)",
    134: "it aborted (SIGABRT)",
    135: "bus error (SIGBUS)",
    136: "arithmetic error (SIGFPE)",
    137: "it was killed (SIGKILL)",
    139: "segmentation fault (SIGSEGV)",
    143: "it was told to stop (SIGTERM)",
}


def exit_text(code: int, reason: str) -> str:
    """ "exit code 137: out of memory", "exit code 1"."""
    if reason == "OOMKilled":
        return f"exit code {code}: killed for using more memory than its limit"
    meaning = _EXIT_CODES.get(code, "")
    return f"exit code {code}" + (f": {meaning}" if meaning else "")


def since(time: meta.Time, now: float) -> str:
    """ "5m"; "an unknown time" for none."""
    return age(now - time.seconds) if time.seconds else "an unknown time"


def times(count: int, what: str = "time") -> str:
    """ "1 time", "3 times"."""
    return f"{count} {what}" + ("" if count == 1 else "s")


def listed(names: Sequence[str], most: int = 5) -> str:
    """ "a", "a and b", "a, b, c and 4 more"."""
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return " and ".join((", ".join(shown[:-1]), shown[-1])) if len(shown) > 1 else "".join(shown)
