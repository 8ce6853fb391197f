"""`python -m control_plane`: one replica in the foreground; what `knarr server` becomes."""

import asyncio
import ipaddress
import sys
from pathlib import Path

import click

from control_plane.api.settings import ApiSettings
from control_plane.settings import ROLES, ServerSettings, StoreTls
from knarr import __version__
from knarr.logs import configure

FAILED = 1
USAGE = 2
LONGEST_PREFIX = 28  # of a network of Service addresses
API = ApiSettings()


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    required=True,
    help="Where the embedded etcd keeps its data.",
)
@click.option("--listen", default="127.0.0.1:7443", show_default=True, metavar="HOST:PORT")
@click.option("--advertise", default="", metavar="HOST:PORT", help="How other replicas reach this one.")
@click.option("--etcd", default="", metavar="URL[,URL]", help="An etcd cluster; embedded when not given.")
@click.option("--etcd-ca", type=click.Path(path_type=Path, exists=True), help="PEM file: etcd's CA.")
@click.option("--etcd-cert", type=click.Path(path_type=Path, exists=True), help="PEM file: our certificate.")
@click.option("--etcd-key", type=click.Path(path_type=Path, exists=True), help="PEM file: our key.")
@click.option("--roles", default=",".join(ROLES), show_default=True, help="What this process does.")
@click.option(
    "--scheduler-config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A KubeSchedulerConfiguration: profiles, plugins and their weights.",
)
@click.option(
    "--service-addresses",
    default=API.service_addresses,
    show_default=True,
    metavar="NETWORK",
    callback=lambda context, option, text: _network(text),
    help="Where Services get their addresses: the same at every replica.",
)
@click.option(
    "--node-ports",
    default="{}-{}".format(*API.node_ports),
    show_default=True,
    metavar="FIRST-LAST",
    callback=lambda context, option, text: _ports(text),
    help="Where Services get their node ports: the same at every replica.",
)
@click.option("--metrics", default="", metavar="HOST:PORT", help="A Prometheus endpoint.")
@click.option("--log-json", is_flag=True, help="Log JSON lines.")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option("--stop-store", is_flag=True, help="Only end an etcd that a killed server left running.")
@click.version_option(__version__)
def main(
    state_dir: Path,
    listen: str,
    advertise: str,
    etcd: str,
    etcd_ca: Path | None,
    etcd_cert: Path | None,
    etcd_key: Path | None,
    roles: str,
    scheduler_config: Path | None,
    service_addresses: str,
    node_ports: tuple[int, int],
    metrics: str,
    log_json: bool,
    log_level: str,
    stop_store: bool,
) -> None:
    """Run one control plane replica in the foreground."""
    wanted = tuple(role.strip() for role in roles.split(",") if role.strip())
    if not wanted or set(wanted) - set(ROLES):
        raise click.BadParameter(f"choose from {', '.join(ROLES)}", param_hint="--roles")
    tls = StoreTls(etcd_ca, etcd_cert, etcd_key) if etcd_ca else None
    endpoints = tuple(part.strip() for part in etcd.split(",") if part.strip())
    settings = ServerSettings(
        state_dir=state_dir,
        listen=listen,
        advertise=advertise,
        etcd=endpoints,
        etcd_tls=tls,
        roles=wanted,
        metrics_listen=metrics,
        scheduler_config=scheduler_config,
        log_json=log_json,
        log_level=log_level,
        api=ApiSettings(service_addresses=service_addresses, node_ports=node_ports),
    )
    configure(json=log_json, level=log_level)
    sys.exit(_run(settings, only_stop_store=stop_store))


def _network(text: str) -> str:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if network.prefixlen > LONGEST_PREFIX:
        raise click.BadParameter(f"a network of at least 14 addresses, such as 10.96.0.0/{LONGEST_PREFIX}")
    return str(network)


def _ports(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) <= 65_535):
        raise click.BadParameter(f'"{text}" is no range of ports, such as 30000-32767')
    return int(first), int(last)


def _run(settings: ServerSettings, *, only_stop_store: bool) -> int:
    # Imported here: --help needs neither NumPy nor gRPC.
    import uvloop

    from control_plane import process
    from control_plane.store.embedded import EtcdFailedError, EtcdMissingError

    work = process.stop_store(settings.state_dir) if only_stop_store else process.run_server(settings)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)
    except (process.AlreadyRunning, EtcdMissingError, EtcdFailedError, OSError, ValueError) as error:
        click.echo(f"knarr server: {error}", err=True)
        return FAILED
    return 0


if __name__ == "__main__":
    main(prog_name="knarr server")
