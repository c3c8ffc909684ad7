"""Dockerfile and compose.yaml, as far as they can be checked without an engine; their commands: tests/connected/packaging."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from signalbox.brokers.model import BrokerKind
from signalbox.brokers.settings import ConnectionSettings
from signalbox.cli import verbs_of
from signalbox.config import load
from signalbox.features import FEATURES
from signalbox.storage.settings import DatabaseSettings
from signalbox.web import urls
from signalbox.web.settings import ServerSettings, is_loopback

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"[a-z0-9./_-]+:v?\d[\w.-]*")
"""An image with a tag that begins with a version."""


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's (instruction, its text), continued lines joined, without comments."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    parted = (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    return [(word.upper(), text.strip()) for word, _, text in parted]


def arguments(instruction: str) -> list[str]:
    return [text for word, text in instructions() if word == instruction]


def compose() -> dict[str, Any]:
    read = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert isinstance(read, dict)
    return read


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    start = max(index for index, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


def test_the_image_does_not_run_as_root_and_says_so_by_number() -> None:
    users = [text for word, text in last_stage() if word == "USER"]
    assert users
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[-1])


def test_nothing_is_fetched_but_by_the_locked_package_managers() -> None:
    assert not arguments("ADD")
    commands = " ".join(arguments("RUN"))
    assert not re.search(r"\b(curl|wget|git|apt-get|http)\b", commands)
    installs = re.findall(r"pip install[^&|;]*", commands)
    assert installs
    assert all("--require-hashes" in one or "--no-deps" in one for one in installs)
    assert "npm ci" in commands
    assert "npm install" not in commands


def test_the_image_is_one_stage_with_the_wheel_and_without_what_built_it() -> None:
    assert len(arguments("FROM")) == 2
    assert {text.split()[0] for word, text in last_stage() if word == "COPY"} == {"requirements.txt", "--from=build"}
    assert "npm" not in " ".join(text for _, text in last_stage())


def test_base_images_are_pinned_to_a_version() -> None:
    given = dict(text.split("=", 1) for text in arguments("ARG"))
    for text in arguments("FROM"):
        image = text.split()[0]
        if image.startswith("${"):
            image = given[image.strip("${}")]
        assert PINNED.fullmatch(image), image


def test_what_is_copied_exists_and_is_not_kept_from_the_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored[ignored.index("*") :]  # nothing goes in but what is named
    kept = {line[1:] for line in ignored if line.startswith("!")}
    copied: set[str] = set()
    for text in arguments("COPY"):
        if not text.startswith("--from"):
            copied |= set(shlex.split(text)[:-1])
    assert copied
    assert kept == copied
    for name in copied:
        assert (ROOT / name).exists(), name


def test_the_command_is_one_that_there_is_and_the_health_check_asks_what_answers() -> None:
    stage = dict(last_stage())
    assert json.loads(stage["ENTRYPOINT"]) == ["signalbox"]
    assert json.loads(stage["CMD"])[0] in [verb.name for verb in verbs_of(FEATURES)]
    assert f"http://127.0.0.1:8080{urls.HEALTH_LIVE}" in stage["HEALTHCHECK"]
    compile(json.loads(stage["HEALTHCHECK"].partition("CMD ")[2])[2], "health check", "exec")


def test_compose_publishes_on_loopback_only() -> None:
    published = [port for service in compose()["services"].values() for port in service.get("ports", ())]
    assert published
    for port in published:
        assert is_loopback(str(port).rpartition(":")[0].rpartition(":")[0]), port


def test_compose_pins_every_image_and_has_every_kind_of_broker() -> None:
    services = compose()["services"]
    others = {name: service["image"] for name, service in services.items() if "build" not in service}
    assert all(PINNED.fullmatch(image) for image in others.values()), others
    assert set(BrokerKind) <= set(services)
    assert "postgres" in services


def test_signalbox_in_compose_can_write_nothing_and_gains_nothing() -> None:
    for name in ("signalbox", "migrate"):
        service = compose()["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert "privileged" not in service
        assert "network_mode" not in service


def test_the_configuration_in_compose_is_one_that_signalbox_takes(tmp_path: Path) -> None:
    read = compose()
    service = read["services"]["signalbox"]
    assert service["configs"] == [{"source": "signalbox.toml", "target": dict(_env())["SIGNALBOX_CONFIG"]}]
    file = tmp_path / "signalbox.toml"
    file.write_text(_as_compose_does(read["configs"]["signalbox.toml"]["content"], {}))
    file.chmod(0o444)  # as Compose mounts it: a literal secret would be refused
    environment = {name: _as_compose_does(value, {}) for name, value in service["environment"].items()}
    configuration = load(file, environment)
    assert {connection.kind for connection in configuration.many(ConnectionSettings)} == set(BrokerKind)
    assert configuration.one(ServerSettings).host == "0.0.0.0"  # noqa: S104 - published on loopback only
    assert configuration.one(DatabaseSettings).redacted_url == "postgresql+asyncpg://postgres:5432/signalbox"
    hosts = [service_name for service_name in read["services"] if f"{service_name}:" in file.read_text()]
    assert {"kafka", "nats", "sqs", "postgres"} <= set(hosts)


def _env() -> list[tuple[str, str]]:
    return [(name, value) for text in arguments("ENV") for name, _, value in (p.partition("=") for p in text.split())]


def _as_compose_does(text: str, environment: dict[str, str]) -> str:
    """Compose's own replacement, of what we use: ${NAME:-default} and $$."""
    pattern = re.compile(r"\$\$|\$\{(\w+)(?::-([^}]*))?\}")
    return pattern.sub(
        lambda m: "$" if m[0] == "$$" else environment.get(m[1], m[2] if m[2] is not None else "(not set)"), text
    )


@pytest.mark.parametrize(
    ("image", "right"),
    [("docker.io/library/node:22-bookworm-slim", True), ("nats", False), ("nats:latest", False), ("nats:2.15.1", True)],
)
def test_the_pin_check_sees_a_moving_tag(image: str, right: bool) -> None:
    assert bool(PINNED.fullmatch(image)) is right
