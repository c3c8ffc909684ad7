"""How many cases of the broker contract each adapter must execute. Written by hand: a case that vanished is seen here.

An adapter "rabbitmq-4.0" lives in test_rabbitmq.py. One row per adapter and server; whoever adds a case or an adapter counts anew.
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
