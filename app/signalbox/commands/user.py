"""`signalbox user`: manage users, and restore an admin's access."""

from collections.abc import Sequence

import click
import msgspec

from signalbox.commands.account_common import (
    ROLES,
    checked_role,
    echo,
    name_argument,
    payloads_option,
    print_secret,
    role_option,
    run_with_accounts,
)
from signalbox.commands.acting import Acting
from signalbox.commands.names import configured_connection
from signalbox.commands.options import LoadConfiguration, config_option, json_option
from signalbox.commands.user_output import describe_rights, user_table
from signalbox.kernel.clock import system_clock
from signalbox.kernel.configuration import Configuration
from signalbox.security.accounts import actions
from signalbox.security.accounts.model import User, normalized_user_name
from signalbox.security.model import REASON_LENGTH_MAX, Grant, Rights, Role
from signalbox.web import urls
from signalbox.web.security import serializers
from signalbox.web.settings import ServerSettings

ROLES_OR_NONE = [Role.NONE.label, *ROLES]
LINK_HINT = "One-time link to set the password. It works once, expires in 24 h, and is shown only now:"


def _reason(_: click.Context, __: click.Parameter, value: str) -> str:
    reason = value.strip()
    if not 1 <= len(reason) <= REASON_LENGTH_MAX:
        raise click.BadParameter(f"Expected 1 to {REASON_LENGTH_MAX} characters, got {len(reason)}.")
    return reason


reason_option = click.option("--reason", required=True, callback=_reason, help="Recorded in the audit log.")
on_option = click.option("--on", multiple=True, metavar="CONNECTION", help="Only on this connection. Can be repeated.")


@click.group("user")
def command() -> None:
    """Manage users, and restore an admin's access."""


@command.command("list")
@config_option
@json_option
def list_users(*, load: LoadConfiguration, as_json: bool) -> None:
    """List users with their roles."""

    async def read(context: Acting) -> Sequence[User]:
        return await context.accounts.users.list_all()

    users, now = run_with_accounts(load(), read), system_clock()
    if as_json:
        click.echo(msgspec.json.encode([serializers.user_out(user, now) for user in users]))
    else:
        click.echo(user_table(users, now) if users else "No users.")


@command.command("invite")
@config_option
@name_argument
@role_option
@on_option
@payloads_option
def invite(*, load: LoadConfiguration, name: str, role: str, on: Sequence[str], payloads: bool) -> None:
    """Add a user and print a one-time link to set the password."""
    configuration = load()
    rights = _rights(configuration, role, on, payloads=payloads)

    async def run(context: Acting) -> tuple[str, str]:
        user_name = normalized_user_name(name)
        action = actions.invite_user(user_name, rights)
        users = context.accounts.users
        return user_name, await context.act(action, lambda permit: users.invite(permit, user_name, rights))

    user_name, secret = run_with_accounts(configuration, run)
    _print_link(configuration, secret, f"{user_name} was invited: {describe_rights(rights)}.")


@command.command("add")
@config_option
@name_argument
@role_option
@on_option
@payloads_option
def add(*, load: LoadConfiguration, name: str, role: str, on: Sequence[str], payloads: bool) -> None:
    """Add a user for a program: the user has API tokens and no password."""
    configuration = load()
    rights = _rights(configuration, role, on, payloads=payloads)

    async def run(context: Acting) -> str:
        user_name = normalized_user_name(name)
        action = actions.add_user(user_name, rights)
        users = context.accounts.users
        await context.act(action, lambda permit: users.add_token_only(permit, user_name, rights))
        return f"{user_name} was added: {describe_rights(rights)}. Create a token: signalbox token create."

    echo(run_with_accounts(configuration, run))


@command.command("role")
@config_option
@name_argument
@click.option(
    "--role",
    type=click.Choice(ROLES_OR_NONE),
    required=True,
    help="Role on all connections without an --on of their own.",
)
@click.option(
    "--on",
    multiple=True,
    metavar="CONNECTION=ROLE",
    help="Role on one connection, for example kafka-prod=operator. Can be repeated.",
)
@payloads_option
@reason_option
def change_role(
    *, load: LoadConfiguration, name: str, role: str, on: Sequence[str], payloads: bool, reason: str
) -> None:
    """Replace all roles of a user. This ends their sessions."""
    configuration = load()
    rights = Rights(_grant(role, payloads=payloads), _differing(configuration, on, payloads=payloads))

    async def run(context: Acting) -> str:
        user = await context.accounts.users.get_by_name(name)
        action = actions.change_rights(user.name, user.rights, rights, reason)
        await context.act(action, lambda permit: context.accounts.users.set_rights(permit, user, rights))
        return f"{user.name} is now {describe_rights(rights)}. Sessions of this user were signed out."

    echo(run_with_accounts(configuration, run))


@command.command("link")
@config_option
@name_argument
def link(*, load: LoadConfiguration, name: str) -> None:
    """Print a new one-time link to set the password. It revokes older links."""
    configuration = load()

    async def run(context: Acting) -> str:
        user = await context.accounts.users.get_by_name(name)
        action = actions.create_link(user.name)
        return await context.act(action, lambda permit: context.accounts.users.create_link(permit, user))

    _print_link(configuration, run_with_accounts(configuration, run))


@command.command("unlock")
@config_option
@name_argument
def unlock(*, load: LoadConfiguration, name: str) -> None:
    """Unlock a user after too many wrong passwords."""

    async def run(context: Acting) -> str:
        user = await context.accounts.users.get_by_name(name)
        await context.act(
            actions.unlock_user(user.name), lambda permit: context.accounts.limits.unlock(permit, user.name)
        )
        return f"{user.name} is unlocked for every IP address."

    echo(run_with_accounts(load(), run))


@command.command("end-sessions")
@config_option
@name_argument
def end_sessions(*, load: LoadConfiguration, name: str) -> None:
    """Sign a user out of every browser."""

    async def run(context: Acting) -> str:
        user = await context.accounts.users.get_by_name(name)
        action = actions.end_sessions(user.name)
        ended = await context.act(action, lambda permit: context.accounts.sessions.end_all(permit, user.id))
        return f"{user.name} was signed out. Sessions ended: {ended}."

    echo(run_with_accounts(load(), run))


@command.command("remove")
@config_option
@name_argument
@reason_option
def remove(*, load: LoadConfiguration, name: str, reason: str) -> None:
    """Remove a user with sessions, tokens and links."""

    async def run(context: Acting) -> str:
        user = await context.accounts.users.get_by_name(name)
        action = actions.remove_user(user.name, reason)
        await context.act(action, lambda permit: context.accounts.users.remove(permit, user))
        return f"{user.name} was removed."

    echo(run_with_accounts(load(), run))


@command.command("reset-admin")
@config_option
@name_argument
def reset_admin(*, load: LoadConfiguration, name: str) -> None:
    """Make a user admin, adding the user if needed, and print a one-time link to set the password."""
    configuration = load()

    async def run(context: Acting) -> tuple[str, str]:
        user_name = normalized_user_name(name)
        action = actions.reset_admin(user_name)
        return user_name, await context.act(
            action, lambda permit: context.accounts.users.reset_admin(permit, user_name)
        )

    user_name, secret = run_with_accounts(configuration, run)
    _print_link(configuration, secret, f"{user_name} is now admin everywhere. All their sessions ended.")


def _rights(configuration: Configuration, role: str, on: Sequence[str], *, payloads: bool) -> Rights:
    """Return the role on these connections and none elsewhere; without connections, everywhere."""
    grant = _grant(role, payloads=payloads)
    names = [configured_connection(name, configuration) for name in on]
    return Rights(Grant(), dict.fromkeys(names, grant)) if names else Rights(grant)


def _differing(configuration: Configuration, on: Sequence[str], *, payloads: bool) -> dict[str, Grant]:
    grants: dict[str, Grant] = {}
    for text in on:
        name, _, word = text.rpartition("=")
        if word not in ROLES_OR_NONE:
            expected = f"CONNECTION=ROLE with a role of {', '.join(ROLES_OR_NONE)}"
            raise click.UsageError(f"--on: Expected {expected}. Got {text!r}.")
        if configured_connection(name, configuration) in grants:
            raise click.UsageError(f"--on: {name} is given twice.")
        grants[name] = _grant(word, payloads=payloads)
    return grants


def _grant(word: str, *, payloads: bool) -> Grant:
    role = checked_role(word)
    return Grant(role, payloads=payloads and role is not Role.NONE)


def _print_link(configuration: Configuration, secret: str, *sentences: str) -> None:
    if configuration.one(ServerSettings).port == 0 and configuration.one(ServerSettings).base_url is None:
        sentences = (
            *sentences,
            "[server] port is 0. Replace the port in the link with the one that signalbox serve printed.",
        )
    print_secret(configuration.one(ServerSettings).address.rstrip("/") + urls.join(secret), *sentences, LINK_HINT)
