"""/api/v1 returns the figures of the pages, null for unknown, and errors that name what was expected."""

from pathlib import Path
from typing import Any

import pytest

from signalbox.brokers.model import BrokerKind
from tests.support.simulation import SimulatedConnection, SimulatedGroup
from tests.web.sites import OK_GROUPS, WebClient, simulation_in, web_client

GROUP = "/api/v1/groups/kafka-prod/settlement"


async def get(web: WebClient, address: str, status: int = 200) -> Any:  # noqa: ANN401 - JSON
    answer = await web.client.get(address)
    assert answer.status_code == status, answer.text
    kind = "application/problem+json" if status >= 400 else "application/json"
    assert answer.headers["content-type"].startswith(kind)
    return answer.json()


async def test_a_group_has_figures_and_their_age(web: WebClient) -> None:
    group = await get(web, GROUP)
    assert group["flow"]["lag"] > 5000
    assert group["flow"]["rate_in"] == pytest.approx(240, abs=1)
    assert group["flow"]["rate_out"] == pytest.approx(130, abs=1)
    assert (group["age_s"], group["stale"]) == (0.0, False)
    assert group["verdict"]["status"] == "will lose data"
    assert "Partition 2 will lose data in" in group["verdict"]["sentence"].replace("\u00a0", " ")
    assert [m["client"] for m in group["members"]] == ["settle-a", "settle-b"]
    assert group["members"][1]["assigned"] == {"payments": [1, 3]}


async def test_unknown_is_null_not_zero(web: WebClient) -> None:
    secret = await get(web, "/api/v1/groups/kafka-prod/secret")
    assert (secret["flow"]["lag"], secret["flow"]["time_lag"]) == (None, None)
    assert secret["verdict"]["status"] == "not permitted"
    new = await get(web, "/api/v1/connections/kafka-new")
    assert (new["status"], new["read_at"], new["age_s"], new["nodes"]) == ("connecting", None, None, None)


async def test_counts_of_a_connection_that_was_never_read_are_null(web: WebClient) -> None:
    never = await get(web, "/api/v1/connections/kafka-new")
    assert never["read_at"] is None
    counts = ("groups", "groups_ok", "groups_attention", "destinations", "destinations_attention", "excluded")
    assert [never[count] for count in counts] == [None] * len(counts)
    down = await get(web, "/api/v1/connections/rabbit-old")
    assert down["groups"] == 3
    assert down["destinations"] > 0
    assert (down["groups_ok"], down["groups_attention"]) == (None, None)


async def test_old_data_is_marked_stale(web: WebClient) -> None:
    for address in ("groups/rabbit-old/old-1", "groups/nats-edge/SHIP%2Fprinter", "connections/rabbit-old"):
        resource = await get(web, f"/api/v1/{address}")
        assert resource["stale"] is True
        assert resource["age_s"] >= 60


async def test_partitions_are_sorted_most_severe_first(web: WebClient) -> None:
    rows = await get(web, f"{GROUP}/partitions")
    assert (rows["total"], rows["first"]) == (4, 0)
    assert [row["partition"] for row in rows["items"]][:2] == [2, 1]
    stalled = rows["items"][1]
    assert stalled["verdict"]["status"] == "stalled"
    assert stalled["end_offset"] - stalled["committed_offset"] == stalled["flow"]["lag"] > 5000
    part = await get(web, f"{GROUP}/partitions?first=1&limit=2")
    assert part["items"] == rows["items"][1:3]


async def test_history_columns_share_one_time_axis(web: WebClient) -> None:
    history = await get(web, f"{GROUP}/history?window=1h")
    assert history["window"] == "1h"
    assert len(history["at"]) == len(history["lag"]) == len(history["rate_in"]) == len(history["rate_out"]) > 50
    assert history["at"] == sorted(history["at"])
    lags = [lag for lag in history["lag"] if lag is not None]
    assert lags[-1] > lags[0] > 0


async def test_groups_are_filtered_sorted_and_paged_as_on_the_page(web: WebClient) -> None:
    first = await get(web, "/api/v1/groups?limit=10")
    assert first["total"] == 18
    rest = await get(web, f"/api/v1/groups?limit=10&after={first['next']}")
    names = [(g["connection"], g["name"]) for g in first["items"] + rest["items"]]
    assert len(set(names)) == 18
    assert rest["next"] is None
    back = await get(web, f"/api/v1/groups?limit=10&before={rest['previous']}")
    assert back["items"] == first["items"]
    ok = await get(web, "/api/v1/groups?status=ok&connection=kafka-prod&sort=name&dir=down")
    assert [g["name"] for g in ok["items"]] == [f"writer-{i}" for i in reversed(range(OK_GROUPS))]
    unknown = await get(web, "/api/v1/groups?status=unknown")
    assert {g["connection"] for g in unknown["items"]} == {"rabbit-old"}


async def test_a_destination_lists_its_groups_and_retention(web: WebClient) -> None:
    payments = await get(web, "/api/v1/destinations/kafka-prod/payments")
    assert sorted(payments["consumer_groups"]) == ["scoring", "secret", "settlement"]
    assert payments["retention"]["age_s"] == 12 * 3600
    rows = await get(web, "/api/v1/destinations/kafka-prod/payments/partitions?first=1&limit=1")
    assert (rows["total"], rows["items"][0]["partition"]) == (4, 1)
    assert rows["items"][0]["replicas"] == [1, 2]
    assert rows["items"][0]["rate_in"] == pytest.approx(60, abs=1)


async def test_a_connection_describes_its_cluster(web: WebClient) -> None:
    prod = await get(web, "/api/v1/connections/kafka-prod")
    assert (prod["under_replicated"], prod["groups"], prod["groups_ok"]) == (3, 13, OK_GROUPS)
    assert [node["running"] for node in prod["nodes"]] == [True, False]
    assert prod["faults"][0]["detail"] == "DESCRIBE on the group is missing"
    assert [c["name"] for c in await get(web, "/api/v1/connections")][:2] == ["kafka-prod", "rabbit-eu"]


async def test_changes_come_newest_first(web: WebClient) -> None:
    changes = await get(web, "/api/v1/changes")
    assert [c["at"] for c in changes] == sorted((c["at"] for c in changes), reverse=True)
    assert ("rabbit-old", None, "down") in [(c["connection"], c["group"], c["after"]) for c in changes]


async def test_search_finds_groups_destinations_and_connections(web: WebClient) -> None:
    results = await get(web, "/api/v1/search?q=old")
    assert {hit["kind"] for hit in results} == {"group", "destination", "connection"}
    assert "/groups/rabbit-old/old-1" in [hit["href"] for hit in results]


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("/api/v1/groups?sort=x", "sort: expected one of lag, time-lag, in, out, updated, name, connection, got 'x'."),
        ("/api/v1/groups?limit=501", "limit: expected a whole number from 1 to 500, got '501'."),
        ("/api/v1/groups?after=zzz", "after: expected a cursor from this list, got 'zzz'."),
        ("/api/v1/destinations?status=x", "status: expected one of not-ok, will-lose-data"),
        (f"{GROUP}/history?window=1y", "window: expected one of 1h, 6h, 24h, 7d, got '1y'."),
        (f"{GROUP}/partitions?first=-1", "first: expected a whole number from 0 to 1,000,000, got '-1'."),
    ],
)
async def test_an_error_names_the_parameter_and_what_was_expected(web: WebClient, address: str, detail: str) -> None:
    problem = await get(web, address, 400)
    assert problem["detail"].startswith(detail)
    assert problem["status"] == 400


async def test_a_missing_thing_suggests_similar_names(web: WebClient) -> None:
    for address in ("/api/v1/groups/kafka-prod/settlemen", "/api/v1/groups/kafka-prod/settlemen/history"):
        problem = await get(web, address, 404)
        assert problem["detail"].startswith("Group “settlemen” was not found on kafka-prod. Similar names: settlement.")
    assert "kafka-prod" in (await get(web, "/api/v1/connections/kafka-prd", 404))["detail"]
    assert (await get(web, "/api/v1/destinations/kafka-prod/x/partitions", 404))["title"] == "Not Found"


async def test_openapi_describes_every_parameter_and_unit(web: WebClient) -> None:
    document = (await web.client.get("/api/v1/openapi.json")).json()
    paths = [path for path, item in document["paths"].items() if item.get("get", {}).get("tags") == ["monitoring"]]
    assert len(paths) == 11
    for path in paths:
        operation = document["paths"][path]["get"]
        assert operation["summary"]
        assert set(document["paths"][path]) == {"get"}, "monitoring is read-only"
        for parameter in operation.get("parameters", []):
            assert parameter["in"] == "path" or parameter.get("description"), (path, parameter["name"])
    flow = document["components"]["schemas"]["FlowOut"]["properties"]
    assert "null = unknown" in flow["lag"]["description"]


async def test_what_was_read_a_moment_ago_is_stale_as_soon_as_its_connection_is_down(tmp_path: Path) -> None:
    async with simulation_in(tmp_path) as simulation, web_client(simulation) as web:
        connection = SimulatedConnection("kafka-a", BrokerKind.KAFKA, [SimulatedGroup("billing")])
        simulation.connect(connection)
        await simulation.run(60)
        addresses = ("groups/kafka-a/billing", "destinations/kafka-a/orders.placed", "connections/kafka-a")
        for is_down in (False, True):
            if is_down:
                simulation.fail(connection)
            for address in addresses:
                resource = await get(web, f"/api/v1/{address}")
                assert (resource["stale"], resource["age_s"]) == (is_down, 0.0), address
