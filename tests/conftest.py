"""Fixtures that several suites share. A real server is started once for a whole run, by the module of its kind."""

from hypothesis import HealthCheck, settings

from tests.support.accounts import cheap_passwords, clock, other_process, process  # noqa: F401 - fixtures
from tests.support.database import database, database_settings, empty_database_settings  # noqa: F401 - fixtures
from tests.support.kafka import kafka, kafka_broker, kafka_client, kafka_pair  # noqa: F401 - fixtures
from tests.support.keycloak import keycloak  # noqa: F401 - fixture
from tests.support.nats import nats_broker, oracle  # noqa: F401 - fixtures
from tests.support.oidc_provider import provider  # noqa: F401 - fixture
from tests.support.postgres import migrated_postgres_url, postgres, postgres_template, postgres_url  # noqa: F401 - fixtures
from tests.support.rabbitmq import rabbit, rabbitmq_3, rabbitmq_4  # noqa: F401 - fixtures
from tests.support.sqs import elasticmq, moto  # noqa: F401 - fixtures
from tests.support.sso import sso  # noqa: F401 - fixture

pytest_plugins = ("tests.support.spreading", "tests.support.reporting", "tests.contracts.counting")

# The same examples in each run, on a busy machine too: `make soak` looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("new", settings.get_profile("same"), derandomize=False, max_examples=2000)
settings.load_profile("same")
