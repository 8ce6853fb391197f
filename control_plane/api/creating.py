"""Creating objects: name, defaults, admission, validation, ownership, store."""

from google.protobuf.message import Message

from control_plane.api import admission, refusals
from control_plane.api.lookups import Lookups
from control_plane.api.messages import copy, metadata
from control_plane.api.patching import track_update
from control_plane.api.rules import default_object, validate_create
from control_plane.api.settings import ApiSettings
from control_plane.api.storage import Storage
from control_plane.api.strategy import MAX_GENERATED_BASE, prepare_create
from control_plane.api.writes import Result, WriteOptions, check_causes, set_namespace, supported
from knarr.api.kinds import Kind
from knarr.clock import Clock, Ids
from knarr.errors import AlreadyExists, BadRequest, NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling
from knarr.proto.services import object_service_pb2 as wire

GENERATED_NAME_TRIES = 8


class Creator:
    """The way of a new object into the store."""

    def __init__(
        self, storage: Storage, lookups: Lookups, clock: Clock, ids: Ids, settings: ApiSettings
    ) -> None:
        self._storage = storage
        self._lookups = lookups
        self._clock = clock
        self._ids = ids
        self._settings = settings

    async def create(self, kind: Kind, namespace: str, given: Message, options: WriteOptions) -> Result:
        """See Api.create. `given` is left as it is."""
        if metadata(given).resourceVersion:
            raise BadRequest("resourceVersion should not be set on objects to be created")
        generated = not metadata(given).name and bool(metadata(given).generateName)
        attempt = 1
        while True:
            obj = copy(given)
            set_namespace(kind, namespace, obj)
            if generated:
                own = metadata(obj)
                own.name = own.generateName[:MAX_GENERATED_BASE] + self._ids.suffix(5)
            try:
                return await self._create(kind, obj, options)
            except AlreadyExists:
                if not generated or attempt == GENERATED_NAME_TRIES:
                    raise
            attempt += 1

    async def _create(self, kind: Kind, obj: Message, options: WriteOptions) -> Result:
        prepare_create(kind, obj, uid=self._ids.uid(), now=self._clock.now())
        default_object(kind, obj)
        await self._admit(kind, obj)
        causes, warnings = supported(kind, obj)
        check_causes(kind, obj, [*causes, *validate_create(kind, obj)])
        if options.track:
            track_update(None, obj, kind, manager=options.manager, now=self._clock.now())
        if options.dry_run:
            await self._check_absent(kind, obj)
            self._storage.check_size(kind, obj)
            return Result(obj, wire.CREATED, warnings)
        return Result(await self._storage.create(kind, obj), wire.CREATED, warnings)

    async def _admit(self, kind: Kind, obj: Message) -> None:
        if kind.namespaced:
            namespace = await self._lookups.namespace(metadata(obj).namespace)
            admission.admit_namespace(kind, obj, namespace)
        if isinstance(obj, core.Pod):
            admission.admit_priority(kind, obj, self._lookups.priority_classes())
            admission.admit_tolerations(obj, self._settings.toleration_s)
        if isinstance(obj, scheduling.PriorityClass):
            admission.admit_priority_class(obj, self._lookups.priority_classes().values())

    async def _check_absent(self, kind: Kind, obj: Message) -> None:
        own = metadata(obj)
        try:
            await self._storage.record(kind, own.namespace, own.name)
        except NotFound:
            return
        raise refusals.already_exists(kind, own.name)
