"""The list of destinations."""

from signalbox.monitoring import keys
from signalbox.monitoring.model import DestinationView
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.destination_rows import DestinationRow, destination_row
from signalbox.web.monitoring.list_frame import ColumnSpec, ListType

DESTINATION_LIST: ListType[DestinationView, DestinationRow] = ListType(
    noun="destination",
    key=keys.DESTINATIONS,
    url=urls.destinations,
    placeholder="Topic, queue or stream",
    columns=(
        ColumnSpec("name", "Destination", ""),
        ColumnSpec("connection", "Connection", ""),
        ColumnSpec("", "Status", ""),
        ColumnSpec("in", "In/s", "num"),
        ColumnSpec("messages", "Messages and size", "num drop-2"),
        ColumnSpec("retention", "Retention", "num"),
        ColumnSpec("", "Consumers", "num drop-1"),
        ColumnSpec("updated", "Updated", "num"),
    ),
    sort_values={
        "in": lambda d: d.rate_in,
        "messages": lambda d: d.destination.messages,
        "size": lambda d: d.destination.size_bytes,
        "retention": lambda d: None if d.destination.retention is None else d.destination.retention.age_s,
        "updated": lambda d: d.read_at,
        "name": lambda d: d.name,
        "connection": lambda d: d.connection,
    },
    kind_of=lambda d: d.destination.kind,
    searched_names=lambda d: (d.name,),
    row=destination_row,
)
