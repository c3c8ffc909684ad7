"""Every sign-in method of nats-server, and its possible errors."""

import asyncio
import contextlib
import json
import secrets
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import nkeys
import pytest

from signalbox.brokers.errors import BrokerError, BrokerTimeout, CertificateRefused, LoginRefused, WrongProtocol
from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.servers.nats import NatsOptions, NatsServer, nats_server
from tests.support.certificates import Certificates, Identity, issue
from tests.support.nats import nats_settings, opened
from tests.support.nats_jwt import Key, Operator
from tests.support.servers import require_server
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def requires_nats() -> None:
    require_server("nats")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("certificates"))


def tls(identity: Identity, certificates: Certificates, *lines: str) -> str:
    files = f'cert_file: "{identity.cert_file}", key_file: "{identity.key_file}", ca_file: "{certificates.ca_file}"'
    return f"tls {{ {', '.join([files, *lines])} }}"


def serving(config: str, *, login: bool = True) -> AbstractAsyncContextManager[NatsServer]:
    return nats_server(NatsOptions(config=config, login=login))


async def assert_connects(server: NatsServer, **settings: object) -> None:
    async with opened(nats_settings(server, **settings)) as broker:
        cluster = (await broker.sweep()).cluster
    assert cluster is not None
    assert cluster.limits


async def connect_error(
    server: NatsServer, expected: type[BrokerError] = LoginRefused, timeout: float = 5.0, /, **settings: object
) -> BrokerError:
    broker = NatsBroker(nats_settings(server, **settings))
    with pytest.raises(expected) as caught:
        await broker.connect(timeout_s=timeout)
    await broker.close()
    return caught.value


async def test_token() -> None:
    token = secrets.token_hex(8)
    async with serving(f'authorization {{ token: "{token}" }}', login=False) as server:
        await assert_connects(server, token=token)
        await connect_error(server, token="wrong")
        await connect_error(server)


async def test_nkey(tmp_path: Path) -> None:
    key, other = (Key.make(nkeys.PREFIX_BYTE_USER) for _ in range(2))
    file = tmp_path / "user.nk"
    file.write_bytes(key.seed + b"\n")
    async with serving(f'authorization {{ users: [ {{ nkey: "{key.public}" }} ] }}', login=False) as server:
        await assert_connects(server, nkey_seed=key.seed.decode())
        await assert_connects(server, nkey_seed_file=file)
        await connect_error(server, nkey_seed=other.seed.decode())
        file.write_text("garbage")
        error = await connect_error(server, nkey_seed_file=file)
    assert "nkey_seed_file contains no nkey seed" in str(error)
    assert "garbage" not in str(error)


async def test_credentials(tmp_path: Path) -> None:
    operator = Operator()
    file = tmp_path / "user.creds"
    async with serving(operator.configuration(), login=False) as server:
        operator.credentials(file)
        await assert_connects(server, credentials_file=file)
        operator.credentials(file, foreign=True)
        await connect_error(server, credentials_file=file)
        operator.credentials(file, expires_at=time.time() - 60)
        expired = await connect_error(server, credentials_file=file)
        complete = file.read_text()
        errors = []
        jwt, begin, seed = complete.partition("-----BEGIN USER")
        for text in ("garbage", "", jwt, begin + seed):
            file.write_text(text)
            errors.append(await connect_error(server, credentials_file=file))
    assert "expired at" in str(expired)
    assert all("not a credentials file" in str(error) for error in errors)


async def test_credentials_expire_while_connected(tmp_path: Path) -> None:
    operator = Operator()
    file = operator.credentials(tmp_path / "user.creds", expires_at=time.time() + 3)
    async with (
        serving(operator.configuration(), login=False) as server,
        opened(nats_settings(server, credentials_file=file)) as broker,
    ):
        cluster = (await broker.sweep()).cluster
        assert cluster is not None
        assert any("expire at" in note for note in cluster.notes)

        async def expired() -> None:
            try:
                await broker.sweep()
            except LoginRefused as error:
                assert "expired at" in str(error)  # noqa: PT017 - polled until it holds
            else:
                raise AssertionError("still signed in")

        await eventually(expired, within_s=10)
        operator.credentials(file)  # the adapter signs in again with the new file
        assert (await broker.sweep()).cluster is not None


async def test_tls(certificates: Certificates) -> None:
    async with serving(tls(certificates.server, certificates)) as server:
        await assert_connects(server, ca_file=certificates.ca_file)
        await assert_connects(server, urls=(server.url.replace("nats://", "tls://"),), ca_file=certificates.ca_file)
        await assert_connects(server, urls=(f"tls://localhost:{server.port}",), ca_file=certificates.ca_file)
        await assert_connects(server, insecure_skip_verify=True)
        for settings in ({}, {"ca_file": certificates.foreign_ca_file}):
            error = await connect_error(server, CertificateRefused, **settings)
            assert "ca_file" in error.hint
        await connect_error(server, ca_file=certificates.ca_file, password="wrong")
        await connect_error(server, WrongProtocol, ca_file=certificates.ca_file, tls_first=True)


async def test_tls_with_a_wrong_name(certificates: Certificates) -> None:
    async with serving(tls(certificates.wrong_name, certificates)) as server:
        error = await connect_error(server, CertificateRefused, ca_file=certificates.ca_file)
    assert "mismatch" in str(error)


async def test_mutual_tls(certificates: Certificates) -> None:
    async with serving(tls(certificates.server, certificates, "verify: true")) as server:
        ours, theirs = certificates.client, certificates.foreign_client
        trust = {"ca_file": certificates.ca_file}
        await assert_connects(server, **trust, cert_file=ours.cert_file, key_file=ours.key_file)
        for settings in ({}, {"cert_file": theirs.cert_file, "key_file": theirs.key_file}):
            error = await connect_error(server, CertificateRefused, **trust, **settings)
            assert "cert_file" in error.hint
        mixed_pair = {"cert_file": ours.cert_file, "key_file": theirs.key_file}
        mixed = await connect_error(server, CertificateRefused, **trust, **mixed_pair)
        assert "Cannot load the TLS files" in str(mixed)


async def test_tls_first(certificates: Certificates) -> None:
    async with serving(tls(certificates.server, certificates, "handshake_first: true")) as server:
        await assert_connects(server, ca_file=certificates.ca_file, tls_first=True)
        error = await connect_error(server, BrokerTimeout, 1.0, ca_file=certificates.ca_file)
    assert "tls_first" in error.hint


async def test_tls_to_a_plain_server_sends_nothing(certificates: Certificates, nats_broker: NatsServer) -> None:
    for settings in ({"ca_file": certificates.ca_file}, {"insecure_skip_verify": True}):
        error = await connect_error(nats_broker, WrongProtocol, **settings)
        assert "was not sent" in str(error)


async def test_a_server_that_revokes_tls_gets_no_login() -> None:
    """Like a man in the middle, the server offers TLS on the first connection and not on the second."""
    received: list[bytes] = []
    infos = [{"tls_required": True}, {"tls_required": False}, {"tls_required": False, "auth_required": True}]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        info = {"server_id": "x", "version": "2.15.1", "max_payload": 1 << 20, "headers": True}
        index = len(received)
        received.append(b"")
        writer.write(b"INFO " + json.dumps(info | infos[min(index, 2)]).encode() + b"\r\n")
        with contextlib.suppress(OSError):
            received[index] += await reader.read(4096)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = {"urls": (f"nats://127.0.0.1:{port}",), "user": "signalbox", "password": "canary-5521"}
        fake = NatsServer(url="", user=None, password=None, origin="", version=None, process=None)
        await connect_error(fake, BrokerError, **settings, insecure_skip_verify=True)
    assert len(received) == 2
    assert received[1].startswith(b"\x16\x03")  # a TLS handshake
    assert not [piece for piece in received if b"canary-5521" in piece or b"CONNECT" in piece]


async def test_several_urls_are_tried_in_turn(nats_broker: NatsServer) -> None:
    closed = "nats://127.0.0.1:9"
    await assert_connects(nats_broker, urls=(closed, nats_broker.url))
    await connect_error(nats_broker, urls=(closed, nats_broker.url), password="wrong")
