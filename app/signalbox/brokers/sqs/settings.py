"""Settings of an SQS connection. Without keys or a profile, credentials come from AWS's default chain."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, FilePath, model_validator

from signalbox.brokers.hosts import split_url
from signalbox.brokers.model import BrokerKind
from signalbox.brokers.settings import ConnectionSettings, Secret

QUEUE_NAME = re.compile(r"(?=.{1,80}\Z)[A-Za-z0-9_-]+(?:\.fifo)?")
"""The names that SQS allows: at most 80 letters, digits, hyphens and underscores; a FIFO queue's name ends with `.fifo`."""

_ENDPOINT = re.compile(r"https?://[^/@\s]+/?")
_AMAZON_REGION = re.compile(r"[/.]([a-z]{2}(?:-[a-z]+)+-\d)\.(?:[a-z]+\.)?(?:amazonaws\.com|api\.aws)\b")

INTERVAL_S = 30.0
INTERVAL_MANY_QUEUES_S = 60.0
MANY_QUEUES = 200  # above this number the longer interval keeps the bill near $10 a month (pricing.py)


ENDPOINT_FORM = "a URL without a path or login, such as http://localhost:9324"


def _queue_name(name: str) -> str:
    if not QUEUE_NAME.fullmatch(name):
        raise ValueError("a queue name: at most 80 letters, digits, - and _; a FIFO queue's name ends with .fifo")
    return name


def _endpoint(url: str) -> str:
    if not _ENDPOINT.fullmatch(url):
        raise ValueError(ENDPOINT_FORM)
    split_url(url, ENDPOINT_FORM)
    return url


class SqsSettings(ConnectionSettings):
    """One account in one region. `timeout_s` bounds each answer, and the whole sign-in."""

    kind: BrokerKind = BrokerKind.SQS
    region: str | None = None  # None: AWS_REGION or the profile's
    endpoint_url: Annotated[str, AfterValidator(_endpoint)] | None = None  # a VPC endpoint, ElasticMQ
    profile: str | None = None
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]*$", max_length=80)] = ""  # list only queues with this prefix
    queues: tuple[Annotated[str, AfterValidator(_queue_name)], ...] = ()  # exactly these; needs no ListQueues
    interval_s: Annotated[float, Field(ge=5)] | None = None  # 30 s, or 60 s above 200 queues: each request costs money
    watched_interval_s: Annotated[float, Field(ge=5)] = 10.0  # for queues on an open page
    ca_file: FilePath | None = None  # of a private endpoint's certificate authority
    insecure_skip_verify: bool = False  # TLS without verification: every page shows a warning

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token needs access_key_id and secret_access_key")
        if self.profile is not None and self.access_key_id is not None:
            raise ValueError("either profile or access_key_id, not both")
        if self.prefix and self.queues:
            raise ValueError("either prefix or queues, not both")
        of_endpoint = _AMAZON_REGION.search(self.endpoint_url or "")
        if of_endpoint is not None and self.region is not None and of_endpoint[1] != self.region:
            raise ValueError(f"endpoint_url is in the region {of_endpoint[1]}, but region is {self.region}")
        if self.ca_file is not None and self.insecure_skip_verify:
            raise ValueError("either ca_file or insecure_skip_verify, not both")
        return self

    def secrets(self) -> tuple[str, ...]:
        """Return the values that no text may contain."""
        given = (self.access_key_id, self.secret_access_key, self.session_token)
        return tuple(secret.get_secret_value() for secret in given if secret is not None)

    def interval_for(self, queues: int) -> float:
        """Return the interval in seconds between two readings of this many queues."""
        if self.interval_s is not None:
            return self.interval_s
        return INTERVAL_MANY_QUEUES_S if queues > MANY_QUEUES else INTERVAL_S
