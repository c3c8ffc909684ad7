"""The part of Kafka's wire protocol that Signalbox uses: requests and responses by subject, in the versions that we support.

Field layouts follow the protocol definitions in kafka-clients 2.8.2 to 4.3.1.
"""
