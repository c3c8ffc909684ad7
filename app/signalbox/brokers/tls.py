"""TLS towards a broker, the same for every kind that signs in with files: whom we trust, and what we show of ourselves."""

import ssl
from pathlib import Path
from typing import Protocol

from signalbox.brokers.errors import CertificateRefused


class TlsFiles(Protocol):
    """The TLS keys of a connection's settings. Files are PEM; without `ca_file` the system's authorities are trusted."""

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
    """Return what connections are checked by. Blocks on small files: call it in a thread.

    Raises:
        CertificateRefused: a file cannot be read or is no PEM file, or the key has a passphrase.
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
            f"the TLS files cannot be loaded ({files}): {reason}.",
            "ca_file, cert_file and key_file are readable PEM files; the key fits the certificate and has no passphrase.",
        ) from None
    if settings.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _no_passphrase() -> str:
    """Without this OpenSSL asks the terminal, and waits."""
    raise ValueError("the key has a passphrase")
