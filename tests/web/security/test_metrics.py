"""Who may scrape /metrics, once there are users."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from signalbox.brokers.model import BrokerKind
from signalbox.security.settings import SecuritySettings
from tests.support.accounts import cheap_hasher
from tests.support.simulation import SimulatedConnection, SimulatedGroup
from tests.web.security.user_site import UserSite
from tests.web.sites import simulation_in

LAG = 'signalbox_group_lag_messages{connection="kafka-prod",group="billing"}'


@pytest.mark.parametrize("is_open", [False, True])
async def test_metrics_need_a_token_unless_the_configuration_opens_them(tmp_path: Path, *, is_open: bool) -> None:
    async with simulation_in(tmp_path) as simulation, AsyncExitStack() as stack:
        simulation.connect(SimulatedConnection("kafka-prod", BrokerKind.KAFKA, [SimulatedGroup("billing")]))
        await simulation.run(60)
        app = simulation.built([SecuritySettings(open_metrics=is_open)]).app
        site = UserSite(simulation, app, stack)
        nobody = await site.browser()
        with cheap_hasher():
            admin = await site.first_admin()
        answer = await nobody.client.get("/metrics")
        assert answer.status_code == (200 if is_open else 401)
        assert (LAG in answer.text) is is_open
        assert (await nobody.client.get("/groups")).status_code != 200, "only the metrics are open"
        assert LAG in (await admin.client.get("/metrics")).text
