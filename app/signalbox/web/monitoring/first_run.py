"""The page without any configured connection: the steps to the first data, and the permissions they need."""

from dataclasses import dataclass

MINIMUM_PERMISSIONS = (
    (
        "Kafka",
        "DESCRIBE on the cluster, all groups and topics; DESCRIBE_CONFIGS on topics; READ on topics only for measured time lag",
    ),
    ("RabbitMQ", 'a user with the monitoring tag and permissions "" "" "" on each vhost'),
    (
        "NATS",
        (
            "publish to $JS.API.INFO, $JS.API.STREAM.LIST, $JS.API.STREAM.INFO.*, $JS.API.CONSUMER.LIST.*, "
            "$JS.API.CONSUMER.INFO.*.*, and for time lag $JS.API.STREAM.MSG.GET.*; subscribe to _INBOX.>"
        ),
    ),
    ("Amazon SQS", "sqs:ListQueues, sqs:GetQueueAttributes, sqs:GetQueueUrl"),
)


@dataclass(frozen=True, slots=True)
class FirstRunPage:
    permissions: tuple[tuple[str, str], ...] = MINIMUM_PERMISSIONS  # (broker, permissions)
