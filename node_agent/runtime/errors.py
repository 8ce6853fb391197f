"""What a container engine may answer instead of doing what it was asked.

RuntimeFailure              the engine did not do it
├── EngineUnavailable       no answer in time; it may have been done: look, then retry
├── NotFound                no such container
├── ImageFailure            the image is not here and cannot be had (now)
└── Refused                 asked in this form it will never be done
"""


class RuntimeFailure(Exception):
    """The engine did not do what it was asked. The message is the engine's own."""

    retryable = False


class EngineUnavailable(RuntimeFailure):
    """The engine cannot be reached or did not answer in time; a write may have been done or not."""

    retryable = True


class NotFound(RuntimeFailure):
    """There is no such container."""


class ImageFailure(RuntimeFailure):
    """The image is not on this machine and could not be pulled; a later try may succeed."""

    retryable = True


class Refused(RuntimeFailure):
    """The engine refuses the request as it is: a port that is taken, a command that does not exist, …"""
