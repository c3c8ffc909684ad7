"""How many cases of the broker contract each adapter and server must execute.

Maintained by hand, so that a lost case fails the run. The adapter "rabbitmq-4.0" is in test_rabbitmq.py.
"""

EXECUTED = {
    "kafka": 29,
    "nats": 29,
    "rabbitmq-3.10": 28,
    "rabbitmq-4.0": 28,
    "rabbitmq-4.0-quorum": 28,
    "sqs-elasticmq": 28,
    "sqs-moto": 28,
}
