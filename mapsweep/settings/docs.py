"""The declared settings as the tables of docs/settings.md.

`python -m mapsweep.settings.docs docs/settings.md` writes them there.
"""

import sys
from pathlib import Path

from mapsweep.settings.table import Row, rows

MARK = "<!-- everything below is generated from mapsweep/settings/schema.py -->\n"
_TITLES = {
    "": "Top level",
    "keep": "keep: how long runs are kept; without this section, for ever",
    "limits": "limits: deadlines and caps of a sweep",
    "ssh": "ssh: host keys, and the keys to log in with",
    "mail": "mail: how reports are sent",
    "webhook": "webhook: where new findings and newly failed hosts are posted",
    "report": "report: what a report shows",
    "fleet": "fleet: how soon workers notice what is lost",
    "mutes[]": "mutes: findings that are counted and not told",
    "schedules[]": "schedules: runs that start at fixed times",
}
_HEAD = "| key | value | default | meaning |\n|---|---|---|---|\n"


def tables() -> str:
    """Every key with its form, default and meaning, one table per section."""
    parts = []
    for section, title in _TITLES.items():
        lines = [_line(row) for row in rows() if row.path.rpartition(".")[0] == section]
        parts.append(f"## {title}\n\n{_HEAD}{''.join(lines)}")
    return "\n".join(parts)


def _line(row: Row) -> str:
    form = row.form.value + (f", {row.about.unit}" if row.about.unit else "")
    default = "**required**" if row.required else row.default or "none"
    return f"| `{row.path.rpartition('.')[2]}` | {form} | {default} | {row.about.meaning} |\n"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(page.read_text().partition(MARK)[0] + MARK + "\n" + tables())
