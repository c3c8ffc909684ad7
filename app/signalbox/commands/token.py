"""`signalbox token`: list, create and revoke API tokens."""

from collections.abc import Sequence

import click
import msgspec

from signalbox.commands.account_common import (
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
from signalbox.commands.user_output import describe_rights, token_table
from signalbox.kernel.clock import system_clock
from signalbox.security.accounts import actions
from signalbox.security.accounts.model import EVERYWHERE, TOKEN_DAYS_MAX, Token
from signalbox.security.door import Permit
from signalbox.security.model import Grant, Rights
from signalbox.web.security import serializers

DAYS = 30


@click.group("token")
def command() -> None:
    """List, create and revoke API tokens."""


@command.command("list")
@config_option
@json_option
@click.option("--user", "user_name", metavar="NAME", help="Only tokens of this user.")
def list_tokens(*, load: LoadConfiguration, as_json: bool, user_name: str | None) -> None:
    """List valid tokens."""

    async def read(context: Acting) -> Sequence[Token]:
        user = None if user_name is None else (await context.accounts.users.get_by_name(user_name)).id
        return await context.accounts.tokens.list_all(user)

    tokens = run_with_accounts(load(), read)
    if as_json:
        click.echo(msgspec.json.encode([serializers.token_out(token) for token in tokens]))
    else:
        click.echo(token_table(tokens, system_clock()) if tokens else "No tokens.")


@command.command("create")
@config_option
@name_argument
@click.option(
    "--user",
    "user_name",
    metavar="NAME",
    required=True,
    help="The user. The token never has more permissions than this user.",
)
@role_option
@click.option("--on", metavar="CONNECTION", help="Only on this connection.")
@payloads_option
@click.option(
    "--days",
    type=click.IntRange(1, TOKEN_DAYS_MAX),
    default=DAYS,
    show_default=True,
    help="Days until the token expires.",
)
def create(
    *, load: LoadConfiguration, name: str, user_name: str, role: str, on: str | None, payloads: bool, days: int
) -> None:
    """Create a token and print it, alone on stdout. It is shown only now."""
    configuration = load()
    grant = Grant(checked_role(role), payloads)
    resource = EVERYWHERE if on is None else configured_connection(on, configuration)
    max_rights = Rights(grant) if on is None else Rights(Grant(), {on: grant})

    async def run(context: Acting) -> tuple[str, str]:
        user = await context.accounts.users.get_by_name(user_name)

        async def create_token(permit: Permit) -> tuple[str, str]:
            tokens = context.accounts.tokens
            secret = await tokens.create(permit, user.id, name=name, grant=grant, resource=resource, days=days)
            rights = describe_rights(user.rights.capped(max_rights))
            return (
                secret,
                f"{permit.detail} expires in {days} days. With the current roles of {user.name} it is {rights}.",
            )

        return await context.act(actions.create_token(name.strip(), grant, resource, days), create_token)

    secret, sentence = run_with_accounts(configuration, run)
    print_secret(secret, sentence, "Copy the token now, it is not shown again:")


@command.command("revoke")
@config_option
@click.argument("token_id", metavar="ID", type=int)
def revoke(*, load: LoadConfiguration, token_id: int) -> None:
    """Revoke a token. `signalbox token list` shows its ID."""

    async def run(context: Acting) -> str:
        token = await context.accounts.tokens.get(token_id)
        await context.act(actions.revoke_token(token), lambda permit: context.accounts.tokens.revoke(permit, token))
        return f"{token.name} of {token.user_name} ({token.hint}) was revoked."

    echo(run_with_accounts(load(), run))
