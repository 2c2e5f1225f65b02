import click
from click.testing import CliRunner

from mapsweep.request import typed_command


def test_the_command_is_recorded_without_the_secrets_in_its_urls() -> None:
    seen: list[str] = []

    @click.command("collect")
    @click.option("--broker")
    @click.option("--runs")
    @click.pass_context
    def collect(ctx: click.Context, /, **_: str) -> None:
        seen.append(typed_command(ctx))

    places = ["--broker", "redis://h:6379/0?password=hunter2", "--runs", "az://c@a/r?sv=1&sig=hunter2"]
    assert CliRunner().invoke(collect, places).exit_code == 0
    assert seen == [
        "mapsweep collect --broker 'redis://h:6379/0?password=***' --runs 'az://c@a/r?sv=1&sig=***'"
    ]
