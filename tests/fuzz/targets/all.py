"""All targets by name."""

from collections.abc import Callable

from tests.fuzz.target import Target
from tests.fuzz.targets.documents import Documents
from tests.fuzz.targets.names import Names
from tests.fuzz.targets.patches import Patches
from tests.fuzz.targets.protobuf import Protobuf
from tests.fuzz.targets.quantities import Quantities
from tests.fuzz.targets.requests import Requests
from tests.fuzz.targets.selectors import Selectors
from tests.fuzz.targets.yaml import Yaml

_ALL: tuple[Callable[[], Target], ...] = (
    Protobuf,
    Yaml,
    Documents,
    Patches,
    Selectors,
    Quantities,
    Names,
    Requests,
)
TARGETS: dict[str, Callable[[], Target]] = {made().name: made for made in _ALL}
