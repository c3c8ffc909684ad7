"""TLS on RabbitMQ's AMQP and management ports. Each kind of failure has its own error."""

from collections.abc import AsyncIterator

import pytest

from signalbox.brokers.errors import BrokerUnavailable, CertificateRefused, WrongProtocol
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.servers.rabbitmq import DEBIAN_13, INSTALLED, RabbitOptions, RabbitServer, RabbitTls
from tests.support.certificates import Certificates, issue
from tests.support.proxy import web_port
from tests.support.rabbitmq import fill, opened, rabbit_settings, refused, running
from tests.support.servers import require_server

Secured = tuple[RabbitServer, Certificates]


@pytest.fixture(scope="module", params=[INSTALLED, DEBIAN_13])
async def secured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    require_server("rabbitmq" if request.param == INSTALLED else "rabbitmq-4.0")
    folder = tmp_path_factory.mktemp("rabbitmq-tls")
    certificates = issue(folder / "certificates")
    identity = certificates.server
    tls = RabbitTls(ca=certificates.ca_file, certificate=identity.cert_file, key=identity.key_file, demand=True)
    options = RabbitOptions(version=request.param, tls=tls, plugins=("rabbitmq_management",))
    async with running(folder, options) as server:
        yield server, certificates


def trusting(secured: Secured, **overrides: object) -> RabbitSettings:
    server, certificates = secured
    client = certificates.client
    files = {"ca_file": certificates.ca_file, "cert_file": client.cert_file, "key_file": client.key_file}
    return rabbit_settings(server.address(), **{**files, **overrides})


async def test_with_the_right_certificates_everything_works(secured: Secured) -> None:
    async with opened(trusting(secured)) as broker:
        await fill(broker, "orders", 1)
        assert "orders" in (await broker.sweep()).destinations


async def test_verification_can_be_turned_off(secured: Secured) -> None:
    async with opened(trusting(secured, ca_file=None, insecure_skip_verify=True)) as broker:
        assert (await broker.sweep()).cluster is not None


async def test_an_untrusted_authority_is_refused(secured: Secured) -> None:
    for ca_file in (None, secured[1].foreign_ca_file):
        error = await refused(trusting(secured, ca_file=ca_file))
        assert isinstance(error, CertificateRefused)
        assert "ca_file" in error.hint


async def test_a_client_without_a_certificate_is_refused(secured: Secured) -> None:
    error = await refused(trusting(secured, cert_file=None, key_file=None))
    assert isinstance(error, CertificateRefused)
    assert "cert_file" in error.hint


async def test_plain_amqp_to_a_tls_port(secured: Secured) -> None:
    error = await refused(trusting(secured, tls=False))
    assert isinstance(error, WrongProtocol)
    assert "tls = true" in error.hint


async def test_plain_http_to_a_tls_port(secured: Secured) -> None:
    server, _ = secured
    error = await refused(trusting(secured, management_url=f"http://127.0.0.1:{server.ports[0].management}"))
    assert isinstance(error, WrongProtocol | BrokerUnavailable)
    assert "management" in error.hint or "http or https" in error.hint or "plugin" in error.hint


async def test_tls_to_a_plain_port(rabbit: RabbitServer) -> None:
    error = await refused(rabbit_settings(rabbit.address(), tls=True))
    assert isinstance(error, WrongProtocol)
    assert "TLS" in str(error)


async def test_https_to_a_plain_port(rabbit: RabbitServer) -> None:
    url = f"https://127.0.0.1:{rabbit.ports[0].management}"
    assert isinstance(await refused(rabbit_settings(rabbit.address(), management_url=url)), WrongProtocol)


async def test_other_ports_of_the_broker_are_not_its_management(rabbit: RabbitServer) -> None:
    ports = rabbit.ports[0]
    error = await refused(rabbit_settings(rabbit.address(), management_url=f"http://127.0.0.1:{ports.prometheus}"))
    assert isinstance(error, WrongProtocol)
    error = await refused(rabbit_settings(rabbit.address(), management_url=f"http://127.0.0.1:{ports.amqp}"))
    assert isinstance(error, WrongProtocol | BrokerUnavailable)  # the port answers, or resets before we read the answer
    error = await refused(rabbit_settings(rabbit.address(), port=ports.management))
    assert isinstance(error, WrongProtocol | BrokerUnavailable)


async def test_a_web_server_in_place_of_the_management(rabbit: RabbitServer) -> None:
    async with web_port() as port:
        error = await refused(rabbit_settings(rabbit.address(), management_url=f"http://127.0.0.1:{port}"))
    assert isinstance(error, WrongProtocol)
