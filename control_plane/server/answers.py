"""Results of writes as answers of ObjectService."""

from control_plane.api.api import Result
from control_plane.api.messages import metadata
from control_plane.api.scale import scale_of
from knarr.api.kinds import POD, Kind
from knarr.proto.services import object_service_pb2 as wire


def response(kind: Kind, result: Result, warnings: tuple[str, ...] = ()) -> wire.ObjectResponse:
    """The answer to a write."""
    own = metadata(result.obj)
    reference = wire.Reference(
        api_version=kind.api_version, kind=kind.name, namespace=own.namespace, name=own.name
    )
    return wire.ObjectResponse(
        reference=reference,
        object=result.obj.SerializeToString(),
        warnings=[*warnings, *result.warnings],
        outcome=result.outcome,
    )


def deleted(kind: Kind, result: Result) -> wire.ObjectResponse:
    """A pod that is gone is still told as it ended; of all else a Status says which object it was."""
    answer = response(kind, result)
    if result.outcome == wire.DELETED and kind is not POD:
        own = metadata(result.obj)
        answer.object = b""
        answer.status.status = "Success"
        details = answer.status.details
        details.group, details.kind, details.name, details.uid = kind.group, kind.plural, own.name, own.uid
    return answer


def scale_response(kind: Kind, result: Result, warnings: tuple[str, ...] = ()) -> wire.ObjectResponse:
    """The answer to a write of the scale."""
    answer = response(kind, result, warnings)
    answer.object = scale_of(result.obj).SerializeToString()
    return answer
