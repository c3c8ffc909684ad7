"""README names every configuration key, verb and metric, and no other metric."""

import re
from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from signalbox.brokers.model import BrokerKind
from signalbox.brokers.registry import settings_class
from signalbox.cli import verbs_of
from signalbox.config import SECTIONS
from signalbox.features import FEATURES
from tests.architecture.sources import ROOT

METRIC = re.compile(r"\bsignalbox_(?!events\b)[a-z0-9_]+\b")  # signalbox_events is the wheel
CODE = re.compile(r"`([^`\n]+)`|^```.*?^```", re.MULTILINE | re.DOTALL)


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def keys() -> Iterator[str]:
    """Yield every key that signalbox.toml may hold."""
    for section in (*SECTIONS, *(section for feature in FEATURES for section in feature.sections)):
        yield from (f"{section.key}.{key}" for key in _fields(section.model))
    for kind in BrokerKind:
        yield from (f"connections({kind}).{key}" for key in _fields(settings_class(kind)))


def _fields(table: type[BaseModel]) -> Iterator[str]:
    for name, field in table.model_fields.items():
        yield name
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _fields(inner)


def metrics() -> set[str]:
    written = [*(ROOT / "app/signalbox").glob("*/exposition.py")]
    return {name for file in written for name in METRIC.findall(file.read_text(encoding="utf-8"))}


def unwritten(names: Iterable[str], text: str) -> list[str]:
    """Return the names that do not appear as whole words in the code of the text."""
    code = "\n".join(match.group() for match in CODE.finditer(text))
    return [name for name in names if not re.search(rf"(?<![\w-]){re.escape(name.rpartition('.')[2])}(?![\w-])", code)]


def test_every_key_is_explained() -> None:
    assert unwritten(keys(), readme()) == []


def test_every_verb_is_explained() -> None:
    assert unwritten([f"signalbox {verb.name}" for verb in verbs_of(FEATURES)], readme()) == []


def test_every_metric_is_explained_and_no_other() -> None:
    assert unwritten(sorted(metrics()), readme()) == []
    assert set(METRIC.findall(readme())) <= metrics()


def test_a_planted_gap_is_found() -> None:
    text = 'Put `host = "0.0.0.0"` there; see port in prose.\n```toml\nbase_url = "x"\n```\n'
    assert unwritten(["server.host", "server.port", "server.base_url", "server.base"], text) == [
        "server.port",
        "server.base",
    ]


def test_the_lists_are_not_empty() -> None:
    assert len(list(keys())) > 20
    assert len(metrics()) > 5
    assert len(verbs_of(FEATURES)) > 3
