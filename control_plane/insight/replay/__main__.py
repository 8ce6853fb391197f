"""`python -m control_plane.insight.replay`: what `knarr bench replay` becomes."""

import json
import sys
from pathlib import Path

import click

from control_plane.insight.replay.play import Player
from control_plane.insight.replay.report import report_lines, report_value
from control_plane.scheduler.configuration.read import (
    Configuration,
    ConfigurationError,
    read_configuration,
)
from control_plane.scheduler.profiles import Profiles
from knarr.clock import SystemClock
from knarr.recording.files import Header, RecordingError, read_recording

FAILED = 1


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A KubeSchedulerConfiguration instead of the recorded one.",
)
@click.option(
    "--all", "all_pods", is_flag=True, help="Place all pods from scratch, not those alone that wait."
)
@click.option("--rotation", default=0, help="Where the search for the best of equal nodes begins.")
@click.option("--placements", is_flag=True, help="A line for each pod: where it goes, or why it waits.")
@click.option("--output", "-o", type=click.Choice(["json"]), help="Everything, for programs.")
def main(
    file: Path, config: Path | None, all_pods: bool, rotation: int, placements: bool, output: str | None
) -> None:
    """Run the scheduler on a recording of `knarr bench record`, offline: what it decides, and how quickly.

    \b
      knarr bench replay cluster.knarr.gz
      knarr bench replay cluster.knarr.gz --all --config profiles.yaml
    """
    try:
        recording = read_recording(file)
        profiles = Profiles(_configuration(recording.header, config).profiles)
    except (RecordingError, ConfigurationError) as error:
        click.echo(str(error), err=True)
        sys.exit(FAILED)
    except OSError as error:
        click.echo(f"{error.filename or file}: {error.strerror or error}", err=True)
        sys.exit(FAILED)
    player = Player(profiles, SystemClock(), rotation=rotation)
    player.load(recording.objects, all_pods=all_pods)
    played = player.play()
    if output:
        click.echo(json.dumps(report_value(recording.header, played), indent=4))
        return
    click.echo("\n".join(report_lines(recording.header, played)))
    if placements:
        why = {key: verdict.message for key, verdict in played.refused.items()} | played.held
        click.echo("\n".join(["", *(f"{key} -> {node}" for key, node in played.placed.items())]))
        click.echo("\n".join(f"{key} waits: {text}" for key, text in why.items()))


def _configuration(header: Header, path: Path | None) -> Configuration:
    if path is not None:
        return read_configuration(path.read_text(), str(path))
    if header.configuration is not None:
        return read_configuration(json.dumps(header.configuration), "the recorded configuration")
    return Configuration()


if __name__ == "__main__":
    main(prog_name="knarr bench replay")
