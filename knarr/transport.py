"""Every gRPC channel and server of Knarr is made here, with or without TLS credentials.

Without credentials only loopback addresses and unix sockets are accepted, so that nothing listens on or
dials a public address in plain text by accident.
"""

import ipaddress

import grpc
import grpc.aio

MAX_REQUEST_BYTES = 8 * 1024 * 1024  # a batch of writes; a single object is refused far below
MAX_RESPONSE_BYTES = 64 * 1024 * 1024  # a page of etcd's answer or a chunk of a list
KEEPALIVE_MS = 10_000
KEEPALIVE_TIMEOUT_MS = 5_000

_CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_RESPONSE_BYTES),
    ("grpc.max_send_message_length", MAX_RESPONSE_BYTES),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    # With pings on idle connections etcd answers "too many pings" and hangs up.
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.enable_http_proxy", 0),
    # A restarted server gets a connection of its own, not a cached broken one.
    ("grpc.use_local_subchannel_pool", 1),
)

_SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", MAX_RESPONSE_BYTES),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_MS // 2),
    # Two servers on one port would share its clients between them, silently.
    ("grpc.so_reuseport", 0),
)


class InsecureAddress(ValueError):
    """Plain text was asked for on an address that others can reach."""


def is_local(target: str) -> bool:
    """Whether "host:port" or "unix:path" stays on this machine."""
    if target.startswith("unix:"):
        return True
    host = target.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def channel(target: str, credentials: grpc.ChannelCredentials | None = None) -> grpc.aio.Channel:
    """A channel to "host:port"; it connects on first use and reconnects by itself."""
    if credentials is not None:
        return grpc.aio.secure_channel(target, credentials, options=_CHANNEL_OPTIONS)
    if not is_local(target):
        raise InsecureAddress(f"{target}: without TLS only addresses on this machine can be dialled")
    return grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS)


def server(address: str, credentials: grpc.ServerCredentials | None = None) -> tuple[grpc.aio.Server, int]:
    """A server bound to "host:port" (port 0: a free one), not started yet; returns it with its port.

    Raises OSError when the address is taken.
    """
    if credentials is None and not is_local(address):
        raise InsecureAddress(f"{address}: without TLS only addresses on this machine can be listened on")
    made = grpc.aio.server(options=_SERVER_OPTIONS)
    try:
        if credentials is not None:
            port = made.add_secure_port(address, credentials)
        else:
            port = made.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}: {error}") from error
    if port == 0 and not address.startswith("unix:"):
        raise OSError(f"cannot listen on {address}: the address is taken")
    return made, port
