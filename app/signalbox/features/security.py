"""Security: users, sessions, API tokens, single sign-on, masking rules and the audit log."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from signalbox.brokers.settings import ConnectionSettings
from signalbox.features.feature import Feature, Verb
from signalbox.kernel.configuration import ConfigFault, Configuration, Section
from signalbox.security.oidc.settings import OidcSettings, libraries_missing
from signalbox.web.settings import ServerSettings, is_loopback

if TYPE_CHECKING:
    from signalbox.core import Core
    from signalbox.web.feature import FeatureParts


def _build(core: "Core") -> "FeatureParts":
    from signalbox.web.security.feature import security_parts

    return security_parts(core)


def _check_oidc(configuration: Configuration) -> Iterator[ConfigFault]:
    if libraries_missing():
        extra = "the libraries for single sign-on, which are not installed: pip install 'signalbox-events[oidc]'"
        yield ConfigFault(key="oidc", expected=extra)
    server = configuration.one(ServerSettings)
    if (
        configuration.has_no_fault(ServerSettings)
        and server.base_url is None
        and not (is_loopback(server.host) and server.port)
    ):
        known = "an address such as https://signalbox.example.org, to which the provider of [oidc] sends browsers back"
        yield ConfigFault(key="server.base_url", expected=known, got="nothing")
    yield from _unknown_connections(configuration)


def _unknown_connections(configuration: Configuration) -> Iterator[ConfigFault]:
    names = [connection.name for connection in configuration.many(ConnectionSettings)]
    for table in configuration.many(OidcSettings):
        for index, role in enumerate(table.roles):
            for name in role.on:
                if name not in names:
                    near = get_close_matches(name, names, n=1)
                    yield ConfigFault(
                        key=f"oidc.roles[{index}].on",
                        expected="names of connections",
                        got=repr(name)[:60],
                        nearest=near[0] if near else "",
                    )


def _audit() -> click.Command:
    from signalbox.commands.audit import command

    return command


def _user() -> click.Command:
    from signalbox.commands.user import command

    return command


def _token() -> click.Command:
    from signalbox.commands.token import command

    return command


SECURITY = Feature(
    name="security",
    sections=(Section(key="oidc", model=OidcSettings, check=_check_oidc),),
    verbs=(
        Verb(name="audit", help="Verify, sign, export and seal the audit log", load=_audit),
        Verb(name="user", help="Manage users, and restore an admin's access", load=_user),
        Verb(name="token", help="List, create and revoke API tokens", load=_token),
    ),
    build=_build,
)
