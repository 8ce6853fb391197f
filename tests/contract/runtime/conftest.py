"""A Docker engine for contract tests, in a cluster of its own name, with nothing left behind."""

from collections.abc import AsyncIterator

import pytest

from knarr.clock import RandomIds, SystemClock
from node_agent.runtime.docker.engine import DockerEngine
from tests.support.images import DOCKER_URL, ensure_images
from tests.support.node import NODE


@pytest.fixture(scope="session")
def images() -> None:
    ensure_images()


@pytest.fixture
def cluster() -> str:
    """A cluster name that no other test uses: the engine shows its containers alone."""
    return f"test-{RandomIds().suffix(10)}"


@pytest.fixture
async def docker_engine(images: None, cluster: str) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(DOCKER_URL, cluster=cluster, node=NODE, clock=SystemClock())
    yield engine
    await remove_all(DockerEngine(DOCKER_URL, cluster=cluster, node=NODE, clock=SystemClock()))
    await engine.close()


async def remove_all(engine: DockerEngine) -> None:
    """Remove every container that the engine shows."""
    try:
        for state in await engine.list():
            await engine.remove(state.id)
    finally:
        await engine.close()
