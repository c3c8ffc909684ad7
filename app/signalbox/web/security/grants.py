"""The table of roles: rights as rows of radio buttons, and the form that comes back as rights. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signalbox.security.accounts.model import EVERYWHERE
from signalbox.security.errors import RequestRejected
from signalbox.security.model import Grant, Rights, Role, parse_role

Form = Mapping[str, str]

ROLES = tuple(role.label for role in Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRow:
    """One line of the table: what holds on one connection, or everywhere else."""

    label: str
    role_field: str
    payloads_field: str
    role: str
    payloads: bool
    fixed: bool  # the last admin's: no other role may be chosen


def resources_of(configured: Sequence[str], rights: Rights) -> tuple[str, ...]:
    """Return what has a row of its own: each connection, and what rights still name though it is configured no more."""
    return (*configured, *(name for name in sorted(rights.on) if name not in configured))


def rows_of(rights: Rights, resources: Sequence[str], *, last_admin: bool) -> tuple[GrantRow, ...]:
    """Return the table's rows; the last is what holds everywhere else."""
    each = [_row(name, name, rights.grant(name), fixed=False) for name in resources]
    label = "everywhere else" if resources else "everywhere"
    return (*each, _row(label, EVERYWHERE, rights.everywhere, fixed=last_admin))


def rights_from(form: Form, resources: Sequence[str]) -> Rights:
    """Return the rights that a form gives.

    Raises:
        RequestRejected: a row is missing, or holds no role: the page was drawn before a connection came or went.
    """
    everywhere = _grant(form, EVERYWHERE)
    on = {name: _grant(form, name) for name in resources}
    return Rights(everywhere, {name: grant for name, grant in on.items() if grant != everywhere})


def _row(label: str, resource: str, grant: Grant, *, fixed: bool) -> GrantRow:
    return GrantRow(
        label=label,
        role_field=_role_field(resource),
        payloads_field=_payloads_field(resource),
        role=grant.role.label,
        payloads=grant.payloads,
        fixed=fixed,
    )


def _grant(form: Form, resource: str) -> Grant:
    word = form.get(_role_field(resource))
    role = parse_role(word) if isinstance(word, str) else None
    if role is None:
        raise RequestRejected(
            "The connections are not what they were when this page was drawn. Load it again, then choose."
        )
    return Grant(role, form.get(_payloads_field(resource)) == "true")


def _role_field(resource: str) -> str:
    return f"role/{resource}"


def _payloads_field(resource: str) -> str:
    return f"payloads/{resource}"
