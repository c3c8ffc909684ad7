"""The ASGI entry for whoever brings a server of their own: `uvicorn signalbox.main:app`. `signalbox serve` does not need it."""

from signalbox.bootstrap import build
from signalbox.config import load

app = build(load()).app
