"""What users with fewer permissions see, and the error for each refusal, on both versions."""

from collections.abc import Sequence

import pytest

from signalbox.brokers.errors import BrokerError, DestinationMissing, LoginRefused, PermissionMissing
from signalbox.brokers.model import DestinationSpec, Message, Why
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.servers.rabbitmq import RabbitServer
from tests.support.rabbitmq import FIGURES_WITHIN_S, management, opened, rabbit_settings, unused
from tests.support.waiting import eventually

WITHIN_S = FIGURES_WITHIN_S
PASSWORD = "only-for-tests"


async def create_user(server: RabbitServer, tags: str, vhosts: Sequence[str], pattern: str = "") -> dict[str, object]:
    """Create a user with this pattern for every permission on these virtual hosts. Returns its login settings."""
    name = unused("user")
    await management(server, f"/api/users/{name}", method="PUT", body={"password": PASSWORD, "tags": tags})
    for vhost in vhosts:
        permissions = {"configure": pattern, "write": pattern, "read": pattern}
        await management(server, f"/api/permissions/{vhost}/{name}", method="PUT", body=permissions)
    return {"user": name, "password": PASSWORD}


async def refused(settings: RabbitSettings) -> BrokerError:
    broker = RabbitBroker(settings)
    with pytest.raises(BrokerError) as caught:
        await broker.connect()
    await broker.close()
    assert PASSWORD not in str(caught.value)
    return caught.value


@pytest.fixture
async def queue(rabbit: RabbitServer) -> str:
    """A queue with 3 messages in the first virtual host, and one of the same name with 2 in the second."""
    name = unused("visible")
    async with opened(rabbit_settings(rabbit.address(), vhosts=("/", "second"))) as broker:
        for qualified, count in ((f"%2F/{name}", 3), (f"second/{name}", 2)):
            await broker.ensure([DestinationSpec(name=qualified)])
            for _ in range(count):
                await broker.publish(qualified, Message(body=b"x"))
    return name


async def test_a_monitoring_user_without_any_permission_pattern_sees_everything(
    rabbit: RabbitServer, queue: str
) -> None:
    login = await create_user(rabbit, "monitoring", ["%2F"])
    async with opened(rabbit_settings(rabbit.address(), **login)) as broker:

        async def all_visible() -> None:
            snapshot = await broker.sweep()
            assert snapshot.groups[queue].lag == 3
            assert snapshot.groups[queue].positions.arrived[0] == 3
            assert snapshot.cluster is not None
            assert snapshot.cluster.nodes
            assert not snapshot.faults
            assert not snapshot.cluster.missing_permissions

        await eventually(all_visible, within_s=WITHIN_S)
        with pytest.raises(PermissionMissing):
            await broker.publish(queue, Message(body=b"x"))


async def test_a_management_user_sees_which_tag_is_missing_for_the_nodes(rabbit: RabbitServer, queue: str) -> None:
    login = await create_user(rabbit, "management", ["%2F"])
    async with opened(rabbit_settings(rabbit.address(), **login)) as broker:
        snapshot = await broker.sweep()
        assert snapshot.groups[queue].lag == 3
        assert snapshot.cluster is not None
        assert snapshot.cluster.nodes is None
        assert "monitoring" in " ".join(snapshot.cluster.missing_permissions)


async def test_an_inaccessible_virtual_host_is_one_fault_and_the_others_are_visible(
    rabbit: RabbitServer, queue: str
) -> None:
    login = await create_user(rabbit, "monitoring", ["%2F"])
    async with opened(rabbit_settings(rabbit.address(), vhosts=("/", "second"), **login)) as broker:
        snapshot = await broker.sweep()
        assert snapshot.groups[f"%2F/{queue}"].lag == 3
        assert f"second/{queue}" not in snapshot.destinations
        (fault,) = snapshot.faults
        assert (fault.resource, fault.why) == ("virtual host second", Why.NOT_PERMITTED)


async def test_queues_of_inaccessible_virtual_hosts_are_counted(rabbit: RabbitServer, queue: str) -> None:
    """The listing leaves them out silently; the overview counts them."""
    login = await create_user(rabbit, "monitoring", ["%2F"])
    async with opened(rabbit_settings(rabbit.address(), **login)) as broker:
        snapshot = await broker.sweep()
        assert queue in snapshot.destinations
        assert snapshot.cluster is not None
        assert any("more queues are in virtual hosts" in note for note in snapshot.cluster.notes)


async def test_an_inaccessible_virtual_host_alone_is_an_error(rabbit: RabbitServer) -> None:
    login = await create_user(rabbit, "monitoring", ["%2F"])
    error = await refused(rabbit_settings(rabbit.address(), vhosts=("second",), **login))
    assert isinstance(error, PermissionMissing)


async def test_a_user_without_a_tag(rabbit: RabbitServer, queue: str) -> None:
    """The user has no access to the API, but may look up queues by AMQP."""
    login = await create_user(rabbit, "", ["%2F"], ".*")
    error = await refused(rabbit_settings(rabbit.address(), **login))
    assert isinstance(error, PermissionMissing)
    assert "tag monitoring" in str(error)
    async with opened(rabbit_settings(rabbit.address(), queues=(queue, "nowhere-at-all"), **login)) as broker:
        snapshot = await broker.sweep()
        group = snapshot.groups[queue]
        assert (group.lag, group.lag_partial, group.waiting, group.in_flight) == (3, True, 3, None)
        assert group.member_count == 0
        assert [(fault.resource, fault.why) for fault in snapshot.faults] == [
            ("queue nowhere-at-all", Why.NOT_REPORTED)
        ]
        assert snapshot.cluster is not None
        assert "The management API is unavailable" in " ".join(snapshot.cluster.notes)


async def test_a_wrong_password(rabbit: RabbitServer) -> None:
    error = await refused(rabbit_settings(rabbit.address(), password=PASSWORD))
    assert isinstance(error, LoginRefused)


async def test_a_missing_virtual_host_is_named(rabbit: RabbitServer) -> None:
    error = await refused(rabbit_settings(rabbit.address(), vhosts=("nowhere-at-all",)))
    assert isinstance(error, DestinationMissing)
    assert "nowhere-at-all" in str(error)
