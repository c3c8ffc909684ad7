"""The ASGI entry for whoever brings a server of their own: `uvicorn app.main:app`. `signalbox serve` does not need it."""

from app.bootstrap import build
from app.config import load

app = build(load()).app
