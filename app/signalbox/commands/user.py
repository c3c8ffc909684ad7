"""`signalbox user`: list, invite, change and remove users, and let an admin in again who cannot sign in."""

from collections.abc import Sequence

import click
import msgspec

from signalbox.commands.acting import Acting
from signalbox.commands.deeds import ROLES, done, hand_over, name_argument, payloads_option, role_of, role_option, say
from signalbox.commands.naming import connection_named
from signalbox.commands.options import LoadConfiguration, config_option, json_option
from signalbox.commands.people import may, user_data, user_table
from signalbox.kernel.clock import system_clock
from signalbox.kernel.configuration import Configuration
from signalbox.security.accounts import actions
from signalbox.security.accounts.model import User, normalized_user_name
from signalbox.security.model import REASON_LENGTH_MAX, Grant, Rights, Role
from signalbox.web import urls
from signalbox.web.settings import ServerSettings

ROLES_OR_NONE = [Role.NONE.label, *ROLES]
ONCE = "This link sets the password, once, within 24 h. It is shown nowhere again:"


def _reason(_: click.Context, __: click.Parameter, value: str) -> str:
    reason = value.strip()
    if not 1 <= len(reason) <= REASON_LENGTH_MAX:
        raise click.BadParameter(f"expected 1 to {REASON_LENGTH_MAX} characters, got {len(reason)}")
    return reason


reason_option = click.option("--reason", required=True, callback=_reason, help="Kept in the audit log.")
on_option = click.option("--on", multiple=True, metavar="CONNECTION", help="On this connection only; may be repeated.")


@click.group("user")
def command() -> None:
    """List, invite, change and remove users, and let an admin in again."""


@command.command("list")
@config_option
@json_option
def list_users(*, load: LoadConfiguration, as_json: bool) -> None:
    """Print who may come in, and what they may."""

    async def read(here: Acting) -> Sequence[User]:
        return await here.accounts.users.list_all()

    users = done(load(), read)
    if as_json:
        click.echo(msgspec.json.encode([user_data(user) for user in users]))
    else:
        click.echo(user_table(users, system_clock()) if users else "There are no users.")


@command.command("invite")
@config_option
@name_argument
@role_option
@on_option
@payloads_option
def invite(*, load: LoadConfiguration, name: str, role: str, on: Sequence[str], payloads: bool) -> None:
    """Add a user and print a one-time link."""
    configuration = load()
    rights = _rights(configuration, role, on, payloads=payloads)

    async def run(here: Acting) -> tuple[str, str]:
        tidy = normalized_user_name(name)
        invited = actions.invite_user(tidy, rights)
        return tidy, await here.act(invited, lambda permit: here.accounts.users.invite(permit, tidy, rights))

    tidy, secret = done(configuration, run)
    _hand_over_link(configuration, secret, f"{tidy} is invited: {may(rights)}.")


@command.command("add")
@config_option
@name_argument
@role_option
@on_option
@payloads_option
def add(*, load: LoadConfiguration, name: str, role: str, on: Sequence[str], payloads: bool) -> None:
    """Add a user who comes in by tokens only: a program."""
    configuration = load()
    rights = _rights(configuration, role, on, payloads=payloads)

    async def run(here: Acting) -> str:
        tidy = normalized_user_name(name)
        users = here.accounts.users
        await here.act(actions.add_user(tidy, rights), lambda permit: users.add_token_only(permit, tidy, rights))
        return tidy

    say(f"{done(configuration, run)} is added: {may(rights)}. Make a token: signalbox token create.")


@command.command("role")
@config_option
@name_argument
@click.option(
    "--role", type=click.Choice(ROLES_OR_NONE), required=True, help="What they may wherever no --on says otherwise."
)
@click.option("--on", multiple=True, metavar="CONNECTION=ROLE", help="What differs on a connection; may be repeated.")
@payloads_option
@reason_option
def change_role(
    *, load: LoadConfiguration, name: str, role: str, on: Sequence[str], payloads: bool, reason: str
) -> None:
    """Replace all that a user may. Their sessions end."""
    configuration = load()
    rights = Rights(_grant(role, payloads=payloads), _differing(configuration, on, payloads=payloads))

    async def run(here: Acting) -> str:
        user = await here.accounts.users.get_by_name(name)
        changed = actions.change_rights(user.name, user.rights, rights, reason)
        await here.act(changed, lambda permit: here.accounts.users.set_rights(permit, user, rights))
        return f"{user.name} is {may(rights)}. Their sessions ended."

    say(done(configuration, run))


@command.command("link")
@config_option
@name_argument
def link(*, load: LoadConfiguration, name: str) -> None:
    """Print a new one-time link. It sets the password; older links are worth nothing then."""
    configuration = load()

    async def run(here: Acting) -> str:
        user = await here.accounts.users.get_by_name(name)
        made = actions.create_link(user.name)
        return await here.act(made, lambda permit: here.accounts.users.create_link(permit, user))

    _hand_over_link(configuration, done(configuration, run))


@command.command("unlock")
@config_option
@name_argument
def unlock(*, load: LoadConfiguration, name: str) -> None:
    """Forget the wrong passwords that were tried by this name."""

    async def run(here: Acting) -> str:
        user = await here.accounts.users.get_by_name(name)
        await here.act(actions.unlock_user(user.name), lambda permit: here.accounts.limits.unlock(permit, user.name))
        return f"{user.name} is locked nowhere."

    say(done(load(), run))


@command.command("end-sessions")
@config_option
@name_argument
def end_sessions(*, load: LoadConfiguration, name: str) -> None:
    """Sign a user out of every browser."""

    async def run(here: Acting) -> str:
        user = await here.accounts.users.get_by_name(name)
        ended = actions.end_sessions(user.name)
        number = await here.act(ended, lambda permit: here.accounts.sessions.end_all(permit, user.id))
        return f"Sessions of {user.name} that ended: {number}."

    say(done(load(), run))


@command.command("remove")
@config_option
@name_argument
@reason_option
def remove(*, load: LoadConfiguration, name: str, reason: str) -> None:
    """Remove a user with sessions, tokens and links."""

    async def run(here: Acting) -> str:
        user = await here.accounts.users.get_by_name(name)
        removed = actions.remove_user(user.name, reason)
        await here.act(removed, lambda permit: here.accounts.users.remove(permit, user))
        return f"{user.name} is removed."

    say(done(load(), run))


@command.command("reset-admin")
@config_option
@name_argument
def reset_admin(*, load: LoadConfiguration, name: str) -> None:
    """Make a user admin, and print a one-time link. They are added if there is no such user."""
    configuration = load()

    async def run(here: Acting) -> tuple[str, str]:
        tidy = normalized_user_name(name)
        reset = actions.reset_admin(tidy)
        return tidy, await here.act(reset, lambda permit: here.accounts.users.reset_admin(permit, tidy))

    tidy, secret = done(configuration, run)
    _hand_over_link(configuration, secret, f"{tidy} is admin everywhere, and signed out wherever they were signed in.")


def _rights(configuration: Configuration, role: str, on: Sequence[str], *, payloads: bool) -> Rights:
    """Return a role on these connections and none elsewhere; without any, everywhere."""
    grant = _grant(role, payloads=payloads)
    names = [connection_named(name, configuration) for name in on]
    return Rights(Grant(), dict.fromkeys(names, grant)) if names else Rights(grant)


def _differing(configuration: Configuration, on: Sequence[str], *, payloads: bool) -> dict[str, Grant]:
    found: dict[str, Grant] = {}
    for text in on:
        name, _, word = text.rpartition("=")
        if word not in ROLES_OR_NONE:
            expected = f"CONNECTION=ROLE, the role being one of {', '.join(ROLES_OR_NONE)}"
            raise click.UsageError(f"--on: expected {expected}; got {text!r}")
        if connection_named(name, configuration) in found:
            raise click.UsageError(f"--on: {name} is given twice")
        found[name] = _grant(word, payloads=payloads)
    return found


def _grant(word: str, *, payloads: bool) -> Grant:
    role = role_of(word)
    return Grant(role, payloads=payloads and role is not Role.NONE)


def _hand_over_link(configuration: Configuration, secret: str, *sentences: str) -> None:
    if configuration.one(ServerSettings).port == 0 and configuration.one(ServerSettings).base_url is None:
        sentences = (*sentences, "[server] port is 0: put the port into it that signalbox serve has printed.")
    hand_over(configuration.one(ServerSettings).address.rstrip("/") + urls.join(secret), *sentences, ONCE)
