"""Start Apache Kafka on loopback: one node (broker and controller), or two, where the second is only a broker.

Versions 3 and later run without ZooKeeper; 2.8 runs with ZooKeeper. The jars come from Maven.
"""

import asyncio
import base64
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from signalbox.servers.maven import class_path, jars, java
from signalbox.servers.process import ServerProcess, free_port, port_open, run_or_fail

VERSION = "4.3.1"  # the newest version that has a published kafka-tools artifact
VERSION_3_9 = "3.9.1"
VERSION_2_8 = "2.8.2"  # with ZooKeeper
BOOTSTRAP_VARIABLE = "SIGNALBOX_KAFKA_BOOTSTRAP"
FAST_START_JVM = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # starts sooner, but never reaches full speed
PRODUCTION_JVM = (  # the options of Kafka's bin/kafka-run-class.sh
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
)
LOGGING = ("-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaTls:
    """PEM files: the broker's key (PKCS#8) and certificate chain, and the CA that must have signed client certificates."""

    keystore: Path
    ca: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaOptions:
    """Options of a cluster. The plaintext listener always exists; the options below add the others."""

    version: str = VERSION
    nodes: int = 1
    tls: KafkaTls | None = None  # adds listener SSL, which requires a client certificate
    users: Mapping[str, str] = field(default_factory=dict, repr=False)  # name -> password; adds SASL, with tls SASL_SSL
    authorizer: bool = False  # StandardAuthorizer; clients of the plaintext listener are super users
    proxied_port: int | None = None  # adds the plaintext listener PROXIED, advertised at this port
    heap_mib: int = 512  # not enough for 10,000 partitions on one node: garbage collection would run at each response
    jvm: tuple[str, ...] = FAST_START_JVM
    settings: Mapping[str, str] = field(default_factory=dict)  # further broker properties


def bootstrap_from_environment() -> str | None:
    """Return the bootstrap address in the environment, if any; callers then start no server."""
    return os.environ.get(BOOTSTRAP_VARIABLE) or None


def format_arguments(cluster_id: str, file: Path, users: Mapping[str, str]) -> list[str]:
    """Return the arguments of StorageTool that format a node. As `--cluster-id=ID`, because an ID may begin with a hyphen."""
    scram = [f"{m}=[name={u},password={p}]" for u, p in users.items() for m in ("SCRAM-SHA-256", "SCRAM-SHA-512")]
    return ["format", f"--cluster-id={cluster_id}", f"--config={file}", *(f"--add-scram={user}" for user in scram)]


class KafkaServer:
    """A cluster of one or two nodes. A restart keeps ports and data."""

    def __init__(self, folder: Path, options: KafkaOptions | None = None) -> None:
        self.folder = folder
        self.options = options or KafkaOptions()
        self.nodes: list[ServerProcess] = []
        self.jars = Path()
        self._ports: list[dict[str, int]] = []
        self._zookeeper: ServerProcess | None = None

    @property
    def bootstrap(self) -> str:
        """The plaintext addresses of all nodes: "host:port,host:port"."""
        return self.address("PLAINTEXT")

    def address(self, listener: str) -> str:
        """Return a listener's addresses (PLAINTEXT, SSL, SASL, SASL_SSL) on all nodes: "host:port,host:port"."""
        return ",".join(f"127.0.0.1:{ports[listener]}" for ports in self._ports)

    def port(self, listener: str, node: int = 0) -> int:
        return self._ports[node][listener]

    async def start(self) -> None:
        """Download missing jars, write the configuration once, and start every process that is not running.

        Raises ServerNotInstalled without Java or Maven, ServerFailed if Maven or a process failed.
        """
        if not self.nodes:
            await self._prepare()
        if self._zookeeper is not None and not self._zookeeper.running():
            await self._zookeeper.start()
        for node in self.nodes:
            if not node.running():
                await node.start()

    async def stop(self) -> None:
        for process in [*reversed(self.nodes), self._zookeeper]:
            if process is not None:
                await process.stop()

    async def _prepare(self) -> None:
        version = self.options.version
        coordinates = [f"org.apache.kafka:kafka_2.13:{version}", "org.slf4j:slf4j-simple:1.7.36"]
        if version == VERSION:
            coordinates.append(f"org.apache.kafka:kafka-tools:{version}")
        self.jars = await jars(f"Apache Kafka {version}", coordinates)
        self._ports = [self._new_ports() for _ in range(self.options.nodes)]
        self.folder.mkdir(parents=True, exist_ok=True)
        if version == VERSION_2_8:
            self._zookeeper = self._prepare_zookeeper()
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        for number in range(self.options.nodes):
            self.nodes.append(await asyncio.to_thread(self._prepare_node, number, cluster_id))

    def _new_ports(self) -> dict[str, int]:
        tls, users, proxied = self.options.tls, self.options.users, self.options.proxied_port
        names = {"PLAINTEXT": True, "CONTROLLER": True, "SSL": tls, "SASL": users, "SASL_SSL": tls and users}
        return {name: free_port() for name, exists in {**names, "PROXIED": proxied}.items() if exists}

    def _prepare_zookeeper(self) -> ServerProcess:
        folder, port = self.folder / "zookeeper", free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._ports[0]["ZOOKEEPER"] = port
        file = folder / "zookeeper.properties"
        file.write_text(
            f"dataDir={folder / 'data'}\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n"
        )
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        return self._process("zookeeper", folder, main, file, port)

    def _prepare_node(self, number: int, cluster_id: str) -> ServerProcess:
        folder = self.folder / f"node{number + 1}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in self._properties(number, folder).items()))
        file.chmod(0o600)
        if self._zookeeper is None:
            self._format(file, cluster_id)
        return self._process(f"kafka{number + 1}", folder, "kafka.Kafka", file, self._ports[number]["PLAINTEXT"])

    def _process(self, name: str, folder: Path, main: str, file: Path, port: int) -> ServerProcess:
        heap = f"-Xmx{self.options.heap_mib}m"
        argv = [java("Apache Kafka"), heap, *self.options.jvm, *LOGGING, "-cp", class_path(self.jars), main, str(file)]
        return ServerProcess(name=name, argv=argv, folder=folder, ready=lambda: port_open(port))

    def _format(self, file: Path, cluster_id: str) -> None:
        argv = [
            java("Apache Kafka"),
            *FAST_START_JVM,
            *LOGGING,
            "-cp",
            class_path(self.jars),
            "kafka.tools.StorageTool",
        ]
        argv += format_arguments(cluster_id, file, self.options.users)
        run_or_fail(argv, "Cannot format Kafka's storage", timeout_s=60)

    def _properties(self, number: int, folder: Path) -> dict[str, str]:
        ports = self._ports[number]
        is_controller = number == 0 and self._zookeeper is None
        listeners = [name for name in ports if name != "ZOOKEEPER" and (name != "CONTROLLER" or is_controller)]
        protocols = dict.fromkeys(("PLAINTEXT", "CONTROLLER", "PROXIED"), "PLAINTEXT")
        protocols |= {"SSL": "SSL", "SASL": "SASL_PLAINTEXT", "SASL_SSL": "SASL_SSL"}
        addresses = {name: f"{name}://127.0.0.1:{ports[name]}" for name in listeners}
        advertised = {name: address for name, address in addresses.items() if name != "CONTROLLER"}
        if "PROXIED" in advertised:
            advertised["PROXIED"] = f"PROXIED://127.0.0.1:{self.options.proxied_port}"
        replication = {f"{topic}.replication.factor": "1" for topic in ("offsets.topic", "transaction.state.log")}
        return {
            "listeners": ",".join(addresses.values()),
            "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
            "advertised.listeners": ",".join(advertised.values()),
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(folder / "data"),
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.num.partitions": "10",
            "transaction.state.log.num.partitions": "5",
            "transaction.state.log.min.isr": "1",
            "log.index.size.max.bytes": "4096",
            "auto.create.topics.enable": "true",  # Kafka's default: proves that our clients never create a topic by accident
            **replication,
            **self._roles(number),
            **self._security(),
            **self.options.settings,
        }

    def _roles(self, number: int) -> dict[str, str]:
        if self._zookeeper is not None:
            return {"broker.id": str(number + 1), "zookeeper.connect": f"127.0.0.1:{self._ports[0]['ZOOKEEPER']}"}
        roles = {
            "process.roles": "broker,controller" if number == 0 else "broker",
            "node.id": str(number + 1),
            "controller.quorum.voters": f"1@127.0.0.1:{self._ports[0]['CONTROLLER']}",
            "controller.listener.names": "CONTROLLER",
        }
        if self.options.version == VERSION:
            sizes = {"replication.factor": "1", "min.isr": "1", "num.partitions": "5"}
            roles |= {f"share.coordinator.state.topic.{key}": value for key, value in sizes.items()}
        return roles

    def _security(self) -> dict[str, str]:
        properties: dict[str, str] = {}
        if self.options.tls:
            properties |= {
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(self.options.tls.keystore),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self.options.tls.ca),
                "listener.name.ssl.ssl.client.auth": "required",
            }
        if self.options.users:
            properties |= self._sasl()
        if self.options.authorizer:
            properties |= {
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS",
            }
        return properties

    def _sasl(self) -> dict[str, str]:
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required "
        plain += " ".join(f'user_{user}="{password}"' for user, password in self.options.users.items()) + ";"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        properties = {"sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"}
        for listener in ("sasl", "sasl_ssl") if self.options.tls else ("sasl",):
            for mechanism, login in (("plain", plain), ("scram-sha-256", scram), ("scram-sha-512", scram)):
                properties[f"listener.name.{listener}.{mechanism}.sasl.jaas.config"] = login
        return properties
