"""The root of the error tree.

SignalboxError
├── ConfigurationError   every fault of signalbox.toml, reported at once (app/signalbox/config.py)
├── BrokerError          a broker, or the network path to a broker, failed (app/signalbox/brokers/errors.py)
├── SecurityError        the action is not allowed, or the request is not valid (app/signalbox/security/errors.py)
└── Unavailable
    └── StorageError     Signalbox's own database failed (app/signalbox/storage/errors.py)
"""


class SignalboxError(Exception):
    """An error that Signalbox raises. `str(error)` is a sentence for a page and holds no secrets."""


class Unavailable(SignalboxError):
    """Signalbox cannot work without a service that fails at the moment. A retry may succeed."""
