"""An S3 server of the tests' own: on 127.0.0.1, on a free port, with its objects in memory.

`python -m tests.bucket` runs it: it prints its port, and answers /-/requests with how many it has had so
far, in JSON: of each method and object.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

COUNT = "/-/requests"
BUCKET = "fleet"
STOPS_WITHIN_S = 120


@dataclass(frozen=True, slots=True)
class BucketServer:
    """Where it listens, and the one bucket that it has."""

    port: int

    def runs_url(self, folder: str) -> str:
        """A place for runs."""
        return f"s3://{BUCKET}/{folder}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What the clients of AWS read: where the server is, and an account."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "no secret",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def requests(self) -> Counter[str]:
        """How many it has answered of each, such as `PUT /fleet/runs/RUN/manifest.json`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{COUNT}") as answer:
            return Counter(json.load(answer))


@contextmanager
def bucket_server() -> Iterator[BucketServer]:
    """Start one, make its bucket, and stop it by its own process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bucket"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[1],
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    )
    try:
        assert process.stdout is not None
        server = BucketServer(int(process.stdout.readline()))
        made = urllib.request.Request(f"http://127.0.0.1:{server.port}/{BUCKET}", method="PUT")
        with urllib.request.urlopen(made):
            yield server
    finally:
        process.terminate()
        process.communicate(timeout=STOPS_WITHIN_S)


def counted(answer: WSGIApplication) -> WSGIApplication:
    """The application, which counts its requests and tells their numbers."""
    count: Counter[str] = Counter()

    def application(environment: WSGIEnvironment, start: StartResponse) -> "list[bytes] | object":
        if environment["PATH_INFO"] == COUNT:
            start("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(count).encode()]
        count[f"{environment['REQUEST_METHOD']} {environment['PATH_INFO']}"] += 1
        return answer(environment, start)

    return application  # type: ignore[return-value]


def main() -> None:
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 - for this process alone
        DomainDispatcherApplication,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415 - likewise

    server = make_server(
        "127.0.0.1", 0, counted(DomainDispatcherApplication(create_backend_app)), threaded=True
    )
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
