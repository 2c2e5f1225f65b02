# Any base with Python 3.11 or later, its venv module and glibc works: --build-arg BASE=NAME:TAG@sha256:DIGEST
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
# pip reads these; they are for builds that use a private index.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/mapsweep && python3 -m venv /opt/build
# Whatever an index answers, only files whose hashes are in the lock files are installed, and only wheels: no compiler
# is needed, and nothing of a dependency is executed.
COPY requirements.lock requirements-build.lock /src/
RUN /opt/mapsweep/bin/pip install --require-hashes --only-binary=:all: --requirement /src/requirements.lock \
 && /opt/build/bin/pip install --require-hashes --only-binary=:all: --requirement /src/requirements-build.lock
COPY . /src
RUN /opt/build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheel /src \
 && /opt/mapsweep/bin/pip install --no-index --no-deps /wheel/*.whl \
 && /opt/mapsweep/bin/pip check

FROM ${BASE}
# The home folder of the account has known_hosts and the default keys, if they are mounted.
RUN groupadd --system --gid 10001 mapsweep \
 && useradd --system --uid 10001 --gid mapsweep --home-dir /home/mapsweep --create-home mapsweep \
 && install -d -o mapsweep -g mapsweep -m 0700 /var/lib/mapsweep /home/mapsweep/.ssh
COPY --from=build /opt/mapsweep /opt/mapsweep
ENV PATH=/opt/mapsweep/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER mapsweep
WORKDIR /home/mapsweep
VOLUME ["/var/lib/mapsweep"]
ENTRYPOINT ["mapsweep"]
CMD ["--help"]
