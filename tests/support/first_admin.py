"""The way into a running Signalbox: the link that it printed for its first admin."""

import re

from tests.support.serving import Serving

PASSWORD = "a sentence to sign in"


def first_link(served: Serving) -> str:
    """Return the address of the first admin's one-time link, as it was printed at the start."""
    found = re.findall(r"^(http://\S+/join/\S+)$", served.process.log.read_text(), re.MULTILINE)
    assert found, served.process.log_tail()
    return str(found[-1])
