"""Builds the images of demo and tests out of this machine's files, so that no registry is needed.

    knarr/pause:1    the infra container's image: waits for ever, reaps what is left to it
    busybox:latest   a shell and its tools
    nginx:1.14.2     stands in for the image of Kubernetes' first example: a web server on port 80 whose
                     page says which pod answers

Everything is made of one static busybox (Debian's package busybox-static). An image that the engine has
already is left alone, so a machine with the real nginx keeps it. Run: python deploy/images/build.py
"""

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import docker
from docker.errors import DockerException, ImageNotFound

BUSYBOX_PATHS = ("/bin/busybox", "/usr/bin/busybox")
ENGINE_TIMEOUT_S = 60

_PAUSE = """#!/bin/sh
# A signal ends it at once; `wait` reaps the orphans of a shared process namespace.
trap 'exit 0' TERM INT
while :; do sleep 2147483647 & wait; done
"""
_NGINX = """#!/bin/sh
# The arguments of the real nginx are accepted and mean nothing here. As process 1 it has to pass signals on.
httpd -f -vv -p 80 -h /www &
trap 'kill $!; exit 0' TERM INT QUIT
wait
"""
_PAGE = """#!/bin/sh
printf 'Content-Type: text/html\\r\\n\\r\\n'
echo "<!DOCTYPE html><html><head><title>Welcome to nginx!</title></head>"
echo "<body><h1>Welcome to nginx!</h1><p>Pod $(hostname) answers.</p></body></html>"
"""


@dataclass(frozen=True, slots=True)
class Image:
    """An image of busybox plus some files. `changes` are Dockerfile instructions."""

    name: str
    changes: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)  # path without a leading slash -> executable text


IMAGES = (
    Image("knarr/pause:1", ('ENTRYPOINT ["/pause"]',), {"pause": _PAUSE}),
    Image("busybox:latest", ('CMD ["sh"]',)),
    Image(
        "nginx:1.14.2",
        ('CMD ["nginx", "-g", "daemon off;"]', "EXPOSE 80"),
        {"usr/sbin/nginx": _NGINX, "www/cgi-bin/index.cgi": _PAGE},
    ),
)
_PATH = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class NoBusybox(Exception):
    """There is no static busybox on this machine."""


def build(
    engine: docker.APIClient, images: Sequence[Image] = IMAGES, *, say: Callable[[str], None] = print
) -> tuple[str, ...]:
    """Make the images that the engine does not have; returns their names.

    Raises NoBusybox, and DockerException when the engine refuses."""
    missing = [image for image in images if not _exists(engine, image.name)]
    if not missing:
        return ()
    busybox = _busybox()
    for image in missing:
        repository, _, tag = image.name.rpartition(":")
        engine.import_image_from_data(
            _root_file_system(busybox, image.files), repository, tag, changes=[_PATH, *image.changes]
        )
        say(f"built image {image.name}")
    return tuple(image.name for image in missing)


def _exists(engine: docker.APIClient, name: str) -> bool:
    try:
        engine.inspect_image(name)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return False
    return True


def _busybox() -> Path:
    for path in map(Path, BUSYBOX_PATHS):
        if path.is_file():
            linked = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False)
            if "=>" not in linked.stdout:
                return path
    raise NoBusybox("no static busybox at " + " or ".join(BUSYBOX_PATHS) + ": apt-get install busybox-static")


def _root_file_system(busybox: Path, files: dict[str, str]) -> bytes:
    """A tar of busybox with a link for each of its tools, and `files`."""
    listed = subprocess.run([str(busybox), "--list-full"], capture_output=True, text=True, check=True).stdout
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, mode in (("tmp", 0o1777), ("root", 0o700), ("etc", 0o755), ("var/run", 0o755)):
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        _add(tar, "bin/busybox", busybox.read_bytes(), 0o755)
        for tool in listed.split():
            if tool != "bin/busybox" and tool not in files:
                entry = tarfile.TarInfo(tool)
                entry.type, entry.linkname = tarfile.SYMTYPE, "/bin/busybox"
                tar.addfile(entry)
        _add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
        _add(tar, "etc/group", b"root:x:0:\nnogroup:x:65534:\n")
        for path, text in files.items():
            _add(tar, path, text.encode(), 0o755)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def main() -> int:
    """Build what is missing on the engine of $DOCKER_HOST; 0 when all images are there."""
    url = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    try:
        engine = docker.APIClient(base_url=url, version="auto", timeout=ENGINE_TIMEOUT_S)
        try:
            build(engine)
        finally:
            engine.close()
    except (NoBusybox, DockerException) as error:
        print(f"cannot build the images: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
