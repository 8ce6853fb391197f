"""Applies items one by one, after the control plane has checked all of them."""

import re
from collections.abc import Sequence

from knarr.cli.applying.items import NOTHING_DONE, Item
from knarr.cli.decisions.refusals import refusal
from knarr.cli.failure import FAILED, Failure, of_api_error
from knarr.cli.writing import Writing
from knarr.client import Client, Unreachable, reference
from knarr.errors import ApiError, Forbidden, NotFound
from knarr.proto.services import object_service_pb2 as wire

# What admission looks for when a pod is made.
NEEDED = ("PriorityClass", "ServiceAccount")
WORDS = {wire.CREATED: "created", wire.CONFIGURED: "configured", wire.UNCHANGED: "unchanged"}


class Sender:
    """Sends items as the options say."""

    def __init__(self, client: Client, items: Sequence[Item], writing: Writing, *, force: bool) -> None:
        self._client = client
        self._items = items
        self._writing = writing
        self._force = force
        self._namespaces = {item.target.name for item in items if item.target.kind.name == "Namespace"}
        self._needed = [item.target.name for item in items if item.target.kind.name in NEEDED]

    async def check(self) -> dict[int, wire.ObjectResponse]:
        """Have the control plane check everything: what each item would become, by its place; one whose
        namespace is still to be made has none. Raises Failure when any is refused."""
        refused: list[str] = []
        answers: dict[int, wire.ObjectResponse] = {}
        for index, item in enumerate(self._items):
            try:
                answers[index] = await self._send(item, dry_run=True)
            except Unreachable:
                raise
            except ApiError as error:
                if not self._is_early(item, error):
                    refused.append(refusal(item, error))
        if refused:
            raise Failure("\n".join([*refused, NOTHING_DONE]), FAILED)
        return answers

    async def apply(self) -> list[tuple[Item, wire.ObjectResponse]]:
        """Apply every item and tell of it; raises Failure, which names what is left undone."""
        done: list[tuple[Item, wire.ObjectResponse]] = []
        dry_run = self._writing.options().dry_run
        for index, item in enumerate(self._items):
            try:
                answer = await self._send(item, dry_run=dry_run)
            except ApiError as error:
                if dry_run and self._is_early(item, error):
                    self._writing.tell(item.target, "created")
                    continue
                left = ", ".join(str(rest.target) for rest in self._items[index:])
                code = of_api_error(error).exit_code
                raise Failure(f"{refusal(item, error)}\nnot applied: {left}", code) from error
            self._writing.tell(item.target, WORDS.get(answer.outcome, "applied"), answer)
            done.append((item, answer))
        return done

    def _is_early(self, item: Item, error: ApiError) -> bool:
        """Whether it was refused only for another item that is not there yet: its namespace, or a priority
        class or service account that the refusal names."""
        if isinstance(error, NotFound):
            return item.namespace in self._namespaces
        return isinstance(error, Forbidden) and any(
            re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", error.message) for name in self._needed
        )

    async def _send(self, item: Item, *, dry_run: bool) -> wire.ObjectResponse:
        request = wire.ApplyRequest(
            reference=reference(item.target.kind, item.namespace, item.target.name),
            body=wire.Body(json=item.body()),
            options=self._writing.options(),
            force=self._force,
        )
        request.options.dry_run = dry_run
        return await self._client.send(request)
