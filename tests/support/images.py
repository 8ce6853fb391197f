"""The images that tests run: made from this machine's files, see deploy/images/build.py."""

import os

import docker

from deploy.images.build import build

DOCKER_URL = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")

PAUSE = "knarr/pause:1"
BUSYBOX = "busybox:latest"
NGINX = "nginx:1.14.2"


def ensure_images() -> None:
    """Make sure that the engine has them; a quick look when it does. Raises DockerException."""
    engine = docker.APIClient(base_url=DOCKER_URL, version="auto", timeout=60)
    try:
        build(engine, say=lambda _: None)
    finally:
        engine.close()
