# The image of `signalbox serve`. Build: docker build -t signalbox .   Run: see compose.yaml, or
#   docker run --read-only --tmpfs /tmp -v data:/var/lib/signalbox -v ./signalbox.toml:/etc/signalbox/signalbox.toml:ro \
#     -p 127.0.0.1:8080:8080 signalbox
# The log of the first start has the one-time link for the first admin. In the container the server must listen on
# host = "0.0.0.0", which requires an https base_url and trusted_proxies (or insecure_http = true).
# The tests have no container engine: tests/connected/packaging runs the RUN lines that need no root in a folder;
# tests/architecture/test_containers.py checks the rest.
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

# Build the wheel with the front-end files. npm also comes from a wheel.
FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements-build.txt requirements-node.txt ./
RUN python3 -m venv tools && tools/bin/pip install --quiet --require-hashes -r requirements-build.txt -r requirements-node.txt
COPY package.json package-lock.json ./
RUN PATH="$PWD/tools/bin:$PATH" npm ci --ignore-scripts --omit=dev --no-audit --no-fund --loglevel=error
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY migrations migrations
COPY templates templates
COPY static static
RUN PYTHONPATH=app tools/bin/python -m signalbox.web.assets build && tools/bin/python -m hatchling build -t wheel -d dist

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Signalbox" \
      org.opencontainers.image.description="A web dashboard and control plane for event-driven systems" \
      org.opencontainers.image.licenses="Apache-2.0"
# A numeric user, so that a cluster can verify that it is not root. /var/lib/signalbox holds the default SQLite database.
RUN groupadd --gid 10001 signalbox \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/signalbox --create-home --skel /dev/null \
            --shell /usr/sbin/nologin signalbox
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /opt/signalbox
COPY requirements.txt ./
COPY --from=build /build/dist dist
RUN python3 -m venv . && bin/pip install --quiet --require-hashes -r requirements.txt \
 && bin/pip install --quiet --no-deps dist/*.whl && rm -r dist
ENV PATH=/opt/signalbox/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SIGNALBOX_CONFIG=/etc/signalbox/signalbox.toml
USER 10001:10001
WORKDIR /var/lib/signalbox
VOLUME /var/lib/signalbox
EXPOSE 8080
# Uses the default port; a configuration with another port needs its own health check.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health/live', timeout=4)"]
ENTRYPOINT ["signalbox"]
CMD ["serve"]
