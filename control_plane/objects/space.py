"""Space: the records of one namespace, by name and in the order of their names.

They stand in pieces of bounded length. A list takes the pieces as they are, and a piece that a list has taken
is copied before it is changed: so a list is of one moment, takes microseconds to begin however many records
there are, and is read piece by piece while others run. (To sort and copy 150,000 records would hold the event
loop for 100 ms.)
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from control_plane.objects.records import CachedRecord

PIECE: Final = 512  # records of a piece at most


class _Piece:
    """Some neighbours, by name."""

    __slots__ = ("made_at", "names", "records")

    def __init__(self, names: list[str], records: list[CachedRecord], made_at: int) -> None:
        self.names = names
        self.records = records
        self.made_at = made_at  # the number of lists that were taken before


class Space:
    """Records of one kind and namespace."""

    __slots__ = ("_firsts", "_lists", "_pieces", "_records")

    def __init__(self) -> None:
        self._records: dict[str, CachedRecord] = {}
        self._pieces: list[_Piece] = []
        self._firsts: list[str] = []  # a name at or before the first of each piece, after the piece before
        self._lists = 0

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[CachedRecord]:
        """In any order."""
        return iter(self._records.values())

    def get(self, name: str) -> CachedRecord | None:
        return self._records.get(name)

    def put(self, record: CachedRecord) -> None:
        """Add or replace."""
        name = record.name
        self._records[name] = record
        if not self._pieces:
            self._pieces, self._firsts = [_Piece([name], [record], self._lists)], [""]
            return
        index = bisect_right(self._firsts, name) - 1
        piece = self._own(index)
        place = bisect_left(piece.names, name)
        if place < len(piece.names) and piece.names[place] == name:
            piece.records[place] = record
            return
        piece.names.insert(place, name)
        piece.records.insert(place, record)
        if len(piece.names) > PIECE:
            self._split(index, piece, place)

    def remove(self, name: str) -> None:
        """Raises KeyError for a name that is not there."""
        del self._records[name]
        index = bisect_right(self._firsts, name) - 1
        piece = self._own(index)
        place = bisect_left(piece.names, name)
        del piece.names[place], piece.records[place]
        if not piece.names:
            del self._pieces[index], self._firsts[index]
            if self._firsts:
                self._firsts[0] = ""

    def ordered(self) -> Sequence[Sequence[CachedRecord]]:
        """All by name, in pieces; what is changed later does not show in them."""
        self._lists += 1
        return [piece.records for piece in self._pieces]

    def _own(self, index: int) -> _Piece:
        """A piece that no list has."""
        piece = self._pieces[index]
        if piece.made_at != self._lists:
            piece = self._pieces[index] = _Piece(piece.names, piece.records[:], self._lists)
        return piece

    def _split(self, index: int, piece: _Piece, place: int) -> None:
        # Where names come in order, as those of many new objects do, a full piece stays behind.
        in_order = index == len(self._pieces) - 1 and place == PIECE
        cut = PIECE if in_order else PIECE // 2
        after = _Piece(piece.names[cut:], piece.records[cut:], self._lists)
        del piece.names[cut:], piece.records[cut:]
        self._pieces.insert(index + 1, after)
        self._firsts.insert(index + 1, after.names[0])
