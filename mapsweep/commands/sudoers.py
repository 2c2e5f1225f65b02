"""mapsweep sudoers: the line that lets an account run the probe as root, and only the probe."""

import click


@click.command(short_help="Print the sudoers line that allows the probe, and nothing else.")
@click.argument("account")
def sudoers(account: str) -> None:
    """Print the sudoers line that allows the probe, and nothing else, to ACCOUNT: a user or a %group.

    \b
    mapsweep sudoers sweeper | ssh root@web01 'tee /etc/sudoers.d/mapsweep'
    """  # noqa: D301 - \b is click's mark
    from collector.sudoers import rule  # noqa: PLC0415 - --help does not wait for it

    click.echo(rule(account), nl=False)
