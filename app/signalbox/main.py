"""The ASGI entry for another server: `uvicorn signalbox.main:app`. `signalbox serve` does not need it."""

from signalbox.bootstrap import build, build_core
from signalbox.config import load

app = build(build_core(load())).app
