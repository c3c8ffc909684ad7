"""The composition root: configuration -> database, feed, monitor, collectors -> the web application; takers before makers."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from litestar import Litestar
from typing_extensions import override

from signalbox.brokers.registry import open_broker
from signalbox.config import Configuration
from signalbox.kernel.clock import Clock, system_clock
from signalbox.kernel.errors import SignalboxError
from signalbox.kernel.feed import Feed
from signalbox.kernel.garbage import GarbageCollector
from signalbox.kernel.service import Service, start_all, stop_all
from signalbox.monitoring.collector import Collector
from signalbox.monitoring.series import Series
from signalbox.monitoring.service import Monitor
from signalbox.security.accounts import actions
from signalbox.security.accounts.service import Accounts, create_accounts
from signalbox.security.accounts.worker import AccountWatcher
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door
from signalbox.security.keys import Keys
from signalbox.security.keys import load as load_keys
from signalbox.security.masking.service import Masking
from signalbox.security.model import ADMIN_EVERYWHERE, Actor, Via
from signalbox.security.oidc.service import CompanyAccounts
from signalbox.storage.engine import Database
from signalbox.storage.errors import StorageError
from signalbox.web import urls
from signalbox.web.app import Parts, create_app
from signalbox.web.live.socket import end_stalled_connections
from signalbox.web.live.viewer import FRAME_BYTES_MAX
from signalbox.web.settings import ServerSettings

log = logging.getLogger(__name__)

OURSELVES = Actor(name="signalbox", rights=ADMIN_EVERYWHERE, via=Via.CLI)
STOP_WAIT_S = 5  # open sockets are closed after this long


class AddressTaken(SignalboxError):
    """Signalbox cannot listen where it was told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The web application and everything that runs with it, in the order in which it starts."""

    app: Litestar
    accounts: Accounts
    door: Door
    services: Sequence[Service]
    monitor: Monitor


def build(
    configuration: Configuration,
    *,
    extra: Sequence[Service] = (),
    demo: bool = False,
    clock: Clock = system_clock,
) -> Built:
    """Wire everything; nothing connects and nothing runs yet. `extra` are services that start last: the demo's shop."""
    database = Database(configuration.database)
    feed = Feed(epoch=int(clock()))
    series = Series(database, clock, configuration.monitoring.history_bytes)
    monitor = Monitor(feed=feed, clock=clock, series=series, thresholds=configuration.monitoring.thresholds)
    collectors = [
        Collector(open_broker(settings), settings, monitor, feed, clock) for settings in configuration.connections
    ]
    audit = AuditLog(database, clock)
    keys = load_keys(configuration.security.key_file)
    door = Door(audit, read_only=configuration.server.read_only)
    held = create_accounts(database, door, configuration.security, clock)
    masking = Masking(
        [one.rule() for one in configuration.masking],
        database,
        keys.masking(),
        clock,
    )
    held.changes.subscribe(masking.load)
    watch = AccountWatcher(held.changes, feed, clock, idle_s=held.sessions.idle_s)
    services: list[Service] = [series, watch, *collectors, *extra, GarbageCollector()]
    parts = Parts(
        monitor=monitor,
        feed=feed,
        series=series,
        clock=clock,
        accounts=held,
        door=door,
        audit=audit,
        keys=keys,
        masking=masking,
        company=_company(configuration, keys, held, door, clock),
        open_metrics=configuration.security.open_metrics,
        settings=configuration.server,
        connections=configuration.connections,
        ready=_ready(database, services),
        demo=demo,
        lifespan=_lifespan(configuration, database, held, services),
    )
    return Built(app=create_app(parts), accounts=held, door=door, services=services, monitor=monitor)


def _company(
    configuration: Configuration, keys: Keys, held: Accounts, door: Door, clock: Clock
) -> CompanyAccounts | None:
    if configuration.oidc is None:
        return None
    return CompanyAccounts(
        configuration.oidc, configuration.address, keys.sign_in(), accounts=held, door=door, clock=clock
    )


def _ready(database: Database, services: Sequence[Service]) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        """Say whether the database is at head and every service runs. A broker that is down changes nothing here."""
        try:
            at_head = await database.at_head()
        except StorageError as error:
            log.warning("not ready: %s", error)
            return False
        return at_head and all(service.healthy() for service in services)

    return ready


def _lifespan(
    configuration: Configuration, database: Database, held: Accounts, services: Sequence[Service]
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        try:
            await _prepare(configuration, database)
            await held.changes.refresh()
            await start_all(services)
            try:
                yield
            finally:
                await stop_all(services)
        finally:
            await database.close()

    return lifespan


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn raises them again when it has stopped, and what stands around it would not be closed."""

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(configuration: Configuration, *, extra: Sequence[Service] = (), demo: bool = False) -> None:
    """Serve until interrupted.

    Raises:
        AddressTaken: the address is in use or not ours.
        StorageError: the database cannot be used; on PostgreSQL also when `signalbox migrate` was not run.
    """
    await _usable(configuration)
    listener = _listen(configuration.server)
    built = build(configuration, extra=extra, demo=demo)
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
        )
    )
    host, port = listener.getsockname()[:2]
    place = configuration.server.base_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"Signalbox is on {place}", flush=True)  # noqa: T201 - for who started it
    if not demo and not configuration.server.read_only:
        await _offer_first_admin(built, place.rstrip("/"))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    await server.serve(sockets=[listener])


async def _offer_first_admin(built: Built, place: str) -> None:
    """Print the one-time link of the first admin while there is no user. It stands nowhere else: only its hash is kept."""
    await built.accounts.changes.refresh()
    if built.accounts.identities.has_users:
        return
    secret = await built.door.act(
        OURSELVES, actions.create_first_admin_link(), built.accounts.users.create_first_admin_link
    )
    print(f"The first admin is made here, once, within 24 h:\n{place}{urls.join(secret)}", flush=True)  # noqa: T201 - for who started it


async def _prepare(configuration: Configuration, database: Database) -> None:
    if configuration.database.is_sqlite:
        await database.upgrade()
    else:
        await database.require_head()


async def _usable(configuration: Configuration) -> None:
    """Prepare the database before anything is served: a fault then ends as a sentence, not inside the server's start."""
    database = Database(configuration.database)
    try:
        await _prepare(configuration, database)
    finally:
        await database.close()


def _listen(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        raise AddressTaken(
            f"Signalbox cannot listen on {place}: {error.strerror}. Choose another [server] port."
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
    database = Database(configuration.database)
    try:
        if await database.at_head():
            return False
        await database.upgrade()
        return True
    finally:
        await database.close()
