"""The connection to a NATS server or cluster: one wire at a time, made anew by whoever needs it after it was lost."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import nats.errors

from signalbox.brokers.errors import BrokerError, BrokerUnavailable
from signalbox.brokers.nats import faults
from signalbox.brokers.nats.login import Login, read_login
from signalbox.brokers.nats.probe import greeting
from signalbox.brokers.nats.settings import NatsSettings
from signalbox.brokers.nats.wire import NO_RESPONDERS, NOT_FOR_ACCOUNT, Lost, Refusal, Wire, decoded
from signalbox.kernel.clock import Clock

_STRANGE = (ValueError, TypeError, KeyError, AttributeError)  # what the library raises on an INFO that makes no sense


class Connection:
    """Signs in, asks JetStream's API, and knows what the server said of itself."""

    def __init__(self, settings: NatsSettings, clock: Clock) -> None:
        self.settings = settings
        self.url = settings.urls[0]  # where it is connected, or was last
        self.info: Mapping[str, Any] = {}  # the server's INFO
        self.login_expires_at: float | None = None
        self._clock = clock
        self._wire: Wire | None = None
        self._wanted = False
        self._dialling = asyncio.Lock()
        self._prefix = f"$JS.{settings.domain}.API." if settings.domain else "$JS.API."

    async def connect(self, timeout_s: float) -> None:
        """Connect and sign in at the first address that lets us, then ask whether JetStream is there.

        Raises:
            BrokerError: the subclass says which step failed.
        """
        self._wanted = True
        await self._dial(timeout_s)

    async def close(self) -> None:
        self._wanted = False
        await self._hang_up()

    async def live(self) -> Wire:
        """Return the wire; a lost one is made anew, within the connection's own timeout.

        Raises:
            BrokerError: it cannot be, or `close` was called.
        """
        if not self._wanted:
            raise BrokerUnavailable(self.settings.name, "the connection is not open.", "Connect first.")
        if self._wire is None or not self._wire.is_connected:
            await self._dial(self.settings.timeout_s)
        if self._wire is None:
            raise BrokerUnavailable(self.settings.name, "the connection was closed meanwhile.", "Connect again.")
        return self._wire

    async def ask(self, what: str, *, timeout_s: float, **body: object) -> dict[str, Any]:
        """Ask JetStream's API ("STREAM.INFO.orders") on the wire that is there; it is not made anew.

        Raises:
            Refusal: an error, no answer in time, or not permitted.
            BrokerUnavailable: the connection is lost.
        """
        payload = json.dumps(body).encode() if body else b""
        return decoded(await self.request(self.subject(what), payload, timeout_s=timeout_s))

    def subject(self, what: str) -> str:
        """Return the subject of a JetStream API call, in the configured domain."""
        return self._prefix + what

    async def request(
        self, subject: str, payload: bytes, *, timeout_s: float, headers: dict[str, str] | None = None
    ) -> Any:  # noqa: ANN401 - nats-py's Msg; its name stays in the wire
        """As `ask`, for any subject, with the raw answer."""
        try:
            if self._wire is None:
                raise Lost("it is not open")
            return await self._wire.ask(subject, payload, timeout_s=timeout_s, headers=headers)
        except Lost as lost:
            found = f"the connection to {faults.place(self.url)} is lost: {lost}."
            raise BrokerUnavailable(self.settings.name, found, "It is made anew with the next reading.") from None

    def error(self, refusal: Refusal) -> BrokerError:
        """Return the error that a refusal is when nothing else could be read."""
        return faults.unanswered(self.settings, refusal, self.url)

    async def _hang_up(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.end()

    async def _dial(self, timeout_s: float) -> None:
        async with self._dialling:
            if self._wire is not None and self._wire.is_connected:
                return
            await self._hang_up()
            login = await asyncio.to_thread(read_login, self.settings)
            self.login_expires_at = login.expires_at
            until = time.monotonic() + timeout_s
            errors: list[BrokerError] = []
            for number, url in enumerate(self.settings.urls):
                share = (until - time.monotonic()) / (len(self.settings.urls) - number)
                try:
                    await self._dial_one(url, login, max(share, 0.1))
                except BrokerError as error:
                    errors.append(error)
                else:
                    return
            raise next((e for e in errors if not isinstance(e, BrokerUnavailable)), errors[-1])

    async def _dial_one(self, url: str, login: Login, timeout_s: float) -> None:
        wire = Wire(tls=self.settings.tls)
        try:
            async with asyncio.timeout(timeout_s):
                self.info = await greeting(self.settings, url)
                name = f"signalbox {self.settings.name}"
                await wire.dial(url, name=name, timeout_s=timeout_s, options=login.options)
            self.info = wire._server_info or self.info  # noqa: SLF001 - the whole INFO has no public name
            self._wire, self.url = wire, url
        except TimeoutError:
            raise faults.silent(self.settings, url, timeout_s) from None
        except (OSError, Lost, nats.errors.Error, *_STRANGE) as error:
            ended = login.expires_at if login.expires_at and login.expires_at <= self._clock() else None
            demands = self.info.get("tls_verify") is True
            raise faults.dialling(self.settings, url, error, expired_at=ended, wants_certificate=demands) from None
        finally:
            if self._wire is not wire:
                await wire.end()
        await self._check_jetstream(timeout_s)

    async def _check_jetstream(self, timeout_s: float) -> None:
        """A user without the right to ask, or a cluster without a leader, is connected all the same: a sweep says more."""
        try:
            await self.ask("INFO", timeout_s=timeout_s)
        except Refusal as refusal:
            if refusal.code in {NO_RESPONDERS, NOT_FOR_ACCOUNT}:
                await self._hang_up()
                raise self.error(refusal) from None
