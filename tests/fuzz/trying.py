"""One input tried: its answer or its failure, how long it took, and an end to what has none."""

import contextlib
import signal
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

from tests.fuzz.target import Try

DEADLINE_S = 2.0  # of processor time, so that other work on the machine does not count
SLOW = "slow"  # how the kind of that failure begins
ENDLESS_S = 30  # of real time: then it is stopped wherever it is


class Endless(Exception):
    """An input that does not come to an end."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of an input. `failure` is "" for none; `kind` is the same for failures of one cause."""

    answer: str
    seconds: float
    failure: str = ""
    kind: str = ""


async def attempt(run: Try, data: bytes) -> Attempt:
    """Try one input; one that took too long twice, so that a moment of the machine's is no failure."""
    done = await _once(run, data)
    return await _once(run, data) if done.kind.startswith(SLOW) else done


async def _once(run: Try, data: bytes) -> Attempt:
    start = time.process_time()
    try:
        with _stopped_after(ENDLESS_S):
            answer = await run(data)
    except Exception as error:
        seconds = time.process_time() - start
        return Attempt("failed", seconds, "".join(traceback.format_exception(error)), _kind_of(error))
    seconds = time.process_time() - start
    if seconds > DEADLINE_S:
        return Attempt(
            answer, seconds, f"took {seconds:.1f} s of processor time: {answer}", f"{SLOW} {answer[:40]}"
        )
    return Attempt(answer, seconds)


def _kind_of(error: BaseException) -> str:
    """Type, place and the beginning of the text."""
    cause = error.__cause__ or error
    frames = traceback.extract_tb(cause.__traceback__)
    ours = [frame for frame in frames if "/tests/" not in frame.filename] or frames
    place = f"{ours[-1].filename.rsplit('/', 2)[-1]}:{ours[-1].name}" if ours else ""
    text = "".join(char for char in str(error)[:60] if char.isalpha() or char == " ")
    return f"{type(error).__name__} {place} {text}"


@contextlib.contextmanager
def _stopped_after(seconds: int) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Endless(f"still at it after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
