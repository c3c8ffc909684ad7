"""Certificates of a throw-away authority, as files, for servers and clients under test."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate (with its chain) and its key, as PEM files."""

    cert_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Everything that TLS can go right or wrong with. Paths of PEM files."""

    ca_file: Path  # whom the server and the client trust
    foreign_ca_file: Path  # another authority, which signed nothing of the server's
    server: Identity  # for 127.0.0.1 and localhost
    wrong_name: Identity  # by the same authority, for another host
    client: Identity  # by the same authority, common name "signalbox"
    foreign_client: Identity  # by the other authority


def issue(folder: Path) -> Certificates:
    """Make an authority, another one, and every identity, in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    ours, theirs = trustme.CA(), trustme.CA()
    for name, authority in (("ca", ours), ("foreign-ca", theirs)):
        authority.cert_pem.write_to_path(folder / f"{name}.pem")
    return Certificates(
        ca_file=folder / "ca.pem",
        foreign_ca_file=folder / "foreign-ca.pem",
        server=_write(ours.issue_cert("127.0.0.1", "localhost"), folder, "server"),
        wrong_name=_write(ours.issue_cert("elsewhere.example"), folder, "wrong-name"),
        client=_write(ours.issue_cert("client.example", common_name="signalbox"), folder, "client"),
        foreign_client=_write(theirs.issue_cert("client.example", common_name="signalbox"), folder, "foreign-client"),
    )


def _write(issued: trustme.LeafCert, folder: Path, name: str) -> Identity:
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key_file)
    for path in (cert_file, key_file):
        path.chmod(0o644)  # a server under another account must read its own; these are thrown away
    return Identity(cert_file=cert_file, key_file=key_file)
