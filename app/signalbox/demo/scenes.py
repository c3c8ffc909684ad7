"""What runs in the demo. A feature that wants something true to show adds its scene here."""

from collections.abc import Callable, Sequence

from signalbox.brokers.settings import ConnectionSettings
from signalbox.demo.service import Shop
from signalbox.kernel.service import Service

SCENES: Sequence[Callable[[Sequence[ConnectionSettings]], Service]] = (Shop,)
