"""Every way to sign in to a Kafka cluster, and every refusal."""

from collections.abc import Mapping

import pytest
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from signalbox.brokers import errors
from signalbox.brokers.errors import BrokerError, BrokerUnavailable, CertificateRefused, WrongProtocol
from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.model import Message, Why
from tests.support.kafka import USERS, KafkaClient, KafkaUnderTest, connected, make_broker
from tests.support.waiting import eventually


def client_tls(kafka: KafkaUnderTest) -> dict[str, object]:
    files = kafka.certificates
    return {"ca_file": files.ca_file, "cert_file": files.client.cert_file, "key_file": files.client.key_file}


def login(user: str = "alice", mechanism: str = "PLAIN", password: str | None = None) -> dict[str, object]:
    return {"sasl_mechanism": mechanism, "user": user, "password": password or USERS[user]}


async def connect_error(address: str, **settings: object) -> BrokerError:
    broker = make_broker(address, **settings)
    with pytest.raises(BrokerError) as caught:
        await broker.connect(timeout_s=5.0)
    await broker.close()
    return caught.value


async def assert_refused(
    expected: type[BrokerError], words: str, address: str, settings: Mapping[str, object], *, where: str = "problem"
) -> None:
    error = await connect_error(address, **settings)
    assert isinstance(error, expected)
    assert words in getattr(error, where)


LOGINS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "TLS with a client certificate": ("SSL", ("tls",)),
    "PLAIN": ("SASL", ("PLAIN",)),
    "SCRAM-SHA-256": ("SASL", ("SCRAM-SHA-256",)),
    "SCRAM-SHA-512 over TLS": ("SASL_SSL", ("ca", "SCRAM-SHA-512")),
    "PLAIN over TLS": ("SASL_SSL", ("ca", "PLAIN")),
    "TLS without verification": ("SASL_SSL", ("unverified", "PLAIN")),
}


def settings_of(kafka: KafkaUnderTest, parts: tuple[str, ...]) -> dict[str, object]:
    settings: dict[str, dict[str, object]] = {
        "tls": client_tls(kafka),
        "ca": {"ca_file": kafka.certificates.ca_file},
        "unverified": {"ca_file": kafka.certificates.foreign_ca_file, "insecure_skip_verify": True},
    }
    return {key: value for part in parts for key, value in (settings.get(part) or login(mechanism=part)).items()}


@pytest.mark.parametrize("name", LOGINS)
async def test_each_login_can_use_every_role(kafka: KafkaUnderTest, kafka_client: KafkaClient, name: str) -> None:
    listener, parts = LOGINS[name]
    topic = f"login-{name.replace(' ', '-')}"
    await kafka_client.create(topic)
    for user in ("alice", "signalbox"):
        await allow(kafka_client, user, *EVERYTHING, operation=AclOperation.ALL)
    await kafka_client.commit(f"{topic}-readers", {(topic, 0): 0})
    async with connected(kafka.server.address(listener), **settings_of(kafka, parts)) as broker:

        async def published() -> None:
            await broker.publish(topic, Message(body=b"hello"))

        await eventually(published)
        snapshot = await broker.sweep()
        assert (snapshot.groups[f"{topic}-readers"].lag or 0) >= 1
        assert snapshot.cluster is not None
        deliveries = broker.receive(topic, f"{topic}-others")
        assert (await anext(deliveries)).message.body == b"hello"
        await deliveries.aclose()


async def test_tls_errors_name_the_problem(kafka: KafkaUnderTest) -> None:
    files, server = kafka.certificates, kafka.server
    tls, sasl_tls = server.address("SSL"), server.address("SASL_SSL")
    foreign = client_tls(kafka) | {"ca_file": files.foreign_ca_file}
    await assert_refused(CertificateRefused, "ca_file", tls, foreign, where="hint")
    await assert_refused(CertificateRefused, "", sasl_tls, {"tls": True, **login()})
    by_other_name = f"127.1:{server.port('SASL_SSL')}"
    await assert_refused(CertificateRefused, "another name", by_other_name, {"ca_file": files.ca_file, **login()})
    await assert_refused(CertificateRefused, "/nowhere/ca.pem", tls, {"ca_file": "/nowhere/ca.pem"})
    without_certificate = await connect_error(tls, ca_file=files.ca_file)
    assert isinstance(without_certificate, CertificateRefused | BrokerUnavailable)


async def test_a_wrong_protocol_is_named(kafka: KafkaUnderTest) -> None:
    server, ca = kafka.server, kafka.certificates.ca_file
    plaintext, tls, sasl = (server.address(listener) for listener in ("PLAINTEXT", "SSL", "SASL"))
    await assert_refused(WrongProtocol, "speaks TLS", tls, {})
    await assert_refused(WrongProtocol, "does not speak TLS", plaintext, {"ca_file": ca})
    await assert_refused(WrongProtocol, "accepts no login", plaintext, login())
    await assert_refused(BrokerUnavailable, "require a login", sasl, {}, where="hint")
    await assert_refused(WrongProtocol, "is the port of a KRaft controller", server.address("CONTROLLER"), {})


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_wrong_password_and_an_unknown_user_are_refused(kafka: KafkaUnderTest, mechanism: str) -> None:
    for user in ("alice", "nobody"):
        error = await connect_error(kafka.server.address("SASL"), **login(user, mechanism, "wrong-Pa55"))
        assert isinstance(error, errors.LoginRefused)
        assert user in error.problem
        assert "wrong-Pa55" not in str(error)


async def test_a_limited_user_sees_missing_permissions(kafka: KafkaUnderTest, kafka_client: KafkaClient) -> None:
    for topic in ("acl-visible", "acl-hidden"):
        await kafka_client.create(topic, 2)
        await kafka_client.produce(topic, 0, 9)
    for group in ("acl-open", "acl-closed"):
        await kafka_client.commit(group, {("acl-visible", 0): 2, ("acl-hidden", 0): 4})
    await allow(kafka_client, "bob", (TOPIC, "acl-visible"), (GROUP, "acl-open"))
    async with connected(kafka.server.address("SASL"), **login("bob")) as broker:

        async def sees_part() -> None:
            snapshot = await broker.sweep()
            assert set(snapshot.destinations) == {"acl-visible"}
            assert set(snapshot.groups) == {"acl-open"}
            assert snapshot.groups["acl-open"].destinations == ("acl-visible",)
            assert snapshot.groups["acl-open"].lag_at_most  # without READ, transaction markers look like messages
            assert snapshot.cluster is not None
            permissions = " | ".join(snapshot.cluster.missing_permissions)
            assert "DESCRIBE on the cluster" in permissions
            assert "DESCRIBE_CONFIGS" in permissions

        await eventually(sees_part)
        with pytest.raises(errors.PublishRefused):
            await broker.publish("acl-visible", Message(body=b"x"))
        assert not (await broker.sweep()).gone_groups
    await _check_listed_group_without_permission(kafka, kafka_client)


async def _check_listed_group_without_permission(kafka: KafkaUnderTest, client: KafkaClient) -> None:
    """With DESCRIBE on the cluster, the list contains groups that the user may not read: not permitted, not zero, not gone."""
    await allow(client, "bob", CLUSTER)
    async with connected(kafka.server.address("SASL"), **login("bob")) as broker:

        async def is_denied() -> None:
            snapshot = await broker.sweep()
            assert "acl-closed" in snapshot.groups
            denied = snapshot.groups["acl-closed"]
            assert (denied.why, denied.lag) == (Why.NOT_PERMITTED, None)
            (fault,) = [fault for fault in snapshot.faults if fault.group == "acl-closed"]
            assert fault.why is Why.NOT_PERMITTED
            assert "DESCRIBE" in fault.detail
            assert snapshot.groups["acl-open"].lag == 7

        await eventually(is_denied)


async def test_a_user_without_permissions_sees_only_what_is_missing(kafka: KafkaUnderTest) -> None:
    async with connected(kafka.server.address("SASL"), **login("carol")) as broker:
        snapshot = await broker.sweep()
    assert not snapshot.destinations
    assert not snapshot.groups
    assert snapshot.cluster is not None
    assert any("DESCRIBE on the cluster" in permission for permission in snapshot.cluster.missing_permissions)
    assert snapshot.cluster.nodes is not None
    assert [node.running for node in snapshot.cluster.nodes] == [True]


TOPIC, GROUP, CLUSTER = ResourceType.TOPIC, ResourceType.GROUP, (ResourceType.BROKER, "kafka-cluster")
EVERYTHING = ((TOPIC, "*"), (GROUP, "*"), CLUSTER)


async def allow(
    client: KafkaClient,
    user: str,
    *resources: tuple[ResourceType, str],
    operation: AclOperation = AclOperation.DESCRIBE,
) -> None:
    rule = (ResourcePatternType.LITERAL, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
    bindings = [AclBinding(kind, name, *rule) for kind, name in resources]
    for future in client.admin.create_acls(bindings).values():
        future.result(20)


def test_repr_of_the_settings_shows_no_secret() -> None:
    broker = make_broker("127.0.0.1:1", **login("alice", "PLAIN", "hidden-Pa55"))
    assert isinstance(broker, KafkaBroker)
    assert "hidden-Pa55" not in f"{broker._settings!r} {vars(broker)!r}"
