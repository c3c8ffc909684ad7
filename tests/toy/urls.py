"""The URLs of the toy feature."""

from signalbox.web.urls import build


def toy(*part: str) -> str:
    return build("toy", *part)
