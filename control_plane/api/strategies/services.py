"""What the server writes into services and service accounts.

Source: Kubernetes' pkg/registry/core/service and pkg/registry/core/serviceaccount.
"""

from typing import Final

from control_plane.api.rules import servicechanges
from control_plane.api.strategies.strategy import Strategy
from knarr.proto.kubernetes import core_v1_pb2 as core


def _name_secrets(account: core.ServiceAccount, *_: core.ServiceAccount) -> None:
    """Of the secrets of an account only the names count."""
    names = [secret.name for secret in account.secrets]
    del account.secrets[:]
    for name in names:
        account.secrets.add(name=name)


def _name_addresses(service: core.Service, *_: core.Service) -> None:
    """Both fields say the address, whichever of them was written. No default: nobody owns what follows."""
    spec = service.spec
    if spec.clusterIP and not spec.clusterIPs:
        spec.clusterIPs.append(spec.clusterIP)


SERVICE: Final = Strategy(
    update=servicechanges.carry_over, finish_create=_name_addresses, finish_update=_name_addresses
)
SERVICE_ACCOUNT: Final = Strategy(create=_name_secrets, update=_name_secrets)
