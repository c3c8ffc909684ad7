"""The addresses of the toy's page."""

from signalbox.web.urls import build


def toy(*part: str) -> str:
    return build("toy", *part)
