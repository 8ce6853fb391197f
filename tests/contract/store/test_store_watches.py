"""What watch promises: everything once, in order, whole revisions, across disconnects."""

import asyncio
import contextlib

import pytest

from control_plane.store.interface import (
    ABSENT,
    POSITIONS,
    Change,
    CompactedError,
    Store,
    Write,
)
from tests.support.stores import Backing, create, increasing, put, take, written


async def test_changes_have_what_was_and_what_is(store: Store) -> None:
    start = (await store.list("/a/")).version
    first = await put(store, "/a/x", b"1")
    second = await put(store, "/a/x", b"2", first)
    await put(store, "/b/x", b"elsewhere")
    third = written((await store.write([Write("/a/x", None, second)]))[0])
    async with contextlib.aclosing(store.watch("/a/", start)) as watch:
        assert await take(watch, 3) == [
            Change("/a/x", b"1", first, None),
            Change("/a/x", b"2", second, b"1"),
            Change("/a/x", None, third, b"2"),
        ]


async def test_a_watch_sees_what_comes_later(backing: Backing, store: Store) -> None:
    start = (await store.list("/a/")).version
    async with contextlib.aclosing(store.watch("/a/", start)) as watch:
        for number in range(5):
            version = await put(backing.store(), f"/a/{number}", b"v")
            assert await take(watch, 1) == [Change(f"/a/{number}", b"v", version, None)]


async def test_version_zero_is_the_beginning(store: Store) -> None:
    versions = [await put(store, f"/a/{number}", b"v") for number in range(3)]
    async with contextlib.aclosing(store.watch("/a/", 0)) as watch:
        assert [change.version for change in await take(watch, 3)] == versions


async def test_the_versions_of_a_batch_are_those_of_its_outcomes(store: Store) -> None:
    start = (await store.list("/a/")).version
    created = await create(store, *(f"/a/{number:03}" for number in range(120)))
    writes = [
        Write(f"/a/{number:03}", None if number % 3 else b"new", version)
        for number, version in enumerate(created)
    ]
    done = [written(outcome) for outcome in await store.write(writes)]
    async with contextlib.aclosing(store.watch("/a/", start)) as watch:
        changes = await take(watch, 240)
    assert increasing(changes)
    assert {change.key: change.version for change in changes[:120]} == dict(
        zip((write.key for write in writes), created, strict=True)
    )
    assert {change.key: change.version for change in changes[120:]} == dict(
        zip((write.key for write in writes), done, strict=True)
    )


async def test_deletions_have_one_version_for_every_watch(store: Store) -> None:
    created = await create(store, *(f"/a/{number % 4}/{number:02}" for number in range(40)))
    records = (await store.list("/a/")).records
    start = (await store.list("/a/")).version
    assert len(created) == 40
    await store.write([Write(record.key, None, record.version) for record in records])
    async with contextlib.aclosing(store.watch("/a/", start)) as watch:
        everything = {change.key: change.version for change in await take(watch, 40)}
    async with contextlib.aclosing(store.watch("/a/2/", start)) as watch:
        part = {change.key: change.version for change in await take(watch, 10)}
    assert part == {key: version for key, version in everything.items() if key.startswith("/a/2/")}


async def test_objects_written_alone_can_be_deleted_together(store: Store) -> None:
    for number in range(30):
        await put(store, f"/a/{number:02}", b"")
    page = await store.list("/a/")
    outcomes = await store.write([Write(record.key, None, record.version) for record in page.records])
    versions = {write.key: written(outcome) for write, outcome in zip(page.records, outcomes, strict=True)}
    async with contextlib.aclosing(store.watch("/a/", page.version)) as watch:
        changes = await take(watch, 30)
    assert increasing(changes)
    assert {change.key: change.version for change in changes} == versions


async def test_a_revision_comes_whole(store: Store) -> None:
    start = (await store.list("/a/")).version
    await create(store, *(f"/a/{number:03}" for number in range(500)))
    seen: dict[int, int] = {}
    count = 0
    async with asyncio.timeout(20), contextlib.aclosing(store.watch("/a/", start)) as watch:
        async for changes in watch:
            for revision in {change.version // POSITIONS for change in changes}:
                assert revision not in seen
                seen[revision] = 1
            count += len(changes)
            if count == 500:
                break


async def test_a_watch_resumes_at_every_version(store: Store) -> None:
    start = (await store.list("/a/")).version
    versions = await create(store, *(f"/a/{number:02}" for number in range(60)))
    await store.write(
        [Write(f"/a/{number:02}", None, version) for number, version in enumerate(versions[::2])]
    )
    gone = await store.list("/a/")
    await store.write([Write(record.key, None, record.version) for record in gone.records[:15]])
    async with contextlib.aclosing(store.watch("/a/", start)) as watch:
        everything = await take(watch, 75)
    for index in range(0, 74, 5):
        async with contextlib.aclosing(store.watch("/a/", everything[index].version)) as watch:
            assert await take(watch, 74 - index) == everything[index + 1 :]


async def test_an_interruption_loses_and_repeats_nothing(backing: Backing, store: Store) -> None:
    start = (await store.list("/a/")).version
    writer = backing.store()
    total = 600

    async def write_all() -> None:
        for number in range(0, total, 20):
            await create(writer, *(f"/a/{index:04}" for index in range(number, number + 20)))

    async with contextlib.aclosing(store.watch("/a/", start)) as watch, asyncio.TaskGroup() as tasks:
        tasks.create_task(write_all(), name="writes")
        changes = await take(watch, 200)
        await backing.interrupt()
        changes += await take(watch, total - len(changes))
    assert increasing(changes)
    assert [change.key for change in changes] == [
        record.key for record in sorted((await store.list("/a/")).records, key=lambda one: one.version)
    ]
    assert len(changes) == total


async def test_a_watch_from_what_was_compacted_is_told(store: Store) -> None:
    start = (await store.list("/a/")).version
    for number in range(5):
        await put(store, "/a/x", b"%d" % number)
    await store.compact((await store.list("/a/")).version)
    async with contextlib.aclosing(store.watch("/a/", start)) as watch:
        with pytest.raises(CompactedError):
            await take(watch, 1)


async def test_a_watch_from_the_version_compacted_to_misses_nothing(store: Store) -> None:
    (version,) = await create(store, "/a/x")
    deleted, created = await store.write([Write("/a/x", None, version), Write("/a/y", b"", ABSENT)])
    first = min(written(deleted), written(created))
    await store.compact(first)
    async with contextlib.aclosing(store.watch("/a/", first)) as watch:
        later = await take(watch, 1)
    assert [change.version for change in later] == [max(written(deleted), written(created))]


async def test_compaction_does_not_harm_a_watch_that_is_up_to_date(store: Store) -> None:
    start = (await store.list("/a/")).version
    async with contextlib.aclosing(store.watch("/a/", start)) as watch:
        await put(store, "/a/x", b"1")
        await take(watch, 1)
        pending = asyncio.ensure_future(take(watch, 1))
        for number in range(5):
            await put(store, "/b/x", b"%d" % number)
        await store.compact((await store.list("/a/")).version)
        version = await put(store, "/a/x", b"2")
        assert await pending == [Change("/a/x", b"2", version, b"1")]


async def test_close_ends_watches(store: Store) -> None:
    start = (await store.list("/a/")).version
    watch = store.watch("/a/", start)
    await put(store, "/a/x", b"")
    await take(watch, 1)
    pending = asyncio.ensure_future(anext(watch, None))
    await asyncio.sleep(0)
    await store.close()
    async with asyncio.timeout(20):
        assert await pending is None
