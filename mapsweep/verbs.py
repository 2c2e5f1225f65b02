"""Groups of commands, each imported only when it is used: `mapsweep classify` must not wait for Celery."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Verbs(click.Group):
    """A group that knows its commands by a line of help each, and where each lies."""

    helps: ClassVar[Mapping[str, str]]  # by the name of the command
    module_of: ClassVar[str]  # with {} for that name; the module has a command of that name

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.helps)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in self.helps:
            return None
        command = getattr(importlib.import_module(self.module_of.format(cmd_name)), cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
        """The names, without importing what they name; then the options of the group itself."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell pays for it

        verbs = [
            CompletionItem(name, help=text)
            for name, text in self.helps.items()
            if name.startswith(incomplete)
        ]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        with formatter.section("Commands"):
            formatter.write_dl(list(self.helps.items()))
