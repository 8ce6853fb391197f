"""Background processes that outlive the command which started them, remembered by pid files.

A pid alone may have been given to another process since; the start time beside it tells.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knarr.cli.failure import Failure

POLL_S = 0.05
KILL_AFTER_S = 15.0
TAIL_BYTES = 4096
MAX_LOG_BYTES = 16 * 1024 * 1024  # a larger log is set aside at the next start


@dataclass(frozen=True, slots=True)
class Process:
    """A background process with its pid file and log, running or not."""

    name: str
    pid_file: Path
    log_file: Path

    def pid(self) -> int | None:
        """The pid, when the process that was started still runs."""
        try:
            recorded = json.loads(self.pid_file.read_text())
            pid, started = int(recorded["pid"]), int(recorded["started"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return pid if _start_time(pid) == started else None

    def start(self, arguments: Sequence[str]) -> None:
        """Start it detached from this terminal, with its output in the log file."""
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log_file.exists() and self.log_file.stat().st_size > MAX_LOG_BYTES:
            os.replace(self.log_file, self.log_file.with_suffix(".log.1"))
        with self.log_file.open("ab") as log:
            child = subprocess.Popen(  # it outlives this command on purpose
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
            )
        record = json.dumps({"pid": child.pid, "started": _start_time(child.pid) or 0})
        temporary = self.pid_file.with_suffix(".new")
        temporary.write_text(record)
        os.replace(temporary, self.pid_file)
        # Not waited for: init adopts it when this command ends.
        child.returncode = 0

    def stop(self) -> bool:
        """End it: SIGTERM, then SIGKILL after a while; False when it did not run."""
        pid = self.pid()
        if pid is None:
            self.pid_file.unlink(missing_ok=True)
            return False
        os.kill(pid, signal.SIGTERM)
        waited_s = 0.0
        while self.pid() is not None:
            if waited_s >= KILL_AFTER_S:
                os.kill(pid, signal.SIGKILL)
            if waited_s >= 2 * KILL_AFTER_S:
                raise Failure(f"{self.name} (pid {pid}) does not end")
            _reap(pid)
            time.sleep(POLL_S)
            waited_s += POLL_S
        self.pid_file.unlink(missing_ok=True)
        return True

    def log_tail(self) -> str:
        """The last lines that it wrote."""
        try:
            data = self.log_file.read_bytes()[-TAIL_BYTES:]
        except FileNotFoundError:
            return ""
        return "\n".join(data.decode(errors="replace").splitlines()[-15:])


def _start_time(pid: int) -> int | None:
    """When the process was started, in clock ticks since boot; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _reap(pid: int) -> None:
    """A child of this very process stays a zombie until it is waited for."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
