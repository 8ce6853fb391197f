"""Publishes a set of files in a directory so that readers see all of the old or all of the new ones.

The files stand in a hidden directory named after their content; `..data` points to it and is replaced in one
step; the visible names point through `..data`. This is the layout that programs which watch Kubernetes'
configMap volumes rely on.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from node_agent.pods.payload import File

_DATA = "..data"
_GROUP_READ = 0o040


def publish(place: Path, files: Mapping[str, File], group: int | None) -> None:
    """Make `place` show exactly `files`; nothing is written when it does already. `group` (a gid) may read
    them. Raises OSError."""
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o755)
    version = f"..{_digest(files, group)}"
    old = _target(place / _DATA)
    if old != version or not (place / version).is_dir():
        _write(place / version, files, group)
        _link(place / _DATA, version)
    # Looked at each time: a crash may have come between the replacement and the links.
    visible = {path.partition("/")[0] for path in files}
    for name in visible:
        if _target(place / name) != f"{_DATA}/{name}":
            _link(place / name, f"{_DATA}/{name}")
    for entry in place.iterdir():
        if entry.is_symlink() and entry.name != _DATA and entry.name not in visible:
            entry.unlink()
    if old and old != version:
        shutil.rmtree(place / old, ignore_errors=True)


def _write(directory: Path, files: Mapping[str, File], group: int | None) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    directory.chmod(0o755)
    for path, file in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        if group is not None:
            os.chown(target, -1, group)
        target.chmod(file.mode | (_GROUP_READ if group is not None else 0))


def _link(path: Path, target: str) -> None:
    temporary = path.with_name(f"..new-{path.name}")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    os.symlink(target, temporary)
    os.replace(temporary, path)


def _target(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _digest(files: Mapping[str, File], group: int | None) -> str:
    digest = hashlib.sha256(str(group).encode())
    for path in sorted(files):
        file = files[path]
        digest.update(f"\0{path}\0{file.mode}\0{len(file.content)}\0".encode())
        digest.update(file.content)
    return digest.hexdigest()[:20]
