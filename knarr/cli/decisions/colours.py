"""The colour in which a status is shown to a person. Pure."""

GOOD = {"Running", "Ready", "Active", "Bound", "Available", "Succeeded", "Completed", "Complete"}
BAD = {"NotReady", "Unknown", "Evicted", "Lost", "OOMKilled"}
BAD_BEGINNINGS = ("Err", "Crash", "Fail", "Invalid", "Init:Err", "Init:Crash", "ContainerStatusUnknown")
BAD_ENDINGS = ("BackOff", "Error", "Failed")


def colour_of(status: str) -> str | None:
    """Green for what is well, red for what will not be by waiting, yellow for what is on its way."""
    words = status.split(",")  # of a node: "Ready,SchedulingDisabled"
    if any(word in BAD or word.startswith(BAD_BEGINNINGS) or word.endswith(BAD_ENDINGS) for word in words):
        return "red"
    if all(word in GOOD for word in words):
        return "green"
    return "yellow" if status and not status.startswith("<") else None
