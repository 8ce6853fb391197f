"""knarr completion: the script that teaches a shell to complete knarr's commands."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_KNARR_COMPLETE"  # how the script asks the program; click's convention for a program's name


@click.command("completion", short_help="Print a shell's completion script")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options, kinds, names and fields.

    \b
      source <(knarr completion bash)                                   # in ~/.bashrc
      knarr completion zsh > "${fpath[1]}/_knarr"
      knarr completion fish > ~/.config/fish/completions/knarr.fish
    """
    found = get_completion_class(shell)
    assert found is not None
    root = context.find_root()
    click.echo(found(root.command, {}, "knarr", VARIABLE).source())
