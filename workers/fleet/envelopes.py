"""Checks messages in Redis: all that are not exactly mapsweep's are refused before Celery sees them.

Whoever reaches Redis can write there. Celery and kombu unpack what they find: content types, packed bodies,
follow-up tasks, times. Some of it would end the worker, cost memory, or start other tasks. So a message is
parsed here as plain JSON, and built again from its task, id and arguments.
"""

import base64
import binascii
import json
import re
import uuid
from collections.abc import Mapping
from typing import TypeAlias

from workers.fleet.post import FORMS, RETURNED, RETURNS_MAX, Form

MESSAGE_BYTES_MAX = 256 * 1024  # a message of mapsweep has the names of 20 hosts
JSON_TYPE = "application/json"

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class RefusedError(Exception):
    """A message that is not mapsweep's; the text says why, and repeats no part of it."""


def vetted(item: bytes, queue: str) -> bytes:
    """The message, built again from its known parts; RefusedError if it is not mapsweep's."""
    if len(item) > MESSAGE_BYTES_MAX:
        raise RefusedError(f"is larger than {MESSAGE_BYTES_MAX} bytes")
    message = _mapping(_parsed(item), "the message")
    headers = _mapping(message.get("headers"), "headers")
    form = _form(headers.get("task"), queue)
    if message.get("content-type") != JSON_TYPE or message.get("content-encoding") != "utf-8":
        raise RefusedError("is not in JSON")
    if headers.get("compression") is not None:
        raise RefusedError("is compressed")
    if headers.get("eta") is not None:
        raise RefusedError("asks for a delay")
    if headers.get("expires") is not None:  # by the clock of another machine
        raise RefusedError("would expire")
    arguments = _arguments(_body(message), form)
    return _made_anew(str(headers["task"]), _id(headers), arguments, queue)


def vet_taken(entry: bytes) -> str:
    """Check that kombu wrote this entry of a taken message: a message, its exchange and its queue.

    Gives the queue; RefusedError if kombu did not write it.
    """
    if len(entry) > MESSAGE_BYTES_MAX:
        raise RefusedError(f"is larger than {MESSAGE_BYTES_MAX} bytes")
    parts = _parsed(entry)
    if not isinstance(parts, list) or len(parts) != 3 or parts[1] != "" or not isinstance(parts[2], str):
        raise RefusedError("is not a message with its queue")
    vetted(json.dumps(parts[0]).encode(), parts[2])
    return parts[2]


def _form(task: Json, queue: str) -> Form:
    form = FORMS.get(task) if isinstance(task, str) else None
    if form is None:
        raise RefusedError("does not name a task of mapsweep")
    if form.queue != queue:
        raise RefusedError("is in the wrong queue for its task")
    return form


def _id(headers: Mapping[str, Json]) -> str:
    found = headers.get("id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise RefusedError("has no id")
    return found


def _body(message: Mapping[str, Json]) -> Json:
    properties, body = _mapping(message.get("properties"), "properties"), message.get("body")
    if not isinstance(body, str) or properties.get("body_encoding") != "base64":
        raise RefusedError("has no body in base64")
    try:
        return _parsed(base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError) as error:
        raise RefusedError("has no body in base64") from error


def _arguments(body: Json, form: Form) -> dict[str, Json]:
    if not isinstance(body, list) or len(body) != 3 or body[0] != []:
        raise RefusedError("does not have the arguments of its task")
    arguments, following = _mapping(body[1], "arguments"), _mapping(body[2], "what follows")
    if any(value is not None for value in following.values()):
        raise RefusedError("has follow-up tasks")
    if form.may_return and not _is_count(arguments.get(RETURNED, 1)):
        raise RefusedError("says wrongly how often it was returned")
    if set(arguments) - ({RETURNED} if form.may_return else set()) != form.texts | form.lists:
        raise RefusedError("does not have the arguments of its task")
    listed = [arguments[name] for name in form.lists]
    if not all(isinstance(names, list) for names in listed):
        raise RefusedError("does not have the arguments of its task")
    texts = [arguments[name] for name in form.texts]
    texts += [text for names in listed if isinstance(names, list) for text in names]
    if not all(isinstance(text, str) for text in texts):
        raise RefusedError("does not have the arguments of its task")
    return arguments


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= RETURNS_MAX


def _parsed(text: bytes) -> Json:
    try:
        parsed: Json = json.loads(text)
    except RecursionError:
        raise RefusedError("is nested too deeply") from None
    except ValueError as error:  # also UnicodeDecodeError, and a number of thousands of digits
        raise RefusedError("is not JSON") from error
    return parsed


def _mapping(value: Json, name: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise RefusedError(f"{name} is not a JSON object")
    return value


def _made_anew(task: str, message_id: str, arguments: dict[str, Json], queue: str) -> bytes:
    """A message in kombu's format, without anything that the sender could choose freely."""
    following = dict.fromkeys(("callbacks", "errbacks", "chain", "chord"))
    return json.dumps(
        {
            "body": base64.b64encode(json.dumps([[], arguments, following]).encode()).decode(),
            "content-type": JSON_TYPE,
            "content-encoding": "utf-8",
            "headers": {
                "lang": "py",
                "task": task,
                "id": message_id,
                "root_id": message_id,
                "expires": None,
                "retries": 0,
                "timelimit": [None, None],
                "ignore_result": True,
            },
            "properties": {
                "correlation_id": message_id,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    ).encode()
