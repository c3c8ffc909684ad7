"""Every way to sign in to a Kafka cluster, and every refusal."""

from collections.abc import Mapping

import pytest
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from signalbox.brokers.errors import (
    BrokerError,
    BrokerUnavailable,
    CertificateRefused,
    LoginRefused,
    PublishRefused,
    WrongProtocol,
)
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


LOGINS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "TLS with a client certificate": ("SSL", ("tls",)),
    "PLAIN": ("SASL", ("PLAIN",)),
    "SCRAM-SHA-256": ("SASL", ("SCRAM-SHA-256",)),
    "SCRAM-SHA-512 over TLS": ("SASL_SSL", ("ca", "SCRAM-SHA-512")),
    "PLAIN over TLS": ("SASL_SSL", ("ca", "PLAIN")),
    "TLS without verification": ("SASL_SSL", ("other ca", "unverified", "PLAIN")),
}


def settings_of(kafka: KafkaUnderTest, parts: tuple[str, ...]) -> dict[str, object]:
    settings: dict[str, object] = {}
    for part in parts:
        if part == "tls":
            settings |= client_tls(kafka)
        elif part == "ca":
            settings["ca_file"] = kafka.certificates.ca_file
        elif part == "other ca":
            settings["ca_file"] = kafka.certificates.foreign_ca_file
        elif part == "unverified":
            settings["insecure_skip_verify"] = True
        else:
            settings |= login(mechanism=part)
    return settings


@pytest.mark.parametrize("name", LOGINS)
async def test_each_login_can_use_every_role(kafka: KafkaUnderTest, kafka_client: KafkaClient, name: str) -> None:
    listener, parts = LOGINS[name]
    topic = f"login-{name.replace(' ', '-')}"
    await kafka_client.create(topic)
    await allow(kafka_client, "User:alice", everything=True)
    await allow(kafka_client, "User:signalbox", everything=True)
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
    foreign = await connect_error(server.address("SSL"), **(client_tls(kafka) | {"ca_file": files.foreign_ca_file}))
    assert isinstance(foreign, CertificateRefused)
    assert "ca_file" in foreign.hint
    system = await connect_error(server.address("SASL_SSL"), tls=True, **login())
    assert isinstance(system, CertificateRefused)
    name = await connect_error(f"127.1:{server.port('SASL_SSL')}", ca_file=files.ca_file, **login())
    assert isinstance(name, CertificateRefused)
    assert "another name" in name.problem
    none = await connect_error(server.address("SSL"), ca_file=files.ca_file)
    assert isinstance(none, CertificateRefused | BrokerUnavailable)
    missing = await connect_error(server.address("SSL"), ca_file="/nowhere/ca.pem")
    assert isinstance(missing, CertificateRefused)
    assert "/nowhere/ca.pem" in missing.problem


async def test_a_wrong_protocol_is_named(kafka: KafkaUnderTest) -> None:
    server, ca = kafka.server, kafka.certificates.ca_file
    plain_on_tls_port = await connect_error(server.address("SSL"))
    assert isinstance(plain_on_tls_port, WrongProtocol)
    assert "speaks TLS" in plain_on_tls_port.problem
    tls_on_plain_port = await connect_error(server.address("PLAINTEXT"), ca_file=ca)
    assert isinstance(tls_on_plain_port, WrongProtocol)
    assert "does not speak TLS" in tls_on_plain_port.problem
    unexpected_login = await connect_error(server.address("PLAINTEXT"), **login())
    assert isinstance(unexpected_login, WrongProtocol)
    assert "accepts no login" in unexpected_login.problem
    without_login = await connect_error(server.address("SASL"))
    assert isinstance(without_login, BrokerUnavailable)
    assert "require a login" in without_login.hint
    controller = await connect_error(server.address("CONTROLLER"))
    assert isinstance(controller, BrokerUnavailable | WrongProtocol)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_wrong_password_and_an_unknown_user_are_refused(kafka: KafkaUnderTest, mechanism: str) -> None:
    for user in ("alice", "nobody"):
        error = await connect_error(kafka.server.address("SASL"), **login(user, mechanism, "wrong-Pa55"))
        assert isinstance(error, LoginRefused)
        assert user in error.problem
        assert "wrong-Pa55" not in str(error)


async def test_a_limited_user_sees_missing_permissions(kafka: KafkaUnderTest, kafka_client: KafkaClient) -> None:
    for topic in ("acl-visible", "acl-hidden"):
        await kafka_client.create(topic, 2)
        await kafka_client.produce(topic, 0, 9)
    for group in ("acl-open", "acl-closed"):
        await kafka_client.commit(group, {("acl-visible", 0): 2, ("acl-hidden", 0): 4})
    await allow(kafka_client, "User:bob", topics=("acl-visible",), groups=("acl-open",))
    async with connected(kafka.server.address("SASL"), **login("bob")) as broker:

        async def sees_part() -> None:
            snapshot = await broker.sweep()
            assert set(snapshot.destinations) == {"acl-visible"}
            assert set(snapshot.groups) == {"acl-open"}
            assert snapshot.groups["acl-open"].destinations == ("acl-visible",)
            assert snapshot.cluster is not None
            permissions = " | ".join(snapshot.cluster.missing_permissions)
            assert "DESCRIBE on the cluster" in permissions
            assert "DESCRIBE_CONFIGS" in permissions

        await eventually(sees_part)
        with pytest.raises(PublishRefused):
            await broker.publish("acl-visible", Message(body=b"x"))
        assert not (await broker.sweep()).gone_groups
    await _check_listed_group_without_permission(kafka, kafka_client)


async def _check_listed_group_without_permission(kafka: KafkaUnderTest, client: KafkaClient) -> None:
    """With DESCRIBE on the cluster, the list contains groups that the user may not read: not permitted, not zero, not gone."""
    await allow(client, "User:bob", cluster=True)
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


async def allow(
    client: KafkaClient,
    principal: str,
    *,
    topics: tuple[str, ...] = (),
    groups: tuple[str, ...] = (),
    cluster: bool = False,
    everything: bool = False,
) -> None:
    """Grant DESCRIBE on these resources, or with `everything` all operations on all resources."""
    grants = [(ResourceType.TOPIC, topic, AclOperation.DESCRIBE) for topic in topics]
    grants += [(ResourceType.GROUP, group, AclOperation.DESCRIBE) for group in groups]
    if cluster:
        grants.append((ResourceType.BROKER, "kafka-cluster", AclOperation.DESCRIBE))
    if everything:
        grants += [(kind, "*", AclOperation.ALL) for kind in (ResourceType.TOPIC, ResourceType.GROUP)]
        grants.append((ResourceType.BROKER, "kafka-cluster", AclOperation.ALL))
    literal, allowed = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    bindings = [AclBinding(kind, name, literal, principal, "*", op, allowed) for kind, name, op in grants]
    for future in client.admin.create_acls(bindings).values():
        future.result(20)


def test_repr_of_the_settings_shows_no_secret() -> None:
    broker = make_broker("127.0.0.1:1", **login("alice", "PLAIN", "hidden-Pa55"))
    assert isinstance(broker, KafkaBroker)
    assert "hidden-Pa55" not in f"{broker._settings!r} {vars(broker)!r}"
