"""The commands that start Apache Kafka."""

import argparse
from pathlib import Path

import pytest

from signalbox.servers.kafka import format_arguments


@pytest.mark.parametrize("cluster_id", ["-Wmn0gFBQWuQnRVg6lsB0A", "--mn0gFBQWuQnRVg6lsB0A", "Wmn0gFBQWuQnRVg6lsB0AA"])
def test_format_accepts_a_cluster_id_that_begins_with_a_hyphen(cluster_id: str) -> None:
    storage_tool = argparse.ArgumentParser(exit_on_error=False)  # Kafka's StorageTool uses a port of argparse
    storage_tool.add_argument("command")
    storage_tool.add_argument("--cluster-id", "-t")
    storage_tool.add_argument("--config", "-c")
    storage_tool.add_argument("--add-scram", "-S", action="append")
    arguments = format_arguments(cluster_id, Path("server.properties"), {"alice": "-Pa55"})
    parsed = storage_tool.parse_args(arguments)
    assert (parsed.command, parsed.cluster_id, parsed.config) == ("format", cluster_id, "server.properties")
    assert parsed.add_scram == [f"SCRAM-SHA-{bits}=[name=alice,password=-Pa55]" for bits in (256, 512)]
