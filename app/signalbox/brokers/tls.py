"""TLS contexts for connections to brokers: trusted authorities and our client certificate."""

import ssl
from pathlib import Path
from typing import Protocol

from signalbox.brokers.errors import CertificateRefused


class TlsFiles(Protocol):
    """The TLS settings of a connection. Files are PEM; without `ca_file` the system's authorities are trusted."""

    @property
    def name(self) -> str: ...
    @property
    def ca_file(self) -> Path | None: ...
    @property
    def cert_file(self) -> Path | None: ...
    @property
    def key_file(self) -> Path | None: ...
    @property
    def insecure_skip_verify(self) -> bool: ...


def tls_context(settings: TlsFiles) -> ssl.SSLContext:
    """Return the TLS context of a connection. Reads files: call it in a thread.

    Raises:
        CertificateRefused: a file cannot be read or is not PEM, or the key has a passphrase.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file, password=_no_passphrase)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        files = ", ".join(str(file) for file in (settings.ca_file, settings.cert_file, settings.key_file) if file)
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise CertificateRefused(
            settings.name,
            f"Cannot load the TLS files ({files}): {reason}.",
            "ca_file, cert_file and key_file must be readable PEM files; the key must match the certificate and have no passphrase.",
        ) from None
    if settings.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _no_passphrase() -> str:
    """Refuse instead of letting OpenSSL prompt on the terminal and wait."""
    raise ValueError("the key has a passphrase")
