"""The composition root: configuration -> core -> features -> the web application. It knows no feature by name."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import NoReturn

import uvicorn
from litestar import Litestar
from typing_extensions import override

from signalbox.core import Core
from signalbox.features import FEATURES
from signalbox.features.feature import Feature
from signalbox.kernel.clock import Clock, system_clock
from signalbox.kernel.configuration import Configuration
from signalbox.kernel.errors import SignalboxError
from signalbox.kernel.feed import Feed
from signalbox.kernel.garbage import GarbageCollector
from signalbox.kernel.service import Service, Tasks, save_all, start_all, stop_all
from signalbox.security.accounts import actions
from signalbox.security.accounts.service import create_accounts
from signalbox.security.accounts.worker import AccountWatcher
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door
from signalbox.security.keys import load as load_keys
from signalbox.security.masking.service import Masking
from signalbox.security.masking.settings import MaskingRuleSettings
from signalbox.security.model import ADMIN_EVERYWHERE, Actor, Via
from signalbox.security.settings import SecuritySettings
from signalbox.storage.engine import Database
from signalbox.storage.errors import StorageError
from signalbox.storage.settings import DatabaseSettings
from signalbox.web import urls
from signalbox.web.app import WebOptions, create_app
from signalbox.web.feature import FeatureParts
from signalbox.web.live.page import FRAME_BYTES_MAX
from signalbox.web.live.socket import end_stalled_connections
from signalbox.web.settings import ServerSettings

log = logging.getLogger(__name__)

PROGRAM = Actor(name="signalbox", rights=ADMIN_EVERYWHERE, via=Via.CLI)
STOP_WAIT_S = 5  # open sockets are closed after this long
CLOSE_MAX_S = 2.0  # then a database that does not answer is left
EXIT_INTERRUPTED = 130  # what shells report for a program that SIGINT ended


class AddressTaken(SignalboxError):
    """Signalbox cannot listen where it was told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The web application and everything that runs with it, in the order in which it starts."""

    app: Litestar
    core: Core
    parts: Sequence[FeatureParts]  # of the features
    services: Sequence[Service]


def build_core(
    configuration: Configuration,
    *,
    clock: Clock = system_clock,
    database: Database | None = None,
    feed: Feed | None = None,
) -> Core:
    """Wire what every feature is built on; nothing connects yet. Tests hand in a database and a feed of their own."""
    database = database or Database(configuration.one(DatabaseSettings))
    security = configuration.one(SecuritySettings)
    audit = AuditLog(database, clock)
    door = Door(audit, read_only=configuration.one(ServerSettings).read_only)
    keys = load_keys(security.key_file)
    rules = [table.rule() for table in configuration.many(MaskingRuleSettings)]
    masking = Masking(rules, database, keys.masking(), clock)
    accounts = create_accounts(database, door, security, clock)
    accounts.changes.subscribe(masking.load)
    return Core(
        configuration=configuration,
        clock=clock,
        database=database,
        feed=feed or Feed(epoch=int(clock())),
        keys=keys,
        audit=audit,
        door=door,
        accounts=accounts,
        masking=masking,
    )


def build(
    core: Core,
    features: Sequence[Feature] = FEATURES,
    *,
    extra: Sequence[Service] = (),
    options: WebOptions | None = None,
    start_services: bool = True,
) -> Built:
    """Wire the features; nothing connects and nothing runs before the application's lifespan begins.

    `extra` are services that start last: the demo's shop. Without `start_services` only requests are answered, for tests.
    """
    watcher = AccountWatcher(core.accounts.changes, core.feed, core.clock, idle_s=core.accounts.sessions.idle_s)
    parts = [feature.build(core) for feature in features]
    services = [watcher, *(service for part in parts for service in part.services), *extra, GarbageCollector()]
    app = create_app(
        core,
        parts,
        ready=_ready(core.database, services if start_services else ()),
        lifespan=_lifespan(core, services if start_services else None),
        options=options or WebOptions(),
    )
    return Built(app=app, core=core, parts=parts, services=services)


def _ready(database: Database, services: Sequence[Service]) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        """Say whether the database is at head and every service runs. A broker that is down does not matter here."""
        try:
            at_head = await database.at_head()
        except StorageError as error:
            log.warning("not ready: %s", error)
            return False
        return at_head and all(service.healthy() for service in services)

    return ready


def _lifespan(
    core: Core, services: Sequence[Service] | None
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        if services is None:
            yield
            return
        try:
            await _prepare(core.configuration, core.database)
            await core.accounts.changes.refresh()
            await start_all(services)
            try:
                yield
            finally:
                await stop_all(services)
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_MAX_S):
                    await core.database.close()

    return lifespan


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn raises them again after it stopped, and then nothing around it would be closed."""

    def __init__(self, config: uvicorn.Config, services: Sequence[Service]) -> None:
        super().__init__(config)
        self._services = services
        self._tasks = Tasks()
        self._saving: asyncio.Task[None] | None = None

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self, number: int) -> None:
        """Save at once and stop; a SIGINT while this goes on ends the process where it is."""
        if not self.should_exit:
            self.should_exit = True
            self._saving = self._tasks.start(save_all(self._services))
        elif number == signal.SIGINT:
            log.warning("ended by a second interrupt, before everything had stopped")
            end_process(EXIT_INTERRUPTED)


def end_process(code: int) -> NoReturn:
    """End the process without waiting for threads and tasks: one of them may hang."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


async def serve(
    configuration: Configuration, *, extra: Sequence[Service] = (), options: WebOptions | None = None
) -> None:
    """Serve until interrupted.

    Raises:
        AddressTaken: the address is in use or not ours.
        StorageError: the database cannot be used; on PostgreSQL also when `signalbox migrate` was not run.
    """
    await _check_database(configuration)
    settings = configuration.one(ServerSettings)
    listener = _listen(settings)
    options = options or WebOptions()
    built = build(build_core(configuration), extra=extra, options=options)
    server = _Server(
        uvicorn.Config(
            built.app,
            ws="websockets-sansio",
            ws_max_size=FRAME_BYTES_MAX,
            ws_per_message_deflate=False,
            http="httptools",
            lifespan="on",
            server_header=False,
            proxy_headers=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=STOP_WAIT_S,
        ),
        built.services,
    )
    host, port = listener.getsockname()[:2]
    address = settings.base_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"Signalbox is on {address}", flush=True)  # noqa: T201 - for who started it
    if not options.demo and not settings.read_only:
        await _print_first_admin_link(built.core, address.rstrip("/"))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop, number)
    await server.serve(sockets=[listener])


async def _print_first_admin_link(core: Core, address: str) -> None:
    """Print the one-time link of the first admin while there is no user. Only its hash is stored."""
    await core.accounts.changes.refresh()
    if core.accounts.identities.has_users:
        return
    secret = await core.door.act(
        PROGRAM, actions.create_first_admin_link(), core.accounts.users.create_first_admin_link
    )
    print(  # noqa: T201 - for the person who started the program
        f"Create the first admin with this link. It works once and expires in 24 hours:\n{address}{urls.join(secret)}",
        flush=True,
    )


async def _prepare(configuration: Configuration, database: Database) -> None:
    if configuration.one(DatabaseSettings).is_sqlite:
        await database.upgrade()
    else:
        await database.require_head()


async def _check_database(configuration: Configuration) -> None:
    """Prepare the database before the server starts, so that a fault ends as one sentence."""
    database = Database(configuration.one(DatabaseSettings))
    try:
        await _prepare(configuration, database)
    finally:
        await database.close()


def _listen(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        address = f"{settings.host}:{settings.port}"
        raise AddressTaken(
            f"Signalbox cannot listen on {address}: {error.strerror}. Choose another [server] port."
        ) from None
    # Else each answer waits 40 ms for an acknowledgement: asyncio sets it only where a socket names its protocol.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    end_stalled_connections(listener)
    return listener


async def migrate(configuration: Configuration) -> bool:
    """Bring the database to this version's schema; return whether anything had to be done.

    Raises:
        StorageError: it cannot be reached or changed.
    """
    database = Database(configuration.one(DatabaseSettings))
    try:
        if await database.at_head():
            return False
        await database.upgrade()
        return True
    finally:
        await database.close()
