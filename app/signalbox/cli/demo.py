"""`signalbox demo`: a broker of our own with an order-processing system on it, and the dashboard."""

import asyncio
import sys

import click
from typing_extensions import override

from signalbox.brokers.model import BrokerKind
from signalbox.demo.run import run

ALWAYS = BrokerKind.NATS  # its server comes with the wheel: nothing to install


class Kinds(click.ParamType[tuple[BrokerKind, ...]]):
    """Names of brokers, separated by commas."""

    name = "kafka,rabbitmq,sqs"

    @override
    def convert(
        self, value: str | tuple[BrokerKind, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[BrokerKind, ...]:
        if isinstance(value, tuple):
            return value
        names = [name.strip() for name in value.split(",") if name.strip()]
        for name in names:
            if name not in list(BrokerKind):
                self.fail(f"{name!r} is none of {', '.join(BrokerKind)}", param, ctx)
        return tuple(BrokerKind(name) for name in names)


@click.command("demo")
@click.option("--with", "kinds", type=Kinds(), default=(), help="Further brokers to start and use.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Where to serve.")
def command(*, kinds: tuple[BrokerKind, ...], port: int) -> None:
    """Start a broker of our own and an order-processing system on it, and serve the dashboard."""
    wanted = list(dict.fromkeys((ALWAYS, *kinds)))
    try:
        asyncio.run(run(wanted, port))
    except asyncio.CancelledError:  # SIGTERM while the servers were starting: they are stopped again
        sys.exit(143)
