"""Every way to sign in at nats-server, and everything that can be wrong with it."""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

import nkeys
import pytest

from signalbox.brokers.errors import BrokerError, BrokerTimeout, CertificateRefused, LoginRefused, WrongProtocol
from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.servers.nats import NatsOptions, NatsServer, nats_server
from tests.support.certificates import Certificates, Identity, issue
from tests.support.nats import nats_settings, opened
from tests.support.nats_jwt import Key, Operator
from tests.support.servers import wanted_here
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def here() -> None:
    wanted_here("nats")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("certificates"))


def tls(identity: Identity, certificates: Certificates, *lines: str) -> str:
    files = f'cert_file: "{identity.cert_file}", key_file: "{identity.key_file}", ca_file: "{certificates.ca_file}"'
    return f"tls {{ {', '.join([files, *lines])} }}"


@contextlib.asynccontextmanager
async def serving(config: str, *, login: bool = True) -> AsyncIterator[NatsServer]:
    async with nats_server(NatsOptions(config=config, login=login)) as server:
        yield server


async def works(server: NatsServer, **settings: object) -> None:
    async with opened(nats_settings(server, **settings)) as broker:
        cluster = (await broker.sweep()).cluster
    assert cluster is not None
    assert cluster.limits


async def refused(server: NatsServer, timeout: float = 5.0, /, **settings: object) -> BrokerError:
    broker = NatsBroker(nats_settings(server, **settings))
    with pytest.raises(BrokerError) as caught:
        await broker.connect(timeout_s=timeout)
    await broker.close()
    return caught.value


async def test_token() -> None:
    token = secrets.token_hex(8)
    async with serving(f'authorization {{ token: "{token}" }}', login=False) as server:
        await works(server, token=token)
        assert isinstance(await refused(server, token="wrong"), LoginRefused)
        assert isinstance(await refused(server), LoginRefused)


async def test_nkey(tmp_path: Path) -> None:
    key, other = (Key.make(nkeys.PREFIX_BYTE_USER) for _ in range(2))
    file = tmp_path / "user.nk"
    file.write_bytes(key.seed + b"\n")
    async with serving(f'authorization {{ users: [ {{ nkey: "{key.public}" }} ] }}', login=False) as server:
        await works(server, nkey_seed=key.seed.decode())
        await works(server, nkey_seed_file=file)
        assert isinstance(await refused(server, nkey_seed=other.seed.decode()), LoginRefused)
        file.write_text("garbage")
        error = await refused(server, nkey_seed_file=file)
    assert isinstance(error, LoginRefused)
    assert "nkey_seed_file holds no nkey seed" in str(error)
    assert "garbage" not in str(error)


async def test_credentials(tmp_path: Path) -> None:
    operator = Operator()
    file = tmp_path / "user.creds"
    async with serving(operator.configuration(), login=False) as server:
        operator.credentials(file)
        await works(server, credentials_file=file)
        operator.credentials(file, foreign=True)
        assert isinstance(await refused(server, credentials_file=file), LoginRefused)
        operator.credentials(file, expires_at=time.time() - 60)
        expired = await refused(server, credentials_file=file)
        whole = file.read_text()
        broken = []
        for text in (
            "garbage",
            "",
            whole.partition("-----BEGIN USER")[0],
            "-----BEGIN USER" + whole.partition("-----BEGIN USER")[2],
        ):
            file.write_text(text)
            broken.append(await refused(server, credentials_file=file))
    assert isinstance(expired, LoginRefused)
    assert "expired at" in str(expired)
    assert all(isinstance(error, LoginRefused) and "not a credentials file" in str(error) for error in broken)


async def test_credentials_that_expire_while_connected(tmp_path: Path) -> None:
    operator = Operator()
    file = operator.credentials(tmp_path / "user.creds", expires_at=time.time() + 3)
    async with (
        serving(operator.configuration(), login=False) as server,
        opened(nats_settings(server, credentials_file=file)) as broker,
    ):
        cluster = (await broker.sweep()).cluster
        assert cluster is not None
        assert any("expire at" in note for note in cluster.notes)

        async def ended() -> None:
            try:
                await broker.sweep()
            except LoginRefused as error:
                assert "expired at" in str(error)  # noqa: PT017 - asked again until it is so
            else:
                raise AssertionError("still signed in")

        await eventually(ended, within_s=10)
        operator.credentials(file)  # renewed in place: the same adapter signs in again
        assert (await broker.sweep()).cluster is not None


async def test_tls(certificates: Certificates) -> None:
    async with serving(tls(certificates.server, certificates)) as server:
        await works(server, ca_file=certificates.ca_file)
        await works(server, urls=(server.url.replace("nats://", "tls://"),), ca_file=certificates.ca_file)
        await works(server, urls=(f"tls://localhost:{server.port}",), ca_file=certificates.ca_file)
        await works(server, insecure_skip_verify=True)
        for settings in ({}, {"ca_file": certificates.foreign_ca_file}):
            error = await refused(server, **settings)
            assert isinstance(error, CertificateRefused)
            assert "ca_file" in error.hint
        assert isinstance(await refused(server, ca_file=certificates.ca_file, password="wrong"), LoginRefused)
        assert isinstance(await refused(server, ca_file=certificates.ca_file, tls_first=True), WrongProtocol)


async def test_tls_with_a_wrong_name(certificates: Certificates) -> None:
    async with serving(tls(certificates.wrong_name, certificates)) as server:
        error = await refused(server, ca_file=certificates.ca_file)
    assert isinstance(error, CertificateRefused)
    assert "mismatch" in str(error)


async def test_mutual_tls(certificates: Certificates) -> None:
    async with serving(tls(certificates.server, certificates, "verify: true")) as server:
        ours, theirs = certificates.client, certificates.foreign_client
        trust = {"ca_file": certificates.ca_file}
        await works(server, **trust, cert_file=ours.cert_file, key_file=ours.key_file)
        for settings in ({}, {"cert_file": theirs.cert_file, "key_file": theirs.key_file}):
            error = await refused(server, **trust, **settings)
            assert isinstance(error, CertificateRefused), error
            assert "cert_file" in error.hint
        mixed = await refused(server, **trust, cert_file=ours.cert_file, key_file=theirs.key_file)
        assert isinstance(mixed, CertificateRefused)
        assert "cannot be loaded" in str(mixed)


async def test_tls_first(certificates: Certificates) -> None:
    async with serving(tls(certificates.server, certificates, "handshake_first: true")) as server:
        await works(server, ca_file=certificates.ca_file, tls_first=True)
        error = await refused(server, 1.0, ca_file=certificates.ca_file)
    assert isinstance(error, BrokerTimeout)
    assert "tls_first" in error.hint


async def test_tls_to_a_plain_server_sends_nothing(certificates: Certificates, nats_broker: NatsServer) -> None:
    for settings in ({"ca_file": certificates.ca_file}, {"insecure_skip_verify": True}):
        error = await refused(nats_broker, **settings)
        assert isinstance(error, WrongProtocol)
        assert "was not sent" in str(error)


async def test_a_server_that_takes_tls_back_gets_no_login() -> None:
    """It promises TLS on the first connection and denies it on the second: whoever sits in between could."""
    heard: list[bytes] = []
    greetings = [{"tls_required": True}, {"tls_required": False}, {"tls_required": False, "auth_required": True}]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        info = {"server_id": "x", "version": "2.15.1", "max_payload": 1 << 20, "headers": True} | greetings[
            min(len(heard), 2)
        ]
        heard.append(b"")
        mine = len(heard) - 1
        writer.write(b"INFO " + json.dumps(info).encode() + b"\r\n")
        with contextlib.suppress(OSError):
            while piece := await reader.read(4096):
                heard[mine] += piece
                break
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = {
            "name": "between",
            "urls": (f"nats://127.0.0.1:{port}",),
            "user": "signalbox",
            "password": "canary-5521",
        }
        fake = NatsServer(url="", user=None, password=None, origin="", version=None, process=None)
        error = await refused(fake, **settings, insecure_skip_verify=True)
    assert isinstance(error, BrokerError)
    assert len(heard) == 2
    assert heard[1].startswith(b"\x16\x03")  # a TLS handshake
    assert not [piece for piece in heard if b"canary-5521" in piece or b"CONNECT" in piece]


async def test_several_addresses_are_tried_in_turn(nats_broker: NatsServer) -> None:
    nobody = "nats://127.0.0.1:9"
    await works(nats_broker, urls=(nobody, nats_broker.url))
    error = await refused(nats_broker, urls=(nobody, nats_broker.url), password="wrong")
    assert isinstance(error, LoginRefused)
