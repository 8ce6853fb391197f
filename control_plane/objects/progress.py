"""How far the cache has come, and who waits for it to come further (read your writes)."""

import asyncio
from collections import OrderedDict

REMEMBERED = 16_384  # newest applied versions, for a write whose change arrives before its answer

_Waiting = tuple[str | None, asyncio.Future[None]]  # for a change of this kind


class Progress:
    """Applied versions: one by one, and per kind up to where everything is applied."""

    def __init__(self) -> None:
        self._applied: OrderedDict[int, None] = OrderedDict()
        self._upto: dict[str, int] = {}
        self._waiting: dict[int, list[_Waiting]] = {}

    def applied(self, versions: list[int], kind: str, upto: int) -> None:
        """These changes of `kind` are in the cache, and so is all of it up to `upto`."""
        for version in versions:
            self._applied[version] = None
        while len(self._applied) > REMEMBERED:
            self._applied.popitem(last=False)
        self._upto[kind] = max(upto, self._upto.get(kind, 0))
        if self._waiting:
            for version in [version for version in self._waiting if version <= upto]:
                self._wake(version)

    async def seen(self, version: int, kind: str | None) -> None:
        """Return once the change with this version, of this kind or of one not known, is in the cache."""
        if self._is_seen(version, kind):
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (kind, future)
        self._waiting.setdefault(version, []).append(entry)
        try:
            await future
        except asyncio.CancelledError:
            self._forget(version, entry)
            raise

    def _is_seen(self, version: int, kind: str | None) -> bool:
        if version in self._applied:
            return True
        if kind is not None:
            return self._upto.get(kind, 0) >= version
        return bool(self._upto) and min(self._upto.values()) >= version

    def _wake(self, version: int) -> None:
        left: list[_Waiting] = []
        for kind, future in self._waiting.pop(version):
            if not self._is_seen(version, kind):
                left.append((kind, future))
            elif not future.done():
                future.set_result(None)
        if left:
            self._waiting[version] = left

    def _forget(self, version: int, entry: _Waiting) -> None:
        waiting = self._waiting.get(version, [])
        if entry in waiting:
            waiting.remove(entry)
            if not waiting:
                del self._waiting[version]
