"""Unusable TLS files are refused by name for every kind of broker, without a passphrase prompt."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from signalbox.brokers.errors import CertificateRefused
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.nats.settings import NatsSettings
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.brokers.tls import TlsFiles, tls_context
from tests.support.certificates import Certificates, issue


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("certificates"))


def every_kind(**files: object) -> list[TlsFiles]:
    return [
        KafkaSettings.model_validate({"name": "k", "bootstrap": ["localhost:9092"], **files}),
        RabbitSettings.model_validate({"name": "r", "kind": "rabbitmq", "host": "localhost", "tls": True, **files}),
        NatsSettings.model_validate({"name": "n", "urls": ["localhost"], **files}),
    ]


def test_valid_files_are_loaded(certificates: Certificates) -> None:
    client = certificates.client
    for settings in every_kind(ca_file=certificates.ca_file, cert_file=client.cert_file, key_file=client.key_file):
        assert tls_context(settings).check_hostname
    for settings in every_kind(insecure_skip_verify=True):
        assert not tls_context(settings).check_hostname


def test_unusable_files_are_refused_by_name(certificates: Certificates, tmp_path: Path) -> None:
    locked, client = tmp_path / "locked.pem", certificates.client
    key = serialization.load_pem_private_key(client.key_file.read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"a passphrase"),
        )
    )
    unusable: list[tuple[dict[str, object], str]] = [
        ({"ca_file": Path(__file__)}, __file__),
        ({"cert_file": client.cert_file, "key_file": certificates.server.key_file}, "MISMATCH"),
        ({"cert_file": client.cert_file, "key_file": locked}, "passphrase"),
    ]
    for files, reason in unusable:
        for settings in every_kind(**files):
            with pytest.raises(CertificateRefused) as refused:
                tls_context(settings)
            assert reason in refused.value.problem
            assert refused.value.connection == settings.name


async def test_rabbitmq_reports_an_unusable_file_when_it_connects() -> None:
    settings = RabbitSettings.model_validate(
        {"name": "r", "kind": "rabbitmq", "host": "localhost", "tls": True, "ca_file": Path(__file__)}
    )
    with pytest.raises(CertificateRefused):
        await RabbitBroker(settings).connect()
