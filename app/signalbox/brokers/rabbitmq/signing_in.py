"""Connecting: AMQP and the management API side by side, and what of them can be done without."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from signalbox.brokers.errors import (
    BrokerError,
    BrokerTimeout,
    BrokerUnavailable,
    CertificateRefused,
    DestinationMissing,
    LoginRefused,
    NotPermitted,
    WrongProtocol,
)
from signalbox.brokers.rabbitmq.amqp import AmqpConnections
from signalbox.brokers.rabbitmq.asking import Asker
from signalbox.brokers.rabbitmq.errors import HungUp
from signalbox.brokers.rabbitmq.management import json_of, path_part
from signalbox.brokers.rabbitmq.settings import RabbitSettings


@dataclass(frozen=True, slots=True)
class Missing:
    """What is not there and can be done without, a sentence each; "" = it is there."""

    amqp: str = ""
    management: str = ""


async def sign_in(settings: RabbitSettings, amqp: AmqpConnections, asker: Asker, *, timeout_s: float) -> Missing:
    """Sign in to both. Returns what is missing.

    Raises:
        BrokerError: a fault of the configuration, or too little answers to show anything.
    """
    async with asyncio.TaskGroup() as group:
        amqp_task = group.create_task(_error_of(_any_vhost(settings, amqp, asker, timeout_s)))
        http_task = group.create_task(_error_of(_management(settings, asker, timeout_s)))
    by_amqp, by_http = amqp_task.result(), http_task.result()
    if isinstance(by_http, CertificateRefused) and isinstance(by_amqp, BrokerUnavailable):
        raise by_http  # by AMQP a refused certificate may look like a reset
    if by_amqp is not None and (by_http is not None or not _is_closed_off(by_amqp)):
        raise by_amqp
    if by_http is not None and not _can_do_without(settings, by_http):
        raise by_http
    return Missing(
        amqp=f"AMQP: {by_amqp.problem} Nothing can be published or consumed." if by_amqp else "",
        management=f"the management API: {by_http.problem} {_what_is_left(settings)}" if by_http else "",
    )


async def _management(settings: RabbitSettings, asker: Asker, timeout_s: float) -> None:
    try:
        await json_of(asker.api, "/api/whoami", limit_s=timeout_s)
    except DestinationMissing as error:  # another of the broker's ports
        raise WrongProtocol(
            settings.name, f"{settings.management} is not RabbitMQ's management API.", "Check management_url."
        ) from error


async def _any_vhost(settings: RabbitSettings, amqp: AmqpConnections, asker: Asker, timeout_s: float) -> None:
    """Sign in to every virtual host; one that is open is enough, each of the others is a fault of its own in a sweep."""
    errors = await asyncio.gather(*(_error_of(amqp.check(v, timeout_s=timeout_s)) for v in settings.vhosts))
    if None in errors:
        return
    error = errors[0]
    assert error is not None  # noqa: S101 - none of them is None, as was asked above
    if isinstance(error, NotPermitted) and await _missing(asker, settings.vhosts[0], timeout_s):
        raise DestinationMissing(
            settings.name, f"there is no virtual host {settings.vhosts[0]}.", "Check vhosts."
        ) from error
    raise error


async def _missing(asker: Asker, vhost: str, timeout_s: float) -> bool:
    """AMQP does not tell a missing virtual host from one that is not open to the user; the API may."""
    try:
        await asker.api.get(f"/api/vhosts/{path_part(vhost)}", limit_s=timeout_s)
    except BrokerError as error:
        return isinstance(error, DestinationMissing)
    return False


def _is_closed_off(error: BrokerError) -> bool:
    """By a firewall, or the node is down: the figures can be read all the same. What takes the connection is a wrong port."""
    return isinstance(error, BrokerUnavailable) and not isinstance(error, HungUp | BrokerTimeout)


def _can_do_without(settings: RabbitSettings, error: BrokerError) -> bool:
    if isinstance(error, LoginRefused):
        return False
    if isinstance(error, WrongProtocol | CertificateRefused) and settings.management_url is not None:
        return False  # it was configured, wrongly
    return bool(settings.queues or settings.prometheus_urls)


def _what_is_left(settings: RabbitSettings) -> str:
    if settings.prometheus_urls:
        return "Figures come from the prometheus plugin: states, consumers and rates are not known."
    return "The configured queues are asked for by AMQP: messages not acknowledged, rates, states and who reads are not known."


async def _error_of(trying: Awaitable[object]) -> BrokerError | None:
    try:
        await trying
    except BrokerError as error:
        return error
    return None
