"""The settings of one control plane process, parsed once."""

from dataclasses import dataclass, field
from pathlib import Path

from control_plane.api.settings import ApiSettings
from control_plane.nodes.settings import SessionSettings

ROLES = ("api", "scheduler", "controllers")


@dataclass(frozen=True, slots=True)
class StoreTls:
    """Files with which an external etcd is dialled: PEM."""

    ca_file: Path
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Each with its unit, default and reason."""

    # Where the embedded etcd keeps its data, and this process its own.
    state_dir: Path
    # Loopback: other addresses need TLS.
    listen: str = "127.0.0.1:7443"
    # How other replicas reach this one; the listening address when empty.
    advertise: str = ""
    # Addresses of an etcd cluster; empty: an embedded one.
    etcd: tuple[str, ...] = ()
    etcd_tls: StoreTls | None = None
    # What this process does. Scheduler and controllers act on one replica at a time.
    roles: tuple[str, ...] = ROLES
    # "host:port" of a Prometheus endpoint; empty: none.
    metrics_listen: str = ""
    log_json: bool = False
    log_level: str = "info"
    # Leadership ends this long after its holder stopped to renew it: another leads within 5 s.
    leader_ttl_s: float = 4.0
    # Calls under way get this long to end when the process is stopped.
    stop_grace_s: float = 3.0
    api: ApiSettings = field(default_factory=ApiSettings)
    sessions: SessionSettings = field(default_factory=SessionSettings)
    # A KubeSchedulerConfiguration; None: Kubernetes' default profile.
    scheduler_config: Path | None = None
