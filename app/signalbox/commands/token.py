"""`signalbox token`: list, create and revoke tokens for programs."""

from collections.abc import Sequence

import click
import msgspec

from signalbox.commands.acting import Acting
from signalbox.commands.deeds import done, hand_over, name_argument, payloads_option, role_of, role_option, say
from signalbox.commands.naming import connection_named
from signalbox.commands.options import LoadConfiguration, config_option, json_option
from signalbox.commands.people import may, token_data, token_table
from signalbox.kernel.clock import system_clock
from signalbox.security.accounts import actions
from signalbox.security.accounts.model import EVERYWHERE, TOKEN_DAYS_MAX, Token
from signalbox.security.door import Permit
from signalbox.security.model import Grant, Rights

DAYS = 30


@click.group("token")
def command() -> None:
    """List, create and revoke tokens for programs."""


@command.command("list")
@config_option
@json_option
@click.option("--user", "user_name", metavar="NAME", help="Only this user's.")
def list_tokens(*, load: LoadConfiguration, as_json: bool, user_name: str | None) -> None:
    """Print the tokens that have not ended."""

    async def read(here: Acting) -> Sequence[Token]:
        user = None if user_name is None else (await here.accounts.users.get_by_name(user_name)).id
        return await here.accounts.tokens.list_all(user)

    tokens = done(load(), read)
    if as_json:
        click.echo(msgspec.json.encode([token_data(token) for token in tokens]))
    else:
        click.echo(token_table(tokens, system_clock()) if tokens else "There are no tokens.")


@command.command("create")
@config_option
@name_argument
@click.option(
    "--user", "user_name", metavar="NAME", required=True, help="Whose it is: it may never more than they may."
)
@role_option
@click.option("--on", metavar="CONNECTION", help="On this connection only.")
@payloads_option
@click.option(
    "--days", type=click.IntRange(1, TOKEN_DAYS_MAX), default=DAYS, show_default=True, help="Until it ends by itself."
)
def create(
    *, load: LoadConfiguration, name: str, user_name: str, role: str, on: str | None, payloads: bool, days: int
) -> None:
    """Print a new token, alone on stdout. It is shown nowhere again."""
    configuration = load()
    grant = Grant(role_of(role), payloads)
    resource = EVERYWHERE if on is None else connection_named(on, configuration)
    most = Rights(grant) if on is None else Rights(Grant(), {on: grant})

    async def run(here: Acting) -> tuple[str, str]:
        user = await here.accounts.users.get_by_name(user_name)

        async def make(permit: Permit) -> tuple[str, str]:
            tokens = here.accounts.tokens
            made = await tokens.create(permit, user.id, name=name, grant=grant, resource=resource, days=days)
            now = may(user.rights.capped(most))
            return made, f"{permit.detail} ends after {days} days. As {user.name} is now, it may: {now}."

        return await here.act(actions.create_token(name.strip(), grant, resource, days), make)

    secret, sentence = done(configuration, run)
    hand_over(secret, sentence, "It is shown nowhere again:")


@command.command("revoke")
@config_option
@click.argument("token_id", metavar="ID", type=int)
def revoke(*, load: LoadConfiguration, token_id: int) -> None:
    """End a token at once. `signalbox token list` shows its ID."""

    async def run(here: Acting) -> str:
        token = await here.accounts.tokens.get(token_id)
        await here.act(actions.revoke_token(token), lambda permit: here.accounts.tokens.revoke(permit, token))
        return f"{token.name} of {token.user_name} ({token.hint}) is revoked."

    say(done(load(), run))
