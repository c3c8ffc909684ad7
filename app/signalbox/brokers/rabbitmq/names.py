"""How a queue of a virtual host is named outside: plainly where there is one virtual host, else "vhost/queue".

With several, "%" and "/" of the virtual host's name are percent-encoded, so the default one is "%2F/orders": every name is
unique and can be taken apart again, whatever a queue is called.
"""

from collections.abc import Sequence
from urllib.parse import unquote

from signalbox.brokers.errors import InvalidName

NAME_BYTES_MAX = 255  # a short string of AMQP
RESERVED = "amq."  # the broker's own; it refuses to make such a queue on request


class QueueNames:
    """The names of one connection's queues."""

    def __init__(self, vhosts: Sequence[str]) -> None:
        self._vhosts = tuple(vhosts)

    def shown(self, vhost: str, queue: str) -> str:
        if len(self._vhosts) == 1:
            return queue
        return f"{_escaped(vhost)}/{queue}"

    def checked(self, connection: str, name: str, *, new: bool = False) -> tuple[str, str]:
        """Return (vhost, queue) of a name; `new`: of a queue to be made.

        Raises:
            InvalidName: RabbitMQ cannot have it; says why.
        """
        try:
            vhost, queue = self.parse(name)
            if refused := refused_name(queue, new=new):
                raise ValueError(refused)
        except ValueError as error:
            raise InvalidName(
                connection, f"{name[:80]!r} cannot be a queue: {error}.", "Choose another name."
            ) from None
        return vhost, queue

    def parse(self, name: str) -> tuple[str, str]:
        """Return (vhost, queue).

        Raises:
            ValueError: the virtual host is not one of this connection's; says how names look.
        """
        if len(self._vhosts) == 1:
            return self._vhosts[0], name
        vhost, slash, queue = name.partition("/")
        if not slash or unquote(vhost) not in self._vhosts:
            known = ", ".join(f"{_escaped(each)}/..." for each in self._vhosts)
            raise ValueError(f"with several virtual hosts a queue is named {known}")
        return unquote(vhost), queue


def refused_name(queue: str, *, new: bool) -> str | None:
    """Return why RabbitMQ cannot have a queue of that name; None if it can."""
    if not queue:
        return "a queue's name is not empty"
    try:
        size = len(queue.encode())
    except UnicodeEncodeError:
        return "a queue's name is UTF-8"
    if size > NAME_BYTES_MAX:
        return f"a queue's name has at most {NAME_BYTES_MAX} bytes"
    if "\n" in queue or "\r" in queue:
        return "the broker strips line breaks from names"
    if new and queue.startswith(RESERVED):
        return f"names that begin with {RESERVED} are the broker's own"
    return None


def _escaped(vhost: str) -> str:
    return vhost.replace("%", "%25").replace("/", "%2F")
