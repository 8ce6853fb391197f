"""The picture kept for questions: filled once, kept up to date, dropped, never asked while half changed."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import pytest

from control_plane.controllers.actions import key_of
from control_plane.insight.picture import Picture
from control_plane.insight.pictures import MOST_WAITING, Pictures
from control_plane.scheduler.profiles import Profiles
from knarr.clock import SystemClock
from knarr.errors import BadRequest, InternalError, TooManyRequests
from tests.support.model import Model
from tests.support.waiting import until
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod


@contextlib.asynccontextmanager
async def pictures(model: Model, kept_s: float = 60.0) -> AsyncIterator[Pictures]:
    made = Pictures(model, Profiles(), SystemClock(), kept_s)
    running = asyncio.create_task(made.run(), name="pictures")
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.wait({running})


def names(picture: Picture) -> list[str]:
    return sorted(picture.cluster.nodes.rows)


async def test_changes_between_questions_are_seen() -> None:
    model = Model()
    model.put_new(make_node("a"))
    async with pictures(model) as asked:
        assert await asked.ask(names) == ["a"]
        model.put_new(make_node("b"))
        model.put_new(make_pod("p", node="b"))
        assert await asked.ask(names) == ["a", "b"]
        assert await asked.ask(lambda picture: list(picture.cluster.pods)) == ["default/p"]


async def test_the_same_picture_answers_and_in_another_thread() -> None:
    async with pictures(Model()) as asked:
        first = await asked.ask(lambda picture: (id(picture), threading.get_ident()))
        assert await asked.ask(lambda picture: (id(picture), threading.get_ident())) == first
        assert first[1] != threading.get_ident()


async def test_it_is_dropped_when_nobody_asks_and_made_again() -> None:
    model = Model()
    model.put_new(make_node("a"))
    async with pictures(model, kept_s=0.0) as asked:
        assert await asked.ask(names) == ["a"]
        await until(lambda: not asked.kept, "the picture is dropped")
        model.put_new(make_node("b"))
        assert await asked.ask(names) == ["a", "b"]


async def test_a_question_that_fails_midway_costs_the_picture() -> None:
    model = Model()
    model.put_new(make_node("a"))

    def fail(picture: Picture) -> None:
        picture.cluster.remove_node("a")
        raise KeyError("a mistake")

    async with pictures(model) as asked:
        with pytest.raises(KeyError):
            await asked.ask(fail)
        assert not asked.kept
        assert await asked.ask(names) == ["a"]


async def test_a_question_that_is_refused_costs_nothing() -> None:
    def refuse(picture: Picture) -> None:
        raise BadRequest("no")

    async with pictures(Model()) as asked:
        before = await asked.ask(id)
        with pytest.raises(BadRequest):
            await asked.ask(refuse)
        assert await asked.ask(id) == before


async def test_nothing_is_answered_from_a_broken_picture() -> None:
    picture = Picture(Profiles())
    picture.broken = True
    with pytest.raises(InternalError):
        picture.answer(names)


async def test_changes_that_cannot_be_taken_in_cost_the_picture() -> None:
    model = Model()
    model.put_new(make_node("a"))
    async with pictures(model) as asked:
        assert await asked.ask(names) == ["a"]
        bad = make_node("b")
        bad.status.allocatable["cpu"].string = "a lot"
        model.put_new(bad)
        with pytest.raises(InternalError, match="ask again"):
            await asked.ask(names)
        assert not asked.kept
        model.remove(key_of(bad))
        assert await asked.ask(names) == ["a"]


async def test_a_question_called_off_loses_no_changes() -> None:
    """Changes come only once: they reach the picture though the question they came with is gone."""
    model = Model()
    began, go_on = threading.Event(), threading.Event()

    def wait(picture: Picture) -> None:
        began.set()
        assert go_on.wait(10)

    async with pictures(model) as asked:
        first = asyncio.create_task(asked.ask(wait), name="first")
        await until(began.is_set, "the first question is asked")
        model.put_new(make_node("a"))
        second = asyncio.create_task(asked.ask(names), name="second")
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait({second})
        go_on.set()
        await first
        assert await asked.ask(names) == ["a"]


async def test_so_many_may_wait_and_no_more() -> None:
    go_on = threading.Event()
    async with pictures(Model()) as asked:
        questions = [
            asyncio.create_task(asked.ask(lambda picture: go_on.wait(10)), name=f"question-{number}")
            for number in range(MOST_WAITING)
        ]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests):
            await asked.ask(names)
        go_on.set()
        assert await asyncio.gather(*questions) == [True] * MOST_WAITING
        assert await asked.ask(names) == []


async def test_the_loop_goes_on_while_a_question_is_thought_about() -> None:
    go_on = threading.Event()
    async with pictures(Model()) as asked:
        question = asyncio.create_task(asked.ask(lambda picture: go_on.wait(10)), name="question")
        await until(lambda: asked.kept, "the question is asked")
        go_on.set()
        assert await question
