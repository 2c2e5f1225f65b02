"""What can go wrong with a host, as docs/troubles.md lists it.

`python -m mapsweep.troubles_docs > docs/troubles.md` writes the page.
"""

import sys

from domain.records import Stage
from domain.troubles.table import TROUBLES
from domain.troubles.trouble import Trouble
from reports.tables.status import PARTIALS

_TOP = """# Troubles of hosts

This page is generated: `make docs`. A host that gave no dump has a stage (how far it came) and a reason,
which is a code for scripts. The page, the mail, the terminal, CSV and JSON have both, the detail of that
host, and the remedy that stands here.

*Tried again* are only those that another connection some seconds later can cure: up to `limits.attempts`
connections to a host, with a random pause of up to 30 s between two. All others would fail in the same way.
`mapsweep collect --retry-failed RUN` sweeps the hosts that failed in a run when their trouble is cured.

"""
_ROWS = "| reason | means | remedy | tried again |\n|---|---|---|---|\n"
_WORDS = {
    Stage.DNS: "The name is looked up",
    Stage.TCP: "The connection is opened",
    Stage.BANNER: "The server greets",
    Stage.KEX: "Keys are exchanged",
    Stage.HOSTKEY: "The host's key is checked",
    Stage.AUTH: "The account logs in",
    Stage.SUDO: "sudo starts the probe",
    Stage.EXEC: "The probe is started",
    Stage.READ: "The stream is read and unpacked",
    Stage.CLASSIFY: "The dump is classified",
    Stage.RECORD: "The dump is kept",
    Stage.WORKER: "A process of mapsweep works on the host",
}


def page() -> str:
    """The whole page: a table for each stage, of the reasons that are met there first."""
    sections = (_section(stage) for stage in Stage)
    return _TOP + "\n".join((*filter(None, sections), _partials()))


def _section(stage: Stage) -> str:
    rows = [_row(trouble) for trouble in TROUBLES if trouble.stages[0] is stage]
    others = [f"`{each.reason}`" for each in TROUBLES if stage in each.stages[1:]]
    also = f"\nAlso met here: {', '.join(others)}.\n" if others else ""
    table = _ROWS + "".join(rows) if rows else ""
    return (
        f"## {_WORDS[stage]} (`{stage}`)\n\n{table}{also if table else also.lstrip()}"
        if table or also
        else ""
    )


def _row(trouble: Trouble) -> str:
    cells = f"`{trouble.reason}`", trouble.means, trouble.remedy, "yes" if trouble.is_retried else "no"
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _partials() -> str:
    rows = "".join(f"| `{reason}` | {means} | {remedy} |\n" for reason, means, remedy in PARTIALS)
    return f"## Hosts that answered in part\n\n| reason | means | remedy |\n|---|---|---|\n{rows}"


if __name__ == "__main__":
    sys.stdout.write(page())
