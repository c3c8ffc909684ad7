"""`signalbox demo`: start brokers with a simulated order-processing system, and serve the dashboard."""

import asyncio
import sys

import click
from typing_extensions import override

from signalbox.brokers.model import BrokerKind
from signalbox.demo.run import run

DEFAULT_KIND = BrokerKind.NATS  # its server comes as a wheel: nothing to install


class BrokerKinds(click.ParamType[tuple[BrokerKind, ...]]):
    """Broker kinds, separated by commas."""

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
@click.option("--with", "kinds", type=BrokerKinds(), default=(), help="Also start these brokers.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port of the dashboard.")
def command(*, kinds: tuple[BrokerKind, ...], port: int) -> None:
    """Start brokers with a simulated order-processing system, and serve the dashboard."""
    started = list(dict.fromkeys((DEFAULT_KIND, *kinds)))
    try:
        asyncio.run(run(started, port))
    except asyncio.CancelledError:  # SIGTERM during start: the servers were stopped
        sys.exit(143)
