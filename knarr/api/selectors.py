"""Label selectors: from text or from a LabelSelector message, matched against labels, printed again.

The text form and its errors are Kubernetes' (k8s.io/apimachinery, pkg/labels). A selector is immutable and
can be shared.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from knarr.api import names
from knarr.api.errors import SelectorError
from knarr.proto.kubernetes import meta_v1_pb2 as meta

_INT: Final = re.compile(r"[+-]?[0-9]+")
# Reading one of this length takes some tenths of a second; Kubernetes' are bounded by the length of a URL.
MAX_LENGTH: Final = 65_536
_INT64: Final = range(-(2**63), 2**63)


class Operator(Enum):
    """The value is the name that messages use."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GREATER = "Gt"
    LESS = "Lt"


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one label must be. IN and NOT_IN need at least one value, GREATER and LESS one whole number."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()
    spelt: str = ""  # "=", "==" or "!=" where the text had that instead of in and notin

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case Operator.IN:
                return value is not None and value in self.values
            case Operator.NOT_IN:
                return value is None or value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None
        have, bound = to_int64(value), to_int64(self.values[0])
        if have is None or bound is None:
            return False
        return have > bound if self.operator is Operator.GREATER else have < bound

    def __str__(self) -> str:
        match self.operator:
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"
            case Operator.GREATER | Operator.LESS:
                return f"{self.key}{'>' if self.operator is Operator.GREATER else '<'}{self.values[0]}"
        if self.spelt:
            return f"{self.key}{self.spelt}{self.values[0]}"
        word = "in" if self.operator is Operator.IN else "notin"
        return f"{self.key} {word} ({','.join(sorted(self.values))})"


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must hold; without any, everything is selected. None selects nothing."""

    requirements: tuple[Requirement, ...] | None = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        if self.requirements is None:
            return False
        return all(requirement.matches(labels) for requirement in self.requirements)

    @property
    def everything(self) -> bool:
        return self.requirements == ()

    @property
    def nothing(self) -> bool:
        return self.requirements is None

    def __str__(self) -> str:
        """Kubernetes' text form; parse(str(s)) selects the same. That of a selector of nothing is no text."""
        return ",".join(map(str, self.requirements or ()))


EVERYTHING: Final = Selector()
NOTHING: Final = Selector(None)


def to_int64(text: str | None) -> int | None:
    """The number that a label says, as Go reads it; None when it is none."""
    if text is None or len(text) > 63 or _INT.fullmatch(text) is None:
        return None
    number = int(text)
    return number if number in _INT64 else None


def requirement(key: str, operator: Operator, values: Sequence[str], spelt: str = "") -> Requirement:
    """A checked requirement; raises SelectorError."""
    _check_key(key)
    if operator in (Operator.IN, Operator.NOT_IN):
        if not values:
            raise SelectorError("for 'in', 'notin' operators, values set can't be empty")
    elif operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST):
        if values:
            raise SelectorError("values set must be empty for exists and does not exist")
    elif len(values) != 1:
        raise SelectorError("for 'Gt', 'Lt' operators, exactly one value is required")
    elif to_int64(values[0]) is None:
        raise SelectorError("for 'Gt', 'Lt' operators, the value must be an integer")
    for value in values:
        errors = names.label_value_errors(value)
        if errors:
            raise SelectorError(f'invalid label value: "{value}": at key: "{key}": {"; ".join(errors)}')
    return Requirement(key, operator, tuple(values), spelt)


def _check_key(key: str) -> None:
    errors = names.qualified_name_errors(key)
    if errors:
        raise SelectorError(f'invalid label key "{key}": {"; ".join(errors)}')


def from_labels(labels: Mapping[str, str]) -> Selector:
    """Selects what has all of these labels; everything when there are none."""
    return Selector(tuple(_equal(labels)))


def _equal(labels: Mapping[str, str]) -> Iterator[Requirement]:
    for key in sorted(labels):
        yield Requirement(key, Operator.IN, (labels[key],), "=")


def from_message(selector: meta.LabelSelector | None) -> Selector:
    """The selector of a message; None selects nothing, an empty message everything.

    Keys and values are taken as they are (they were validated when the object was stored); an operator that
    does not exist or values that do not fit it raise SelectorError.
    """
    if selector is None:
        return NOTHING
    found = list(_equal(selector.matchLabels))
    for expression in selector.matchExpressions:
        try:
            operator = Operator(expression.operator)
        except ValueError:
            operator = Operator.GREATER
        if operator in (Operator.GREATER, Operator.LESS):
            raise SelectorError(f'"{expression.operator}" is not a valid label selector operator')
        values = tuple(expression.values)
        if bool(values) != (operator in (Operator.IN, Operator.NOT_IN)):
            raise SelectorError(f"wrong number of values for {operator.value} of {expression.key}")

        found.append(Requirement(expression.key, operator, values))
    return Selector(tuple(found))


def to_message(selector: Selector) -> meta.LabelSelector:
    """The message of a selector; raises SelectorError for what messages cannot say (nothing, Gt, Lt)."""
    if selector.requirements is None:
        raise SelectorError("a selector of nothing has no message")
    message = meta.LabelSelector()
    for each in selector.requirements:
        if each.operator in (Operator.GREATER, Operator.LESS):
            raise SelectorError(f"{each}: label selectors of objects have no {each.operator.value}")
        if each.operator is Operator.IN and each.spelt and each.key not in message.matchLabels:
            message.matchLabels[each.key] = each.values[0]
        else:
            message.matchExpressions.add(key=each.key, operator=each.operator.value, values=each.values)
    return message


def parse(text: str) -> Selector:
    """The selector that a text says: `a=b,c!=d,e in (x,y),!f,g,h>1`. Raises SelectorError."""
    if len(text) > MAX_LENGTH:
        raise SelectorError(f"a selector must be no more than {MAX_LENGTH} characters, got {len(text)}")
    return Selector(tuple(sorted(_Parser(text).requirements(), key=lambda each: each.key)))


_TOKEN: Final = re.compile(r"[ \t\r\n]*(?:(==|!=|[=!(),<>])|([^=!(),<> \t\r\n]+))")
_SPELLINGS: Final = {
    "=": Operator.IN,
    "==": Operator.IN,
    "!=": Operator.NOT_IN,
    "in": Operator.IN,
    "notin": Operator.NOT_IN,
    ">": Operator.GREATER,
    "<": Operator.LESS,
}


def _tokens(text: str) -> Iterator[tuple[bool, str]]:
    """(whether it is a word, the token), then empty tokens for ever."""
    at = 0
    while found := _TOKEN.match(text, at):
        at = found.end()
        yield (found[1] is None, found[1] or found[2])
    while True:
        yield (False, "")


class _Parser:
    """Recursive descent with one token of lookahead."""

    def __init__(self, text: str) -> None:
        self._tokens: Iterable[tuple[bool, str]] = _tokens(text)
        self._next = (False, "")
        self._take()

    def _take(self) -> tuple[bool, str]:
        taken, self._next = self._next, next(iter(self._tokens))
        return taken

    def requirements(self) -> Iterator[Requirement]:
        is_word, token = self._next
        if not is_word and token not in ("!", ""):
            raise SelectorError(f"found '{token}', expected: !, identifier, or 'end of string'")
        while self._next[1]:
            try:
                yield self._requirement()
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from error
            _, token = self._take()
            if token == "":
                return
            if token != ",":
                raise SelectorError(f"found '{token}', expected: ',' or 'end of string'")
            is_word, token = self._next
            if not is_word and token != "!":
                raise SelectorError(f"found '{token}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        negated = self._next == (False, "!")
        if negated:
            self._take()
        is_word, key = self._take()
        if not is_word:
            raise SelectorError(f"found '{key}', expected: identifier")
        _check_key(key)
        if self._next in ((False, ""), (False, ",")):
            return requirement(key, Operator.DOES_NOT_EXIST if negated else Operator.EXISTS, ())
        _, spelt = self._take()
        operator = _SPELLINGS.get(spelt)
        if operator is None:
            raise SelectorError(f"found '{spelt}', expected: '=', '!=', '==', 'in', notin'")
        if spelt in ("in", "notin"):
            return requirement(key, operator, self._values())
        exact = spelt if operator in (Operator.IN, Operator.NOT_IN) else ""
        return requirement(key, operator, (self._value(),), exact)

    def _value(self) -> str:
        if self._next in ((False, ""), (False, ",")):
            return ""
        is_word, value = self._take()
        if not is_word:
            raise SelectorError(f"found '{value}', expected: identifier")
        return value

    def _values(self) -> tuple[str, ...]:
        """The values in parentheses, sorted; one between two commas or before or after one may be empty."""
        _, token = self._take()
        if token != "(":
            raise SelectorError(f"found '{token}' expected: '('")
        values = {""} if self._next in ((False, ","), (False, ")")) else set()
        while self._next != (False, ")"):
            is_word, token = self._take()
            if is_word:
                values.add(token)
                if self._next not in ((False, ","), (False, ")")):
                    raise SelectorError(f"found '{self._next[1]}', expected: ',' or ')'")
            elif token != ",":
                raise SelectorError(f"found '{token}', expected: ',', or identifier")
            elif self._next in ((False, ","), (False, ")")):
                values.add("")
        self._take()
        return tuple(sorted(values))
