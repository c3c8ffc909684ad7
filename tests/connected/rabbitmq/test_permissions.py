"""What users with fewer permissions see, and the error for each refusal, on both versions."""

from collections.abc import Sequence

import pytest

from signalbox.brokers.errors import BrokerError, DestinationMissing, LoginRefused, PermissionMissing
from signalbox.brokers.model import Message, Why
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.servers.rabbitmq import RabbitServer
from tests.support.rabbitmq import (
    FIGURES_WITHIN_S,
    cluster_of,
    fill,
    management,
    opened,
    permit,
    rabbit_settings,
    refused,
    unused,
)
from tests.support.waiting import eventually

PASSWORD = "only-for-tests"


async def create_user(server: RabbitServer, tags: str, vhosts: Sequence[str], pattern: str = "") -> dict[str, object]:
    """Create a user with this pattern for every permission on these virtual hosts. Returns its login settings."""
    name = unused("user")
    await management(server, f"/api/users/{name}", method="PUT", body={"password": PASSWORD, "tags": tags})
    for vhost in vhosts:
        await permit(server, name, vhost, pattern)
    return {"user": name, "password": PASSWORD}


async def refused_without_password(settings: RabbitSettings) -> BrokerError:
    error = await refused(settings)
    assert PASSWORD not in str(error)
    return error


@pytest.fixture
async def login(rabbit: RabbitServer) -> dict[str, object]:
    """A user with the tag monitoring and access to the first virtual host only."""
    return await create_user(rabbit, "monitoring", ["%2F"])


@pytest.fixture
async def queue(rabbit: RabbitServer) -> str:
    """A queue with 3 messages in the first virtual host, and one of the same name with 2 in the second."""
    name = unused("visible")
    async with opened(rabbit_settings(rabbit.address(), vhosts=("/", "second"))) as broker:
        for qualified, count in ((f"%2F/{name}", 3), (f"second/{name}", 2)):
            await fill(broker, qualified, count)
    return name


async def test_a_monitoring_user_without_any_permission_pattern_sees_everything(
    rabbit: RabbitServer, queue: str, login: dict[str, object]
) -> None:
    async with opened(rabbit_settings(rabbit.address(), **login)) as broker:

        async def all_visible() -> None:
            snapshot = await broker.sweep()
            assert snapshot.groups[queue].lag == 3
            assert snapshot.groups[queue].positions.arrived[0] == 3
            assert cluster_of(snapshot).nodes
            assert not snapshot.faults
            assert not cluster_of(snapshot).missing_permissions

        await eventually(all_visible, within_s=FIGURES_WITHIN_S)
        with pytest.raises(PermissionMissing):
            await broker.publish(queue, Message(body=b"x"))


async def test_a_management_user_sees_which_tag_is_missing_for_the_nodes(rabbit: RabbitServer, queue: str) -> None:
    login = await create_user(rabbit, "management", ["%2F"])
    async with opened(rabbit_settings(rabbit.address(), **login)) as broker:
        snapshot = await broker.sweep()
        assert snapshot.groups[queue].lag == 3
        assert cluster_of(snapshot).nodes is None
        assert "monitoring" in " ".join(cluster_of(snapshot).missing_permissions)


async def test_an_inaccessible_virtual_host_is_one_fault_and_the_others_are_visible(
    rabbit: RabbitServer, queue: str, login: dict[str, object]
) -> None:
    async with opened(rabbit_settings(rabbit.address(), vhosts=("/", "second"), **login)) as broker:
        snapshot = await broker.sweep()
        assert snapshot.groups[f"%2F/{queue}"].lag == 3
        assert f"second/{queue}" not in snapshot.destinations
        (fault,) = snapshot.faults
        assert (fault.resource, fault.why) == ("virtual host second", Why.NOT_PERMITTED)


async def test_queues_of_inaccessible_virtual_hosts_are_counted(
    rabbit: RabbitServer, queue: str, login: dict[str, object]
) -> None:
    """The listing leaves them out silently; the overview counts them."""
    async with opened(rabbit_settings(rabbit.address(), **login)) as broker:
        snapshot = await broker.sweep()
        assert queue in snapshot.destinations
        assert any("more queues are in virtual hosts" in note for note in cluster_of(snapshot).notes)


async def test_an_inaccessible_virtual_host_alone_is_an_error(rabbit: RabbitServer, login: dict[str, object]) -> None:
    error = await refused_without_password(rabbit_settings(rabbit.address(), vhosts=("second",), **login))
    assert isinstance(error, PermissionMissing)


async def test_a_user_without_a_tag(rabbit: RabbitServer, queue: str) -> None:
    """The user has no access to the API, but may look up queues by AMQP."""
    login = await create_user(rabbit, "", ["%2F"], ".*")
    error = await refused_without_password(rabbit_settings(rabbit.address(), **login))
    assert isinstance(error, PermissionMissing)
    assert "tag monitoring" in str(error)
    async with opened(rabbit_settings(rabbit.address(), queues=(queue, "nowhere-at-all"), **login)) as broker:
        snapshot = await broker.sweep()
        group = snapshot.groups[queue]
        assert (group.lag, group.lag_partial, group.waiting, group.in_flight) == (3, True, 3, None)
        assert group.member_count == 0
        (fault,) = snapshot.faults
        assert (fault.resource, fault.why) == ("queue nowhere-at-all", Why.NOT_REPORTED)
        assert "The management API is unavailable" in " ".join(cluster_of(snapshot).notes)


async def test_a_wrong_password(rabbit: RabbitServer) -> None:
    error = await refused_without_password(rabbit_settings(rabbit.address(), password=PASSWORD))
    assert isinstance(error, LoginRefused)


async def test_a_missing_virtual_host_is_named(rabbit: RabbitServer) -> None:
    error = await refused_without_password(rabbit_settings(rabbit.address(), vhosts=("nowhere-at-all",)))
    assert isinstance(error, DestinationMissing)
    assert "nowhere-at-all" in str(error)
