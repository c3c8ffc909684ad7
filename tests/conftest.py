"""Fixtures that several suites share. A real server is started once for a whole run, by the module of its kind."""

from tests.support.postgres import postgres, postgres_url  # noqa: F401 - fixtures
