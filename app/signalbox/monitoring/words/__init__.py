"""The sentences that page, API and CLI share. Pure; templates add the markup."""

from signalbox.monitoring.words.connections import (
    change_text,
    connection_reason,
    connection_sentence,
    link_status,
    link_text,
    overview_reason,
    overview_sentence,
)
from signalbox.monitoring.words.destinations import destination_reason, destination_sentence
from signalbox.monitoring.words.groups import group_reason, group_sentence, partition_reason, status_text, status_word
from signalbox.monitoring.words.lists import connections_sentence, destinations_sentence
from signalbox.monitoring.words.spans import Span, mark, plain, tone
from signalbox.monitoring.words.staleness import as_of

__all__ = [
    "Span",
    "as_of",
    "change_text",
    "connection_reason",
    "connection_sentence",
    "connections_sentence",
    "destination_reason",
    "destination_sentence",
    "destinations_sentence",
    "group_reason",
    "group_sentence",
    "link_status",
    "link_text",
    "mark",
    "overview_reason",
    "overview_sentence",
    "partition_reason",
    "plain",
    "status_text",
    "status_word",
    "tone",
]
