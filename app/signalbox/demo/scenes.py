"""The services of the demo. A feature that needs real data on its pages adds a scene here."""

from collections.abc import Callable, Sequence

from signalbox.brokers.settings import ConnectionSettings
from signalbox.demo.service import Shop
from signalbox.kernel.service import Service

SCENES: Sequence[Callable[[Sequence[ConnectionSettings]], Service]] = (Shop,)
