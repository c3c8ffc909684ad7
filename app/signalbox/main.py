"""The ASGI application for other servers: `uvicorn signalbox.main:app`. `signalbox serve` does not use it."""

from signalbox.bootstrap import build, build_core
from signalbox.config import load

app = build(build_core(load())).app
