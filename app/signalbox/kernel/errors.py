"""The root of the error tree. Knows none of the product's subjects.

SignalboxError
├── ConfigurationError   faults of signalbox.toml, all at once (app/signalbox/config.py)
├── BrokerError          what a broker or the way to it refused (app/signalbox/brokers/errors.py)
├── SecurityError        what may not be done, or not as asked (app/signalbox/security/errors.py)
└── Unavailable
    └── StorageError     what our own database refused (app/signalbox/storage/errors.py)
"""


class SignalboxError(Exception):
    """What Signalbox itself raises. `str(error)` is a sentence fit for a page, free of secrets."""


class Unavailable(SignalboxError):
    """Something that Signalbox cannot do without does not do its part just now; asking again may help."""
