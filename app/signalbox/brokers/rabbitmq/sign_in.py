"""Sign-in to AMQP and the management API, concurrently. One of them may be unavailable."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from signalbox.brokers import errors
from signalbox.brokers.rabbitmq.amqp import AmqpConnections
from signalbox.brokers.rabbitmq.client import ManagementClient
from signalbox.brokers.rabbitmq.errors import ConnectionDropped
from signalbox.brokers.rabbitmq.http import quote_segment
from signalbox.brokers.rabbitmq.settings import RabbitSettings


@dataclass(frozen=True, slots=True)
class UnavailableApis:
    """Why an API is unavailable and what that means; "" = it is available."""

    amqp: str = ""
    management: str = ""


async def sign_in(
    settings: RabbitSettings, amqp: AmqpConnections, client: ManagementClient, *, timeout_s: float
) -> UnavailableApis:
    """Sign in to both APIs and return which is unavailable.

    Raises:
        BrokerError: the configuration is wrong, or neither API can provide metrics.
    """
    async with asyncio.TaskGroup() as group:
        amqp_task = group.create_task(_error_of(_any_vhost(settings, amqp, client, timeout_s)))
        http_task = group.create_task(_error_of(_management(settings, client, timeout_s)))
    amqp_error, http_error = amqp_task.result(), http_task.result()
    if isinstance(http_error, errors.CertificateRefused) and isinstance(amqp_error, errors.BrokerUnavailable):
        raise http_error  # over AMQP a rejected certificate may look like a reset
    if amqp_error is not None and (http_error is not None or not _is_unreachable(amqp_error)):
        raise amqp_error
    if http_error is not None and not _is_optional(settings, http_error):
        raise http_error
    amqp_note = management_note = ""
    if amqp_error is not None:
        amqp_note = f"AMQP is unavailable: {amqp_error.problem} Messages cannot be published or consumed."
    if http_error is not None:
        management_note = f"The management API is unavailable: {http_error.problem} {_remaining_metrics(settings)}"
    return UnavailableApis(amqp_note, management_note)


async def _management(settings: RabbitSettings, client: ManagementClient, timeout_s: float) -> None:
    try:
        await client.api.get_json("/api/whoami", limit_s=timeout_s)
    except errors.DestinationMissing as error:  # another port of the broker answers so
        problem = f"{settings.management} is not RabbitMQ's management API."
        raise errors.WrongProtocol(settings.name, problem, "Check management_url.") from error
    encoded = next((vhost for vhost in settings.vhosts if quote_segment(vhost) != vhost), None)
    if encoded is not None and await _is_missing(client, encoded, timeout_s):
        await _check_proxy(settings, client, encoded, timeout_s)


async def _check_proxy(settings: RabbitSettings, client: ManagementClient, vhost: str, timeout_s: float) -> None:
    """Find out whether a proxy changed the virtual host in the path: the list of all names needs no such path."""
    try:
        listed = await client.rows("/api/vhosts", limit_s=timeout_s)
    except errors.BrokerError:
        return
    if any(row.get("name") == vhost for row in listed):
        problem = f"A proxy in front of {settings.management} decodes {quote_segment(vhost)} in paths, so virtual host {vhost} cannot be read."
        hint = "Let the proxy pass paths on unchanged, or set management_url to the broker's own port."
        raise errors.WrongProtocol(settings.name, problem, hint)


async def _any_vhost(
    settings: RabbitSettings, amqp: AmqpConnections, client: ManagementClient, timeout_s: float
) -> None:
    """Sign in to every virtual host. One success is enough: each failed one becomes a fault in the sweep."""
    failures = await asyncio.gather(*(_error_of(amqp.check(v, timeout_s=timeout_s)) for v in settings.vhosts))
    error = failures[0]
    if error is None or None in failures:
        return
    if isinstance(error, errors.PermissionMissing) and await _is_missing(client, settings.vhosts[0], timeout_s):
        problem = f"Virtual host {settings.vhosts[0]} does not exist."
        raise errors.DestinationMissing(settings.name, problem, "Check vhosts.") from error
    raise error


async def _is_missing(client: ManagementClient, vhost: str, timeout_s: float) -> bool:
    """Ask the API whether the virtual host is missing: AMQP answers the same for one that the user may not access.

    An exchange that every virtual host has is the cheapest request for it that a user with the tag monitoring may send.
    """
    try:
        await client.api.get(f"/api/exchanges/{quote_segment(vhost)}/amq.direct", limit_s=timeout_s)
    except errors.BrokerError as error:
        return isinstance(error, errors.DestinationMissing)
    return False


def _is_unreachable(error: errors.BrokerError) -> bool:
    """Return whether nothing answers (firewall, stopped node). A port that accepts the connection is a wrong one instead."""
    return isinstance(error, errors.BrokerUnavailable) and not isinstance(
        error, ConnectionDropped | errors.BrokerTimeout
    )


def _is_optional(settings: RabbitSettings, error: errors.BrokerError) -> bool:
    if isinstance(error, errors.LoginRefused):
        return False
    if isinstance(error, errors.WrongProtocol | errors.CertificateRefused) and settings.management_url is not None:
        return False  # the configured URL is wrong
    return bool(settings.queues or settings.prometheus_urls)


def _remaining_metrics(settings: RabbitSettings) -> str:
    if settings.prometheus_urls:
        return "The prometheus plugin provides queue depths; states, consumers and rates are unknown."
    return "AMQP provides the ready messages of the configured queues; unacknowledged messages, rates, states and consumers are unknown."


async def _error_of(attempt: Awaitable[object]) -> errors.BrokerError | None:
    try:
        await attempt
    except errors.BrokerError as error:
        return error
    return None
