# The image of `signalbox serve`. Build: docker build -t signalbox .   Run: see compose.yaml, or
#   docker run --read-only --tmpfs /tmp -v data:/var/lib/signalbox -v ./signalbox.toml:/etc/signalbox/signalbox.toml:ro \
#     -p 127.0.0.1:8080:8080 signalbox
# There is no sign-in: publish the port on loopback or behind a proxy that keeps others out. In the container the server must
# listen on host = "0.0.0.0", which takes an https base_url and trusted_proxies (or insecure_http = true) beside it.
ARG NODE_IMAGE=docker.io/library/node:22-bookworm-slim
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

# Front-end files, as the lock file has them.
FROM ${NODE_IMAGE} AS modules
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund --loglevel=error

# The virtual environment and static/vendor. Both stages have their files at the same place: the install is editable.
FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /opt/signalbox
COPY requirements.txt ./
RUN python3 -m venv venv && venv/bin/pip install --quiet --require-hashes --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY migrations migrations
COPY templates templates
COPY static static
COPY --from=modules /build/node_modules /tmp/node_modules
RUN venv/bin/pip install --quiet --no-build-isolation --no-deps --editable . \
 && ln -s /tmp/node_modules node_modules && venv/bin/python -m signalbox.web.assets build && rm node_modules \
 && venv/bin/python -m compileall -q app migrations

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Signalbox" \
      org.opencontainers.image.description="A web dashboard and control plane for event-driven systems" \
      org.opencontainers.image.licenses="Apache-2.0"
# A number, so that a cluster can see that it is not root. /var/lib/signalbox holds the SQLite database of the default.
RUN groupadd --gid 10001 signalbox \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/signalbox --create-home --skel /dev/null \
            --shell /usr/sbin/nologin signalbox
COPY --from=build /opt/signalbox /opt/signalbox
ENV PATH=/opt/signalbox/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SIGNALBOX_CONFIG=/etc/signalbox/signalbox.toml
USER 10001:10001
WORKDIR /var/lib/signalbox
VOLUME /var/lib/signalbox
EXPOSE 8080
# Asks the port of the default; a configuration with another one needs a health check of its own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health/live', timeout=4)"]
ENTRYPOINT ["signalbox"]
CMD ["serve"]
