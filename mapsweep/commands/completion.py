"""mapsweep completion: the script that makes a shell complete mapsweep's commands."""

import click

from mapsweep.shells import NAMES, SCRIPTS


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(NAMES))
def completion(shell: str) -> None:
    """Print the completion script of a shell, for `mapsweep` and `collect`.

    Commands, options, ids of runs, hosts, groups, schedules and rules are completed.

    \b
    eval "$(mapsweep completion bash)"         in ~/.bashrc
    eval "$(mapsweep completion zsh)"          in ~/.zshrc, after compinit
    mapsweep completion fish | source          in ~/.config/fish/config.fish
    """  # noqa: D301 - \b is click's mark
    click.echo(SCRIPTS[shell], nl=False)
