"""JSON values to messages: one plan of closures per message type, made from its schema when first needed.

A plan turns a dict into keyword arguments, checking every value, and protobuf builds the whole tree from them
in one call: that is several times faster than setting fields one by one. Problems are collected, not raised.
"""

from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from knarr.api.decoding_values import SCALAR_ZEROS, SCALARS, SPECIAL_VALUES, Convert, Problems, mistyped
from knarr.api.errors import Problem, show
from knarr.api.schema import META, Field, fields, has_type_meta
from knarr.api.suggest import nearest
from knarr.proto.kubernetes import meta_v1_pb2 as meta

# Unknown fields that are reported, as many as by Kubernetes: finding the name nearest to each takes time.
MAX_UNKNOWN: Final = 100
# Of so many problems some are no unknown fields, and the document is refused whatever else it says: the rest
# is not looked at. Telling a million wrong numbers apart would hold up everybody else for a minute.
_ENOUGH: Final = 2 * MAX_UNKNOWN


class _Nothing:
    """No value has this type."""


# One field as the loop in `decoder` needs it: the type of values that may be taken as they are, whether an
# explicit zero is kept, the name of the argument, the way through flattened structs, the converter.
_Step = tuple[type, bool, str, tuple[str, ...], Convert]


@cache
def decoder(descriptor: Descriptor) -> Convert:
    """The converter of a message type: dict -> keyword arguments, {} for an empty one."""
    steps: dict[str, _Step] = {}
    ignored = {"apiVersion", "kind"} if has_type_meta(descriptor) else set()

    def decode(value: Any, path: str, problems: Problems) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        if not isinstance(value, dict):
            problems.append(mistyped("an object", value, path))
            return arguments
        for key, item in value.items():
            step = steps.get(key)
            if step is None:
                if key not in ignored and len(problems) < MAX_UNKNOWN:
                    problems.append(_unknown(key, item, path, steps))
                continue
            if item is None:
                continue
            plain, keeps_zero, name, within, convert = step
            if type(item) is not plain:
                item = convert(item, f"{path}.{key}" if path else key, problems)
                if item is None:
                    continue
            elif not item and not keeps_zero:
                continue
            target = arguments
            for struct in within:
                target = target.setdefault(struct, {})
            target[name] = item
        return arguments

    # Filled after the closure exists, so that a type may contain itself.
    steps.update((field.key, _step(field)) for field in fields(descriptor))
    return decode


def _unknown(key: object, value: Any, path: str, known: dict[str, _Step]) -> Problem:
    shown = key if isinstance(key, str) else repr(key)
    near = nearest(shown, known)
    here = f"{path}.{shown}" if path else shown
    return Problem(here, value, "unknown field", f"did you mean {near}?" if near else "", unknown=True)


def _step(field: Field) -> _Step:
    if field.is_map:
        return (_Nothing, True, field.name, field.within, _map(_value(field.map_value), field.map_value))
    convert = _value(field.descriptor)
    if field.is_list:
        return (_Nothing, True, field.name, field.within, _list(convert, field.descriptor))
    plain: type = {FieldDescriptor.TYPE_STRING: str, FieldDescriptor.TYPE_BOOL: bool}.get(
        field.descriptor.type, _Nothing
    )
    if field.is_struct:
        convert = _struct(convert, field.message.full_name if field.message else "")
    elif plain is _Nothing and not field.keeps_zero:
        convert = _or_absent(convert)
    return (plain, field.keeps_zero, field.name, field.within, convert)


def _struct(convert: Convert, name: str) -> Convert:
    """Of a struct embedded by value, an empty or zero one is absent."""
    zero = _STRUCT_ZEROS.get(name)

    def decode(value: Any, path: str, problems: Problems) -> Any:
        converted = convert(value, path, problems)
        return converted if converted and converted != zero else None

    return decode


_STRUCT_ZEROS: Final[dict[str, Any]] = {
    META + "IntOrString": {"type": 0, "intVal": 0},
    META + "Quantity": meta.Quantity(string="0"),
}


def _or_absent(convert: Convert) -> Convert:
    """Of a number that is not optional, zero is absent."""
    return lambda value, path, problems: convert(value, path, problems) or None


def _list(convert: Convert, descriptor: FieldDescriptor) -> Convert:
    zero = _zero(descriptor)
    plain = str if descriptor.type == FieldDescriptor.TYPE_STRING else _Nothing

    def decode(value: Any, path: str, problems: Problems) -> list[Any] | None:
        if not isinstance(value, list):
            problems.append(mistyped("a list", value, path))
            return None
        items: list[Any] = []
        for index, item in enumerate(value):
            if type(item) is not plain:
                # Go reads null in a list as the zero value.
                item = zero if item is None else convert(item, f"{path}[{index}]", problems)
                if len(problems) >= _ENOUGH:
                    return None
            items.append(zero if item is None else item)
        return items or None

    return decode


def _map(convert: Convert, descriptor: FieldDescriptor) -> Convert:
    zero = _zero(descriptor)
    plain = str if descriptor.type == FieldDescriptor.TYPE_STRING else _Nothing

    def decode(value: Any, path: str, problems: Problems) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            problems.append(mistyped("an object", value, path))
            return None
        entries: dict[str, Any] = {}
        for key, item in value.items():
            if type(key) is not str:
                problems.append(Problem(path, key, f"keys are strings, got {show(key)}", "put it in quotes"))
                continue
            if type(item) is not plain:
                # Go reads null in a map as the zero value.
                item = zero if item is None else convert(item, f"{path}[{key}]", problems)
                if len(problems) >= _ENOUGH:
                    return None
            entries[key] = zero if item is None else item
        return entries or None

    return decode


def _zero(descriptor: FieldDescriptor) -> Any:
    message = descriptor.message_type
    if message is None:
        return SCALAR_ZEROS[descriptor.type]
    return _STRUCT_ZEROS.get(message.full_name, {})


def _value(descriptor: FieldDescriptor) -> Convert:
    """The converter of one value, be it a field, an element of a list or a value of a map."""
    message = descriptor.message_type
    if message is None:
        return SCALARS[descriptor.type]
    special = SPECIAL_VALUES.get(message.full_name)
    return special if special is not None else decoder(message)
