"""Kafka's wire protocol, as far as Signalbox speaks it: requests and answers by subject, each with the versions it knows.

Field layouts follow the protocol definitions inside kafka-clients 2.8.2 to 4.3.1.
"""
