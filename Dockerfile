# Any base with Python 3.11 or later, its venv module and glibc works: --build-arg BASE=...
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
# pip reads these; they are for builds that use a private index.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
# s3 brings what an archive in a bucket needs; empty for an archive in a folder.
ARG EXTRAS=s3
RUN python3 -m venv /opt/mapsweep
COPY . /src
# All dependencies come as wheels: no compiler is needed.
RUN /opt/mapsweep/bin/pip install --no-cache-dir --only-binary=:all: --disable-pip-version-check "/src${EXTRAS:+[$EXTRAS]}"

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
