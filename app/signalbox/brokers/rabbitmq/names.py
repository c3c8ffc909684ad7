"""Names of queues: the plain name with one virtual host, else "vhost/queue".

"%" and "/" in the virtual host are percent-encoded ("%2F/orders" for the default one), so names are unique and can be split again.
"""

from collections.abc import Sequence
from urllib.parse import unquote

from signalbox.brokers.errors import InvalidName

NAME_BYTES_MAX = 255  # a short string of AMQP
RESERVED = "amq."  # reserved: the broker refuses to create such a queue


class QueueNames:
    def __init__(self, vhosts: Sequence[str]) -> None:
        self._vhosts = tuple(vhosts)

    def qualified(self, vhost: str, queue: str) -> str:
        return queue if len(self._vhosts) == 1 else f"{_escaped(vhost)}/{queue}"

    def resolve(self, connection: str, name: str, *, new: bool = False) -> tuple[str, str]:
        """Return (vhost, queue) of a name. With `new`, reserved names are invalid too.

        Raises:
            InvalidName: RabbitMQ does not allow the name.
        """
        try:
            vhost, queue = self.parse(name)
            if problem := name_problem(queue, new=new):
                raise ValueError(problem)
        except ValueError as error:
            problem = f"{name[:80]!r} is not a valid queue name: {error}."
            raise InvalidName(connection, problem, "Choose another name.") from None
        return vhost, queue

    def parse(self, name: str) -> tuple[str, str]:
        """Return (vhost, queue).

        Raises:
            ValueError: the connection has no such virtual host.
        """
        if len(self._vhosts) == 1:
            return self._vhosts[0], name
        vhost, slash, queue = name.partition("/")
        if not slash or unquote(vhost) not in self._vhosts:
            forms = ", ".join(f"{_escaped(known)}/..." for known in self._vhosts)
            raise ValueError(f"with several virtual hosts, use {forms}")
        return unquote(vhost), queue


def name_problem(queue: str, *, new: bool) -> str | None:
    """Return why RabbitMQ does not allow a queue of this name; None if it does."""
    if not queue:
        return "the name is empty"
    try:
        size = len(queue.encode())
    except UnicodeEncodeError:
        return "the name is not UTF-8"
    if size > NAME_BYTES_MAX:
        return f"a name has at most {NAME_BYTES_MAX} bytes"
    if "\n" in queue or "\r" in queue:
        return "the broker removes line breaks from names"
    if new and queue.startswith(RESERVED):
        return f"names that start with {RESERVED} are reserved for the broker"
    return None


def _escaped(vhost: str) -> str:
    return vhost.replace("%", "%25").replace("/", "%2F")
