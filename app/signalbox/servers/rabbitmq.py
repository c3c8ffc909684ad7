"""RabbitMQ nodes on loopback: the installed Debian package (3.10), or Debian 13's (4.0) through `debian_root`.

The service and epmd that the package starts are not used. All ports, Erlang distribution included, listen on 127.0.0.1 only.
"""

import asyncio
import json
import os
import secrets
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx

from signalbox.servers.debian import WORK, DebianRoot, debian_root
from signalbox.servers.process import ServerFailed, ServerProcess, find_program, free_port, port_open

ADDRESS = "SIGNALBOX_RABBITMQ_URL"
MANAGEMENT = "SIGNALBOX_RABBITMQ_MANAGEMENT_URL"
INSTALL = "apt-get install -y rabbitmq-server"
INSTALLED = "installed"
DEBIAN_13 = "4.0"  # 4.0.5
BIN = "/usr/lib/rabbitmq/bin"  # the wrapper in /usr/sbin changes the user and the directory
PLUGINS = ("rabbitmq_management", "rabbitmq_stream", "rabbitmq_stream_management", "rabbitmq_prometheus")
LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1}"
CTL_WAIT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitUser:
    """A user to create. `permissions` maps virtual hosts to patterns (configure, write, read)."""

    name: str
    password: str = field(repr=False)
    tags: tuple[str, ...] = ()
    permissions: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitTls:
    """PEM files of the server. With `demand`, clients must present a certificate of that CA."""

    ca: Path
    certificate: Path
    key: Path
    demand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitOptions:
    """Options of a node or cluster."""

    version: str = INSTALLED  # or DEBIAN_13
    nodes: int = 1
    plugins: tuple[str, ...] = PLUGINS
    vhosts: tuple[str, ...] = ("/",)
    users: tuple[RabbitUser, ...] = ()  # in addition to the administrator
    tls: RabbitTls | None = None  # AMQP and management accept TLS only
    settings: Mapping[str, str] = field(default_factory=dict)  # additional lines of rabbitmq.conf
    erlang: str = ""  # additional arguments, such as "-rabbit quorum_tick_interval 1000"


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitAddress:
    """Address and login of a RabbitMQ node."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    management_url: str | None
    prometheus_urls: tuple[str, ...] = ()
    tls: bool = False

    def amqp_url(self, vhost: str = "/") -> str:
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"{'amqps' if self.tls else 'amqp'}://{login}@{self.host}:{self.port}/{quote(vhost, safe='')}"


def given_address() -> RabbitAddress | None:
    """Return the RabbitMQ configured in the environment, to use instead of starting one; None if none is."""
    if not os.environ.get(ADDRESS):
        return None
    url = httpx.URL(os.environ[ADDRESS])
    tls = url.scheme == "amqps"
    return RabbitAddress(
        host=url.host,
        port=url.port or (5671 if tls else 5672),
        user=url.username or "guest",
        password=url.password or "guest",
        management_url=os.environ.get(MANAGEMENT) or None,
        tls=tls,
    )


@dataclass(frozen=True, slots=True)
class _Ports:
    amqp: int = field(default_factory=free_port)
    distribution: int = field(default_factory=free_port)
    management: int = field(default_factory=free_port)
    prometheus: int = field(default_factory=free_port)
    stream: int = field(default_factory=free_port)


class RabbitServer:
    """A node or a cluster. `start` after `stop` or a node's `kill` reuses ports and data."""

    def __init__(self, folder: Path, options: RabbitOptions | None = None) -> None:
        self.folder = folder
        self.options = options or RabbitOptions()
        self.user, self.password = "signalbox", secrets.token_urlsafe(18)
        self.nodes: list[ServerProcess] = []
        self.ports = [_Ports() for _ in range(self.options.nodes)]
        self._names = [f"node{n + 1}@localhost" for n in range(self.options.nodes)]
        self._epmd: ServerProcess | None = None
        self._epmd_port = free_port()
        self._root: DebianRoot | None = None

    def address(self, node: int = 0) -> RabbitAddress:
        """Return the address of a node, with the administrator's login."""
        ports, scheme = self.ports[node], "https" if self.options.tls else "http"
        has_management = "rabbitmq_management" in self.options.plugins
        prometheus = self.ports if "rabbitmq_prometheus" in self.options.plugins else []
        return RabbitAddress(
            host="127.0.0.1",
            port=ports.amqp,
            user=self.user,
            password=self.password,
            management_url=f"{scheme}://127.0.0.1:{ports.management}" if has_management else None,
            prometheus_urls=tuple(f"http://127.0.0.1:{p.prometheus}" for p in prometheus),
            tls=self.options.tls is not None,
        )

    async def start(self) -> None:
        """Start the nodes that do not run, concurrently. Takes 4 to 9 s. Raises ServerNotInstalled or ServerFailed."""
        if not self.nodes:
            await self._prepare()
        if self._epmd is not None and not self._epmd.running():
            await self._epmd.start()
        try:
            async with asyncio.TaskGroup() as group:
                for node in self.nodes:
                    if not node.running():
                        group.create_task(node.start())
        except ExceptionGroup as failed:  # the first failed by itself; the others may have waited for it
            raise failed.exceptions[0] from None

    async def stop(self) -> None:
        """Stop all nodes gracefully, then the port mapper."""
        await asyncio.gather(*(node.stop() for node in self.nodes))
        if self._epmd is not None:
            await self._epmd.stop()

    async def kill(self) -> None:
        """Kill all processes at once, as a crash would."""
        await asyncio.gather(*(node.kill() for node in self.nodes))
        if self._epmd is not None:
            await self._epmd.kill()

    async def ctl(self, *arguments: str, node: int = 0, program_name: str = "rabbitmqctl") -> str:
        """Run RabbitMQ's own tool against a node and return its output, or raise it as ServerFailed. Takes 1 to 3 s."""
        home = self.folder / f"node{node + 1}"
        argv = self._inside(home, [f"{BIN}/{program_name}", "-n", self._names[node], *arguments])
        environment = {**os.environ, **self._erlang(home), "RABBITMQ_CTL_ERL_ARGS": LOOPBACK}
        pipe = asyncio.subprocess.PIPE
        run = await asyncio.create_subprocess_exec(*argv, stdout=pipe, stderr=pipe, env=environment, cwd=home)
        command = f"{program_name} {' '.join(arguments)}"
        try:
            async with asyncio.timeout(CTL_WAIT_S):
                out, err = await run.communicate()
        except TimeoutError:
            run.kill()
            raise ServerFailed(f"{command}: no answer within {CTL_WAIT_S:g} s") from None
        if run.returncode:
            raise ServerFailed(f"{command}: {(out + err).decode(errors='replace')[-1000:]}")
        return out.decode()

    async def _prepare(self) -> None:
        if self.options.version == DEBIAN_13:
            self._root = await debian_root("trixie", "rabbitmq-server")
        else:
            find_program(f"{BIN}/rabbitmq-server", server="RabbitMQ", install=INSTALL)
        epmd = find_program("epmd", server="RabbitMQ's port mapper", install=INSTALL)
        argv = [epmd, "-address", "127.0.0.1", "-port", str(self._epmd_port)]
        self._epmd = ServerProcess("epmd", argv, self.folder, lambda: port_open(self._epmd_port))
        cookie = secrets.token_hex(16)
        self.nodes = [self._prepare_node(number, cookie) for number in range(self.options.nodes)]

    def _prepare_node(self, number: int, cookie: str) -> ServerProcess:
        home = self.folder / f"node{number + 1}"
        home.mkdir(parents=True, exist_ok=True)
        _write(home / ".erlang.cookie", cookie, mode=0o400)
        _write(home / "plugins", f"[{','.join(self.options.plugins)}].")
        _write(home / "definitions.json", json.dumps(self._definitions()))
        for name, file in self._certificates().items():
            _write(home / name, file.read_text())
        inner = self._inner_path(home)
        _write(home / "rabbitmq.conf", "".join(f"{k} = {v}\n" for k, v in self._settings(number, inner).items()))
        ports = self.ports[number]
        environment = {
            **self._erlang(home),
            "RABBITMQ_NODENAME": self._names[number],
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(ports.amqp),
            "RABBITMQ_DIST_PORT": str(ports.distribution),
            "RABBITMQ_MNESIA_BASE": f"{inner}/data",
            "RABBITMQ_LOG_BASE": f"{inner}/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{inner}/plugins",
            "RABBITMQ_CONFIG_FILE": f"{inner}/rabbitmq.conf",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{LOOPBACK} {self.options.erlang}".strip(),
        }
        return ServerProcess(
            name=f"rabbitmq{number + 1}",
            argv=self._inside(home, [f"{BIN}/rabbitmq-server"]),
            folder=home,
            ready=lambda: self._ready(number),
            env=environment,
            start_timeout_s=120.0,  # the nodes of a cluster wait for each other
        )

    async def _ready(self, number: int) -> bool:
        """Return whether all ports listen and the administrator can sign in."""
        ports, plugins = self.ports[number], self.options.plugins
        required = [ports.amqp]
        required += [ports.management] if "rabbitmq_management" in plugins else []
        required += [ports.prometheus] if "rabbitmq_prometheus" in plugins else []
        required += [ports.stream] if "rabbitmq_stream" in plugins else []
        return all([await port_open(port) for port in required]) and await self._can_sign_in(number)

    async def _can_sign_in(self, number: int) -> bool:
        """Check with requests: version 4 accepts connections before it answers, and the API answers before it has loaded its users."""
        tls = self.options.tls
        if not await _speaks_amqp(self.ports[number].amqp, None if tls is None else _context(tls)):
            return False
        address = self.address(number)
        if address.management_url is None or tls is not None:
            return True
        try:
            async with httpx.AsyncClient(auth=(self.user, self.password), timeout=1.0, trust_env=False) as client:
                return (await client.get(f"{address.management_url}/api/whoami")).status_code == 200
        except httpx.HTTPError:
            return False

    def _settings(self, number: int, inner: Path) -> dict[str, str]:
        ports, plugins = self.ports[number], self.options.plugins
        amqp, scheme = ("listeners.ssl.1", "ssl") if self.options.tls else ("listeners.tcp.1", "tcp")
        settings = {amqp: f"127.0.0.1:{ports.amqp}", "load_definitions": f"{inner}/definitions.json"}
        if self.options.tls:
            settings |= {"listeners.tcp": "none", **_tls_settings("ssl_options", self.options.tls, inner)}
        if "rabbitmq_management" in plugins:
            settings |= {f"management.{scheme}.ip": "127.0.0.1", f"management.{scheme}.port": str(ports.management)}
            if self.options.tls:
                settings |= _tls_settings("management.ssl", self.options.tls, inner)
        if "rabbitmq_prometheus" in plugins:
            settings |= {"prometheus.tcp.ip": "127.0.0.1", "prometheus.tcp.port": str(ports.prometheus)}
        if "rabbitmq_stream" in plugins:
            settings |= {"stream.listeners.tcp.1": f"127.0.0.1:{ports.stream}"}
        if self.options.nodes > 1:
            settings["cluster_formation.peer_discovery_backend"] = "classic_config"
            settings |= {f"cluster_formation.classic_config.nodes.{n}": name for n, name in enumerate(self._names, 1)}
        return {**settings, **self.options.settings}

    def _definitions(self) -> Mapping[str, object]:
        all_permissions = dict.fromkeys(self.options.vhosts, (".*", ".*", ".*"))
        login, tags = {"name": self.user, "password": self.password}, ("administrator",)
        users = (RabbitUser(**login, tags=tags, permissions=all_permissions), *self.options.users)
        return {
            "vhosts": [{"name": vhost} for vhost in self.options.vhosts],
            "users": [{"name": u.name, "password": u.password, "tags": ",".join(u.tags)} for u in users],
            "permissions": [
                {"user": u.name, "vhost": vhost, "configure": configure, "write": write, "read": read}
                for u in users
                for vhost, (configure, write, read) in u.permissions.items()
            ],
        }

    def _certificates(self) -> dict[str, Path]:
        tls = self.options.tls
        return {"ca.pem": tls.ca, "certificate.pem": tls.certificate, "key.pem": tls.key} if tls else {}

    def _erlang(self, home: Path) -> dict[str, str]:
        """Return the environment for a port mapper and a cookie of our own."""
        epmd = {"ERL_EPMD_PORT": str(self._epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1"}
        return {**epmd, "HOME": str(self._inner_path(home)), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}

    def _inner_path(self, home: Path) -> Path:
        return home if self._root is None else WORK

    def _inside(self, home: Path, command: Sequence[str]) -> list[str]:
        return list(command) if self._root is None else self._root.argv(home, command)


def _tls_settings(prefix: str, tls: RabbitTls, inner: Path) -> dict[str, str]:
    files = {"cacertfile": "ca.pem", "certfile": "certificate.pem", "keyfile": "key.pem"}
    settings = {f"{prefix}.{key}": f"{inner}/{name}" for key, name in files.items()}
    if tls.demand:
        settings |= {f"{prefix}.verify": "verify_peer", f"{prefix}.fail_if_no_peer_cert": "true"}
    return settings


def _context(tls: RabbitTls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls.ca))
    if tls.demand:
        context.load_cert_chain(tls.certificate, tls.key)  # the server's own certificate, which the same CA issued
    return context


async def _speaks_amqp(port: int, context: ssl.SSLContext | None) -> bool:
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.write(b"AMQP\x00\x00\x09\x01")
            first_byte = await reader.read(1)
            writer.transport.abort()
    except (OSError, TimeoutError):
        return False
    return first_byte == b"\x01"  # a method frame: Connection.Start


def _write(file: Path, text: str, mode: int = 0o600) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=mode)
    file.chmod(0o600)
    file.write_text(text)
    file.chmod(mode)
