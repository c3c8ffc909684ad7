"""The role table of a user: rights as rows of radio buttons, and the submitted form as rights. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signalbox.security.accounts.model import EVERYWHERE
from signalbox.security.errors import RequestRejected
from signalbox.security.model import Grant, Rights, Role, parse_role

Form = Mapping[str, str]

ROLES = tuple(role.label for role in Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRow:
    """The role on one connection, or everywhere else."""

    label: str
    role_field: str
    payloads_field: str
    role: str
    payloads: bool
    fixed: bool  # the last admin's role cannot be changed


def resource_names(configured: Sequence[str], rights: Rights) -> tuple[str, ...]:
    """Return the configured connections, then those that only the rights still name."""
    return (*configured, *(name for name in sorted(rights.on) if name not in configured))


def role_rows(rights: Rights, resources: Sequence[str], *, last_admin: bool) -> tuple[RoleRow, ...]:
    """Return one row for each resource, then one for everywhere else."""
    rows = [_row(name, name, rights.grant(name), fixed=False) for name in resources]
    label = "everywhere else" if resources else "everywhere"
    return (*rows, _row(label, EVERYWHERE, rights.everywhere, fixed=last_admin))


def rights_from_form(form: Form, resources: Sequence[str]) -> Rights:
    """Return the rights that a form grants.

    Raises:
        RequestRejected: a row is missing or has no role, because connections changed after the page was loaded.
    """
    everywhere = _grant(form, EVERYWHERE)
    on = {name: _grant(form, name) for name in resources}
    return Rights(everywhere, {name: grant for name, grant in on.items() if grant != everywhere})


def _row(label: str, resource: str, grant: Grant, *, fixed: bool) -> RoleRow:
    return RoleRow(
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
            "The connections changed after this page was loaded. Reload the page, then choose the roles again."
        )
    return Grant(role, form.get(_payloads_field(resource)) == "true")


def _role_field(resource: str) -> str:
    return f"role/{resource}"


def _payloads_field(resource: str) -> str:
    return f"payloads/{resource}"
