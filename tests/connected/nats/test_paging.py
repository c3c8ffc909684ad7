"""JetStream's lists have pages of 256 rows: the adapter reads all pages."""

import pytest

from signalbox.servers.nats import NatsOptions, nats_server
from tests.support.nats import api, durable, nats_settings, opened, plain_client, stream
from tests.support.servers import require_server

STREAMS = 300
CONSUMERS = 280  # of one stream
PUBLISHED, ACKNOWLEDGED = 9, 4


@pytest.mark.timeout(60)
async def test_all_pages_of_streams_and_consumers_are_read() -> None:
    require_server("nats")
    async with nats_server(NatsOptions()) as server:
        client = await plain_client(server)
        for number in range(STREAMS):
            await stream(client, f"s{number}", storage="memory")
            await durable(client, f"s{number}", "only")
        for number in range(CONSUMERS):
            await durable(client, "s7", f"c{number}")
        for number in range(PUBLISHED):
            await client.jetstream().publish("s7", b"%d" % number)
        subscription = await client.jetstream().pull_subscribe_bind(f"c{CONSUMERS - 1}", "s7")
        for message in await subscription.fetch(ACKNOWLEDGED):
            await message.ack_sync()
        async with opened(nats_settings(server)) as broker:
            snapshot = await broker.sweep()
            assert not snapshot.faults
            assert len(snapshot.destinations) == STREAMS
            assert len(snapshot.groups) == STREAMS + CONSUMERS
            assert snapshot.groups[f"s7/c{CONSUMERS - 1}"].lag == PUBLISHED - ACKNOWLEDGED
            assert snapshot.groups["s7/c0"].lag == PUBLISHED
            watched = await broker.watch([f"s{number}/only" for number in range(200)])
            assert len(watched.groups) == 200
            await api(client, "STREAM.DELETE.s299")
            assert (await broker.sweep()).gone_destinations == frozenset({"s299"})
        await client.close()
