"""Nothing is configured: the three steps to the first figures, and the least rights that they need."""

from dataclasses import dataclass

RIGHTS = (
    ("Kafka", "Describe on the cluster, topics and groups; DescribeConfigs on topics"),
    ("RabbitMQ", "a user with the tag monitoring; nothing to configure, write or read"),
    ("NATS", "publish to $JS.API.>, narrowed to INFO, NAMES and LIST; its own inbox"),
    ("Amazon SQS", "sqs:ListQueues, sqs:GetQueueAttributes, sqs:ListQueueTags"),
)


@dataclass(frozen=True, slots=True)
class Right:
    broker: str
    right: str


@dataclass(frozen=True, slots=True)
class FirstRun:
    rights: tuple[Right, ...]


def first_run() -> FirstRun:
    return FirstRun(tuple(Right(broker, right) for broker, right in RIGHTS))
