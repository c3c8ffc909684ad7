"""Nothing is configured: the three steps to the first figures, and the least rights that they need."""

from dataclasses import dataclass

RIGHTS = (
    (
        "Kafka",
        "DESCRIBE on the cluster, all groups and topics; DESCRIBE_CONFIGS on topics; READ on topics only for measured time lag",
    ),
    ("RabbitMQ", 'the tag monitoring, and permissions "" "" "" on each vhost'),
    (
        "NATS",
        (
            "publish on $JS.API.INFO, $JS.API.STREAM.LIST, $JS.API.STREAM.INFO.*, $JS.API.CONSUMER.LIST.*, "
            "$JS.API.CONSUMER.INFO.*.*, and for time lag $JS.API.STREAM.MSG.GET.*; subscribe _INBOX.>"
        ),
    ),
    ("Amazon SQS", "sqs:ListQueues, sqs:GetQueueAttributes, sqs:GetQueueUrl"),
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
