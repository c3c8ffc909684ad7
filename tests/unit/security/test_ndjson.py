"""Rows as lines round-trip, and malformed lines are named."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.security.audit.model import AuditRecord, ChainRow, RowKind
from signalbox.security.audit.ndjson import LINE_BYTES_MAX, ExportUnreadable, read, to_line
from tests.support.audit import make_chain

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WHOLE = st.integers(-(2**63), 2**63 - 1)
ENTRIES = st.builds(
    AuditRecord,
    at_us=WHOLE,
    kind=st.sampled_from(RowKind),
    about=WHOLE | st.none(),
    took_us=WHOLE | st.none(),
    **dict.fromkeys(
        ["actor", "via", "address", "agent", "request", "action", "resource", "target", "parameters", "reason"], TEXT
    ),
    outcome=TEXT,
    detail=TEXT,
)


@given(st.lists(st.builds(ChainRow, WHOLE, st.binary(max_size=32), st.binary(max_size=32), ENTRIES), max_size=5))
def test_written_row_is_read_again(rows: list[ChainRow]) -> None:
    file = b"".join(map(to_line, rows))
    assert file.count(b"\n") == len(rows)
    assert list(read(io.BytesIO(file))) == rows


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[1]\n",
        b"\xff\xfe\n",
        b'{"row":1\n',
        to_line(make_chain(1)[0]).replace(b'"row":1', b'"row":"1"'),
        to_line(make_chain(1)[0]).replace(b'"row":1', b'"row":1.5'),
        to_line(make_chain(1)[0]).replace(b'"row":1', b'"row":1,"more":2'),
        to_line(make_chain(1)[0]).replace(b'"hash":"', b'"hash":"zz'),
        to_line(make_chain(1)[0]).replace(b'"hash":"', b'"hash":7,"x":"'),
        b" " * LINE_BYTES_MAX + to_line(make_chain(1)[0]),
    ],
)
def test_malformed_line_is_named(line: bytes) -> None:
    with pytest.raises(ExportUnreadable, match="Line 3 of the export is not an audit row"):
        list(read(io.BytesIO(b"".join(map(to_line, make_chain(2))) + line)))


@pytest.mark.parametrize("strange", [b"null", b"1.5", b"[1]", b"123456789012345678901234567890", b'{"a":1}'])
def test_field_of_another_type_is_read_so_that_verification_names_it(strange: bytes) -> None:
    [row] = read(io.BytesIO(to_line(make_chain(1)[0]).replace(b'"actor":"on-call"', b'"actor":' + strange)))
    assert row.record.actor != "on-call"
