"""The connection to a NATS server or cluster: one client at a time. After a loss, the next caller reconnects."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import nats.errors

from signalbox.brokers.errors import BrokerError, BrokerUnavailable
from signalbox.brokers.model import Why
from signalbox.brokers.nats import client as client_module
from signalbox.brokers.nats import errors
from signalbox.brokers.nats.client import ConnectionLost, JetStreamError, NatsClient
from signalbox.brokers.nats.login import Login, read_login
from signalbox.brokers.nats.probe import read_server_info
from signalbox.brokers.nats.settings import NatsSettings
from signalbox.kernel.clock import Clock

_INVALID_INFO = (ValueError, TypeError, KeyError, AttributeError)  # what the library raises on an invalid INFO


class NatsConnection:
    """Signs in, sends requests to JetStream's API, and keeps the server's INFO."""

    def __init__(self, settings: NatsSettings, clock: Clock) -> None:
        self.settings = settings
        self.url = settings.urls[0]  # the current address, or the last one
        self.info: Mapping[str, Any] = {}  # the server's INFO
        self.login_expires_at: float | None = None
        self._clock = clock
        self._client: NatsClient | None = None
        self._is_open = False
        self._dialing = asyncio.Lock()
        self._prefix = f"$JS.{settings.domain}.API." if settings.domain else "$JS.API."

    async def connect(self, timeout_s: float) -> None:
        """Connect and sign in at the first address that works, then check that JetStream is available.

        The subclass of the BrokerError says which step failed.
        """
        self._is_open = True
        await self._dial(timeout_s)

    async def close(self) -> None:
        self._is_open = False
        await self._disconnect()

    async def connected_client(self) -> NatsClient:
        """Return the client; reconnect within the connection's timeout if the connection was lost.

        Raises BrokerError if the reconnect failed, or `close` was called.
        """
        if not self._is_open:
            raise BrokerUnavailable(self.settings.name, "The connection is not open.", "Connect first.")
        if self._client is None or not self._client.is_connected:
            await self._dial(self.settings.timeout_s)
        if self._client is None:
            raise BrokerUnavailable(self.settings.name, "The connection was closed meanwhile.", "Connect again.")
        return self._client

    async def request_api(self, operation: str, *, timeout_s: float, **body: object) -> dict[str, Any]:
        """Send a request to JetStream's API ("STREAM.INFO.orders"). Does not reconnect.

        Raises JetStreamError if JetStream did not execute it, BrokerUnavailable if the connection is lost.
        """
        payload = json.dumps(body).encode() if body else b""
        return client_module.decode(await self.request(self.api_subject(operation), payload, timeout_s=timeout_s))

    def api_subject(self, operation: str) -> str:
        return self._prefix + operation

    async def request(
        self, subject: str, payload: bytes, *, timeout_s: float, headers: dict[str, str] | None = None
    ) -> Any:  # noqa: ANN401 - nats-py's Msg; client.py keeps its name
        """Send a request to any subject and return the raw answer. Raises as `request_api` does."""
        try:
            if self._client is None:
                raise ConnectionLost("it is not open")
            return await self._client.send_request(subject, payload, timeout_s=timeout_s, headers=headers)
        except ConnectionLost as lost:
            name, problem = self.settings.name, f"The connection to {errors.host_port(self.url)} is lost: {lost}."
            raise BrokerUnavailable(name, problem, "Signalbox reconnects with the next reading.") from None

    async def is_jetstream_ready(self) -> bool:
        """Return whether JetStream answers, so that its "not found" counts. Raises BrokerError if the reconnect failed."""
        await self.connected_client()
        try:
            await self.request_api("INFO", timeout_s=self.settings.timeout_s)
        except JetStreamError as error:
            return error.why is Why.NOT_PERMITTED
        return True

    def broker_error(self, error: JetStreamError) -> BrokerError:
        """Return the error to raise when nothing at all could be read."""
        return errors.api_error(self.settings, error, self.url)

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.shut_down()

    async def _dial(self, timeout_s: float) -> None:
        async with self._dialing:
            if self._client is not None and self._client.is_connected:
                return
            await self._disconnect()
            login = await asyncio.to_thread(read_login, self.settings)
            self.login_expires_at = login.expires_at
            deadline = time.monotonic() + timeout_s
            failures: list[BrokerError] = []
            for number, url in enumerate(self.settings.urls):
                share_s = (deadline - time.monotonic()) / (len(self.settings.urls) - number)
                try:
                    await self._dial_url(url, login, max(share_s, 0.1))
                except BrokerError as error:
                    failures.append(error)
                else:
                    return
            raise next((e for e in failures if not isinstance(e, BrokerUnavailable)), failures[-1])

    async def _dial_url(self, url: str, login: Login, timeout_s: float) -> None:
        client = NatsClient(tls=self.settings.tls)
        try:
            async with asyncio.timeout(timeout_s):
                self.info = await read_server_info(self.settings, url)
                name = f"signalbox {self.settings.name}"
                await client.dial(url, name=name, timeout_s=timeout_s, options=login.options)
            self.info = client._server_info or self.info  # noqa: SLF001 - the whole INFO has no public name
            self._client, self.url = client, url
        except TimeoutError:
            raise errors.timeout_error(self.settings, url, timeout_s) from None
        except (OSError, ConnectionLost, nats.errors.Error, *_INVALID_INFO) as error:
            expired_at = login.expires_at if login.expires_at and login.expires_at <= self._clock() else None
            wanted = self.info.get("tls_verify") is True
            raise errors.connect_error(self.settings, url, error, expired_at, wants_certificate=wanted) from None
        finally:
            if self._client is not client:
                await client.shut_down()
        await self._check_jetstream(timeout_s)

    async def _check_jetstream(self, timeout_s: float) -> None:
        """Accept a user without permission to ask, and a cluster without a leader: a sweep reports the details."""
        try:
            await self.request_api("INFO", timeout_s=timeout_s)
        except JetStreamError as error:
            if error.code in {client_module.NO_RESPONDERS, client_module.NOT_FOR_ACCOUNT}:
                await self._disconnect()
                raise self.broker_error(error) from None
