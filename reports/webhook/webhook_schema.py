"""The JSON Schema of the document that the webhook gets.

`python -m reports.webhook.webhook_schema > docs/webhook.schema.json` writes the published copy.
"""

import json
from typing import Any, Final, TypeAlias

from reports.webhook.render_webhook import (
    FINDINGS_MAX,
    FINGERPRINT,
    HOST_FAILED,
    HOSTS_MAX,
    LEVELS,
    SARIF_SCHEMA,
    SARIF_VERSION,
    TEXT_CHARS_MAX,
)

Schema: TypeAlias = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string", "maxLength": TEXT_CHARS_MAX}
_TEXT_OR_NONE: Final[Schema] = {"type": ["string", "null"], "maxLength": TEXT_CHARS_MAX}
_LINK: Final[Schema] = {"type": "string", "description": "The page of the run: an address, or its path"}
_TIME: Final[Schema] = {"type": ["string", "null"], "description": "UTC, RFC 3339"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_BYTES: Final[Schema] = {"type": ["integer", "null"], "minimum": 0, "description": "bytes; null: unknown"}


def schema() -> Schema:
    """The schema, of draft 2020-12. Without `text` a document is a SARIF 2.1.0 log."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:mapsweep:webhook:1",
        "title": "What mapsweep posts to its webhook",
        "description": "The new findings and newly failed hosts of a run. Without `text` it is a SARIF log."
        " null means unknown. Keys may be added to `properties`.",
        **_object(
            {
                "text": {"type": "string", "description": "The news as lines for a chat"},
                "$schema": {"const": SARIF_SCHEMA},
                "version": {"const": SARIF_VERSION},
                "runs": {"type": "array", "minItems": 1, "maxItems": 1, "items": _run()},
            }
        ),
    }


def page() -> str:
    """The schema as it is published."""
    return json.dumps(schema(), indent=1, ensure_ascii=True) + "\n"


def _object(properties: Schema, *optional: str, is_open: bool = False) -> Schema:
    """An object with these keys; with further ones if it is open."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": is_open,
    }


def _run() -> Schema:
    driver = _object({"name": {"const": "mapsweep"}, "version": _TEXT})
    about = {
        "is_test": {"const": True},
        "run_id": _TEXT,
        "scope": {**_TEXT, "description": "Its schedule, or the name that it was given"},
        "started_at": {**_TEXT, "description": "UTC, RFC 3339"},
        "compared_with": {**_TEXT_OR_NONE, "description": "The run before, in which these findings were not"},
        "compared_at": _TIME,
        "hosts_asked": _COUNT,
        "hosts_failed": _COUNT,
        "link": _LINK,
        "new_findings": _COUNT,
        "newly_failed_hosts": _COUNT,
        "left_out": {**_COUNT, "description": "News for which `results` has no room"},
    }
    return _object(
        {
            "tool": _object({"driver": driver}),
            "automationDetails": _object({"id": {"type": "string", "description": "mapsweep/SCOPE/RUN-ID"}}),
            "results": {
                "type": "array",
                "maxItems": FINDINGS_MAX + HOSTS_MAX,
                "items": {"oneOf": [_finding(), _failure()]},
            },
            "properties": _object(about, *(about.keys() - {"link"}), is_open=True),
        },
        "automationDetails",
    )


def _result(rule: Schema, levels: list[str], place: str, about: Schema) -> Schema:
    place_of = _object({"name": _TEXT, "kind": {"const": place}})
    one_place = _object(
        {"logicalLocations": {"type": "array", "items": place_of, "minItems": 1, "maxItems": 1}}
    )
    return _object(
        {
            "ruleId": rule,
            "level": {"enum": levels},
            "message": _object({"text": {"type": "string"}}),
            "baselineState": {"const": "new"},
            "locations": {"type": "array", "minItems": 1, "maxItems": 1, "items": one_place},
            "partialFingerprints": _object(
                {FINGERPRINT: {"type": "string", "description": "The same for the same finding in each run"}}
            ),
            "properties": _object(about, is_open=True),
        }
    )


def _finding() -> Schema:
    about = {
        "service": _TEXT,
        "host": {**_TEXT_OR_NONE, "description": "That of its largest process, of `hosts`"},
        "process": _TEXT_OR_NONE,
        "pid": {"type": ["integer", "null"], "minimum": 1},
        "hosts": {**_COUNT, "description": "Hosts that have it"},
        "members": {**_COUNT, "description": "Processes that have it"},
        "kind": {**_TEXT_OR_NONE, "description": "The kind of memory, as in docs/kinds.md"},
        "bytes": _BYTES,
        "before_bytes": _BYTES,
        "owner": {**_TEXT_OR_NONE, "description": "The label `owner` in the inventory"},
        "since": _TIME,
        "advice": _TEXT_OR_NONE,
        "link": _LINK,
    }
    rule = {"type": "string", "not": {"const": HOST_FAILED}, "description": "The code of the finding"}
    return _result(rule, sorted(set(LEVELS.values())), "service", about)


def _failure() -> Schema:
    about = {
        "host": _TEXT,
        "stage": _TEXT_OR_NONE,
        "reason": _TEXT_OR_NONE,
        "owner": _TEXT_OR_NONE,
        "since": _TIME,
        "link": _LINK,
    }
    return _result({"const": HOST_FAILED}, ["error"], "host", about)


if __name__ == "__main__":
    print(page(), end="")
