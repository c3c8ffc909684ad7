"""Every way into a Kafka cluster, and every way in which it can be refused."""

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
from tests.support.kafka import USERS, KafkaUnderTest, Oracle, broker_at, connected
from tests.support.waiting import eventually


def tls(kafka: KafkaUnderTest) -> dict[str, object]:
    files = kafka.certificates
    return {"ca_file": files.ca_file, "cert_file": files.client.cert_file, "key_file": files.client.key_file}


def login(user: str = "alice", mechanism: str = "PLAIN", password: str | None = None) -> dict[str, object]:
    return {"sasl_mechanism": mechanism, "user": user, "password": password or USERS[user]}


async def refused(address: str, **settings: object) -> BrokerError:
    broker = broker_at(address, **settings)
    with pytest.raises(BrokerError) as caught:
        await broker.connect(timeout_s=5.0)
    await broker.close()
    return caught.value


WAYS_IN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "TLS with our certificate": ("SSL", ("tls",)),
    "PLAIN": ("SASL", ("PLAIN",)),
    "SCRAM-SHA-256": ("SASL", ("SCRAM-SHA-256",)),
    "SCRAM-SHA-512 over TLS": ("SASL_SSL", ("ca", "SCRAM-SHA-512")),
    "PLAIN over TLS": ("SASL_SSL", ("ca", "PLAIN")),
    "TLS that is not verified": ("SASL_SSL", ("foreign ca", "unverified", "PLAIN")),
}


def settings_of(kafka: KafkaUnderTest, parts: tuple[str, ...]) -> dict[str, object]:
    settings: dict[str, object] = {}
    for part in parts:
        if part == "tls":
            settings |= tls(kafka)
        elif part == "ca":
            settings["ca_file"] = kafka.certificates.ca_file
        elif part == "foreign ca":
            settings["ca_file"] = kafka.certificates.foreign_ca_file
        elif part == "unverified":
            settings["insecure_skip_verify"] = True
        else:
            settings |= login(mechanism=part)
    return settings


@pytest.mark.parametrize("way", WAYS_IN)
async def test_a_right_way_in_sweeps_publishes_and_consumes(
    kafka: KafkaUnderTest, kafka_oracle: Oracle, way: str
) -> None:
    listener, parts = WAYS_IN[way]
    topic = f"way-{way.replace(' ', '-')}"
    await kafka_oracle.create(topic)
    await allow(kafka_oracle, "User:alice", everything=True)
    await allow(kafka_oracle, "User:signalbox", everything=True)
    await kafka_oracle.commit(f"{topic}-readers", {(topic, 0): 0})
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


async def test_tls_refusals_say_what_is_wrong(kafka: KafkaUnderTest) -> None:
    files, server = kafka.certificates, kafka.server
    foreign = await refused(server.address("SSL"), **(tls(kafka) | {"ca_file": files.foreign_ca_file}))
    assert isinstance(foreign, CertificateRefused)
    assert "ca_file" in foreign.hint
    system = await refused(server.address("SASL_SSL"), tls=True, **login())
    assert isinstance(system, CertificateRefused)
    name = await refused(f"127.1:{server.port('SASL_SSL')}", ca_file=files.ca_file, **login())
    assert isinstance(name, CertificateRefused)
    assert "another name" in name.problem
    none = await refused(server.address("SSL"), ca_file=files.ca_file)
    assert isinstance(none, CertificateRefused | BrokerUnavailable)
    missing = await refused(server.address("SSL"), ca_file="/nowhere/ca.pem")
    assert isinstance(missing, CertificateRefused)
    assert "/nowhere/ca.pem" in missing.problem


async def test_the_wrong_protocol_is_named(kafka: KafkaUnderTest) -> None:
    server, ca = kafka.server, kafka.certificates.ca_file
    plain_to_tls = await refused(server.address("SSL"))
    assert isinstance(plain_to_tls, WrongProtocol)
    assert "speaks TLS" in plain_to_tls.problem
    tls_to_plain = await refused(server.address("PLAINTEXT"), ca_file=ca)
    assert isinstance(tls_to_plain, WrongProtocol)
    assert "does not speak TLS" in tls_to_plain.problem
    login_to_none = await refused(server.address("PLAINTEXT"), **login())
    assert isinstance(login_to_none, WrongProtocol)
    assert "accepts no login" in login_to_none.problem
    none_to_login = await refused(server.address("SASL"))
    assert isinstance(none_to_login, BrokerUnavailable)
    assert "require a login" in none_to_login.hint
    controller = await refused(server.address("CONTROLLER"))
    assert isinstance(controller, BrokerUnavailable | WrongProtocol)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_wrong_password_and_an_unknown_user_are_refused(kafka: KafkaUnderTest, mechanism: str) -> None:
    for user in ("alice", "nobody"):
        error = await refused(kafka.server.address("SASL"), **login(user, mechanism, "wrong-Pa55"))
        assert isinstance(error, LoginRefused)
        assert user in error.problem
        assert "wrong-Pa55" not in str(error)


async def test_who_may_see_only_part_is_told_what_is_missing(kafka: KafkaUnderTest, kafka_oracle: Oracle) -> None:
    for topic in ("acl-seen", "acl-hidden"):
        await kafka_oracle.create(topic, 2)
        await kafka_oracle.produce(topic, 0, 9)
    for group in ("acl-open", "acl-closed"):
        await kafka_oracle.commit(group, {("acl-seen", 0): 2, ("acl-hidden", 0): 4})
    await allow(kafka_oracle, "User:bob", topics=("acl-seen",), groups=("acl-open",))
    async with connected(kafka.server.address("SASL"), **login("bob")) as broker:

        async def partial() -> None:
            snapshot = await broker.sweep()
            assert set(snapshot.destinations) == {"acl-seen"}
            assert set(snapshot.groups) == {"acl-open"}
            assert snapshot.groups["acl-open"].destinations == ("acl-seen",)
            assert snapshot.cluster is not None
            rights = " | ".join(snapshot.cluster.missing_rights)
            assert "DESCRIBE on the cluster" in rights
            assert "DESCRIBE_CONFIGS" in rights

        await eventually(partial)
        with pytest.raises(PublishRefused):
            await broker.publish("acl-seen", Message(body=b"x"))
        assert not (await broker.sweep()).gone_groups
    await _a_listed_group_that_is_closed(kafka, kafka_oracle)


async def _a_listed_group_that_is_closed(kafka: KafkaUnderTest, oracle: Oracle) -> None:
    """The right to describe the cluster lists groups that may not be read: not permitted, which is neither zero nor gone."""
    await allow(oracle, "User:bob", cluster=True)
    async with connected(kafka.server.address("SASL"), **login("bob")) as broker:

        async def denied() -> None:
            snapshot = await broker.sweep()
            assert "acl-closed" in snapshot.groups
            closed = snapshot.groups["acl-closed"]
            assert (closed.why, closed.lag) == (Why.NOT_PERMITTED, None)
            (fault,) = [fault for fault in snapshot.faults if fault.group == "acl-closed"]
            assert fault.why is Why.NOT_PERMITTED
            assert "DESCRIBE" in fault.detail
            assert snapshot.groups["acl-open"].lag == 7

        await eventually(denied)


async def test_who_may_see_nothing_sees_nothing_and_is_told(kafka: KafkaUnderTest) -> None:
    async with connected(kafka.server.address("SASL"), **login("carol")) as broker:
        snapshot = await broker.sweep()
    assert not snapshot.destinations
    assert not snapshot.groups
    assert snapshot.cluster is not None
    assert any("DESCRIBE on the cluster" in right for right in snapshot.cluster.missing_rights)
    assert snapshot.cluster.nodes is not None
    assert [node.running for node in snapshot.cluster.nodes] == [True]


async def allow(
    oracle: Oracle,
    principal: str,
    *,
    topics: tuple[str, ...] = (),
    groups: tuple[str, ...] = (),
    cluster: bool = False,
    everything: bool = False,
) -> None:
    """Grant DESCRIBE on these, or everything on everything."""
    wanted = [(ResourceType.TOPIC, topic, AclOperation.DESCRIBE) for topic in topics]
    wanted += [(ResourceType.GROUP, group, AclOperation.DESCRIBE) for group in groups]
    if cluster:
        wanted.append((ResourceType.BROKER, "kafka-cluster", AclOperation.DESCRIBE))
    if everything:
        wanted += [(kind, "*", AclOperation.ALL) for kind in (ResourceType.TOPIC, ResourceType.GROUP)]
        wanted.append((ResourceType.BROKER, "kafka-cluster", AclOperation.ALL))
    literal, allowed = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    bindings = [AclBinding(kind, name, literal, principal, "*", op, allowed) for kind, name, op in wanted]
    for future in oracle.admin.create_acls(bindings).values():
        future.result(20)


def test_the_settings_show_no_secret() -> None:
    broker = broker_at("127.0.0.1:1", **login("alice", "PLAIN", "hidden-Pa55"))
    assert isinstance(broker, KafkaBroker)
    assert "hidden-Pa55" not in f"{broker._settings!r} {vars(broker)!r}"
