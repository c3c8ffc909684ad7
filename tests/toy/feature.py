"""A complete feature in one folder, with every part that a feature can have."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import click
from litestar import Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.response import Redirect
from pydantic import BaseModel, ConfigDict

from signalbox.commands.options import LoadConfiguration, config_option
from signalbox.core import Core
from signalbox.features.feature import Feature, Verb
from signalbox.kernel.configuration import ConfigFault, Configuration, Section
from signalbox.kernel.errors import SignalboxError
from signalbox.kernel.exposition import encode, metric
from signalbox.security.model import Action, Actor, Role
from signalbox.web.errors import ExpectedError
from signalbox.web.feature import FeatureParts, Write
from signalbox.web.live.registry import Fragment, KeyParts, LiveParts, first_part
from signalbox.web.palette import Hit, Hits
from signalbox.web.rendering import page
from signalbox.web.shell import Badge, NavigationEntry
from signalbox.web.visibility import Visibility
from tests.toy import urls

RING = Action(name="ring bell", required_role=Role.OPERATOR)
BELLS = "Bells"


class ToySettings(BaseModel):
    """The table `[toy]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sound: str = "ding"


class BellBroken(SignalboxError):
    """The bell cannot ring."""


class Bell:
    """The service and read model of the feature."""

    name = "the bell"

    def __init__(self, core: Core) -> None:
        self.core = core
        self.sound = core.configuration.one(ToySettings).sound
        self.rings = 0
        self.running = False

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    def healthy(self) -> bool:
        return self.running

    async def ring(self, actor: Actor) -> None:
        async def run(_: object) -> None:
            if self.sound == "crack":
                raise BellBroken("The bell is cracked.")
            self.rings += 1
            self.core.feed.publish(("bell/kafka-open",))

        await self.core.door.act(actor, RING, run)


@dataclass(frozen=True, slots=True)
class BellView:
    sound: str
    rings: int


@get("/toy", include_in_schema=False, sync_to_thread=False)
def bell_page(request: Request[Any, Any, Any], bell: NamedDependency[Bell]) -> Response[bytes]:
    return page(request, "toy/bell.html", BellView(bell.sound, bell.rings), title=BELLS, section=BELLS)


@post("/toy/ring", include_in_schema=False)
async def ring_bell(actor: NamedDependency[Actor], bell: NamedDependency[Bell]) -> Redirect:
    await bell.ring(actor)
    return Redirect(urls.toy(), status_code=303)


def build(core: Core) -> FeatureParts:
    bell = Bell(core)

    def search(_: Visibility, text: str) -> Iterable[Hits]:
        yield Hits(
            "bell", "Bells", [Hit(name=bell.sound, href=urls.toy(), location="toy")] if text in bell.sound else []
        )

    async def metrics(_: Visibility) -> AsyncIterator[bytes]:
        yield encode(metric("toy_rings_total", "counter", "How often the bell rang", [({}, bell.rings)]))

    def row(bell: Bell, parts: KeyParts) -> BellView | None:
        return BellView(bell.sound, bell.rings) if parts == ("kafka-open",) else None

    return FeatureParts(
        services=(bell,),
        routes=(bell_page, ring_bell),
        writes=(Write("POST", "/toy/ring", RING.name),),
        dependencies={"bell": Provide(lambda: bell, sync_to_thread=False)},
        urls=urls,
        navigation=(
            NavigationEntry(
                label=BELLS, group="Flow", href=urls.toy(), icon="i-home", badge=lambda _: Badge(bell.rings, "danger")
            ),
        ),
        searches=(search,),
        live=LiveParts(
            read_model=lambda _: bell,
            fragments=(
                Fragment(
                    name="toy/bell",
                    key_prefix="bell",
                    resource=first_part,
                    template="toy/_bell.html",
                    variable="bell",
                    context=row,
                ),
            ),
        ),
        metrics=metrics,
        expected_errors={BellBroken: ExpectedError(418, "Buy a new bell.")},
    )


def check(configuration: Configuration) -> Iterator[ConfigFault]:
    if configuration.one(ToySettings).sound == "":
        yield ConfigFault(key="toy.sound", expected="a sound such as ding", got="an empty text")


@click.command("bell")
@config_option
def command(*, load: LoadConfiguration) -> None:
    """Say how the bell sounds."""
    click.echo(load().one(ToySettings).sound)


TOY = Feature(
    name="toy",
    sections=(Section(key="toy", model=ToySettings, check=check),),
    verbs=(Verb(name="bell", help="Say how the bell sounds", load=lambda: command),),
    build=build,
)
