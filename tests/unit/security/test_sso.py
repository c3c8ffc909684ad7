"""Rights from claims, the redirect, and the cookie of single sign-on, without a provider."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config import ConfigurationError, load
from signalbox.kernel.configuration import Configuration
from signalbox.security.accounts.model import grant_rows
from signalbox.security.accounts.model import rights_from_grants as rights_of_rows
from signalbox.security.model import Grant, Role
from signalbox.security.oidc import settings as oidc_settings
from signalbox.security.oidc.cookie import SignInCookie
from signalbox.security.oidc.errors import (
    AnswerNotTrusted,
    ClientRejected,
    ProviderError,
    SignInCanceled,
    SignInNotPending,
)
from signalbox.security.oidc.model import SIGN_IN_TIMEOUT_S, authorization_code, new_pending_sign_in, rights_from_claim
from signalbox.security.oidc.settings import OidcSettings, RoleSettings, is_safe_url
from signalbox.web.settings import ServerSettings

ISSUER = "https://login.example.org"
KAFKA = '[[connections]]\nname = "kafka-prod"\nkind = "kafka"\nbootstrap = ["127.0.0.1:9092"]\n'
OIDC = f'[oidc]\nissuer = "{ISSUER}"\nclient_id = "signalbox"\n'
ADMINS = '[[oidc.roles]]\nvalue = "platform"\nrole = "admin"\n'


def read(folder: Path, text: str, *, mode: int = 0o600) -> Configuration:
    path = folder / "signalbox.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return load(path, {"SECRET": "from-outside"})


def faults(folder: Path, text: str, *, mode: int = 0o600) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(folder, text, mode=mode)
    return str(raised.value)


def table(value: str, role: str, *on: str, payloads: bool = False) -> RoleSettings:
    return RoleSettings.model_validate({"value": value, "role": role, "on": on, "payloads": payloads})


def test_every_role_literal_is_a_role() -> None:
    assert [table("x", word).grant.role for word in ("viewer", "operator", "admin")] == [*Role][1:]


def test_rights_are_united_by_part_and_everywhere_applies_to_connections() -> None:
    roles = (
        table("support", "viewer", payloads=True),
        table("*-leads", "operator", "kafka-prod", "nats-edge"),
        table("billing-*", "viewer", "kafka-prod"),
        table("admins", "admin"),
    )
    rights = rights_from_claim(["billing-leads", "support", "Admins"], roles)  # case counts
    assert rights.everywhere == Grant(Role.VIEWER, payloads=True)
    both = Grant(Role.OPERATOR, payloads=True)
    assert dict(rights.on) == {"kafka-prod": both, "nats-edge": both}
    assert not rights_from_claim(["other"], roles).allows_anything
    assert not rights_from_claim([], roles).allows_anything


NAMES = st.sampled_from(["a", "b", "c"])
TABLES = st.builds(
    table, NAMES, st.sampled_from(["viewer", "operator", "admin"]), NAMES, payloads=st.booleans()
) | st.builds(table, NAMES, st.sampled_from(["viewer", "operator", "admin"]), payloads=st.booleans())


@given(st.lists(TABLES, max_size=6), st.sets(NAMES))
def test_rights_round_trip_and_more_values_never_reduce_rights(roles: list[RoleSettings], values: set[str]) -> None:
    rights = rights_from_claim(values, roles)
    assert rights_of_rows(grant_rows(rights)) == rights  # else each sign-in would end all sessions
    more = rights_from_claim({*values, "a"}, roles)
    for name in (None, "a", "b", "c", "d"):
        assert more.role(name) >= rights.role(name)
        assert more.grant(name).payloads >= rights.grant(name).payloads


def test_redirect_is_validated_before_use() -> None:
    kept = new_pending_sign_in("/")
    right = {"state": kept.state, "code": "c", "iss": ISSUER}

    def code(changed: dict[str, str | None], *, names_issuer: bool = True) -> str:
        answer = {name: value for name, value in {**right, **changed}.items() if value is not None}
        return authorization_code(answer, kept, issuer=ISSUER, names_issuer=names_issuer)

    assert code({}) == "c"
    assert code({"iss": None}, names_issuer=False) == "c"
    cases: list[tuple[dict[str, str | None], type[Exception]]] = [
        ({"state": "\ud800"}, SignInNotPending),
        ({"state": None, "error": "access_denied"}, SignInNotPending),
        ({"iss": None}, AnswerNotTrusted),
        ({"iss": ISSUER + "/"}, AnswerNotTrusted),
        ({"error": "access_denied"}, SignInCanceled),
        ({"error": "unauthorized_client"}, ClientRejected),
        ({"error": "server_error"}, ProviderError),
        ({"code": None}, ProviderError),
        ({"code": "x" * 5000}, ProviderError),
    ]
    for changed, error in cases:
        with pytest.raises(error):
            code(changed)


def test_cookie_is_encrypted_authenticated_and_expires() -> None:
    now = 1_000_000.0
    seal = SignInCookie(b"k" * 32, lambda: now)
    kept = new_pending_sign_in("/groups?q=é")
    closed = seal.encrypt(kept)
    assert seal.decrypt(closed) == kept
    assert len(seal.encrypt(new_pending_sign_in("/" + "x" * 999))) < 4000  # one cookie
    assert new_pending_sign_in("/" + "é" * 600).next == "/"
    assert kept.verifier not in closed
    for other in (None, "", closed[:-1], closed.swapcase(), SignInCookie(b"x" * 32, lambda: now).encrypt(kept), "é"):
        with pytest.raises(SignInNotPending):
            seal.decrypt(other)
    now += SIGN_IN_TIMEOUT_S + 1
    with pytest.raises(SignInNotPending):
        seal.decrypt(closed)


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://login.example.org/realms/x", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("http://login.example.org", False),
        ("http://127.0.0.1.evil.example", False),
        ("https://user@login.example.org", False),
        ("https://", False),
        ("https://[broken", False),
        ("https://a b", False),
        ("https://a\n.example", False),
        ("javascript:alert(1)", False),
        ("", False),
    ],
)
def test_secrets_go_by_tls_or_to_this_machine(address: str, safe: bool) -> None:
    assert is_safe_url(address) is safe


def test_no_sso_without_the_table(tmp_path: Path) -> None:
    assert read(tmp_path, "").optional(OidcSettings) is None


def test_settings_are_parsed_and_the_secret_is_hidden(tmp_path: Path) -> None:
    secret = 'client_secret = "${SECRET}"\n'
    on = '[[oidc.roles]]\nvalue = "*-leads"\nrole = "operator"\non = ["kafka-prod"]\npayloads = true\n'
    found = read(tmp_path, KAFKA + OIDC + secret + ADMINS + on, mode=0o644)
    oidc = found.one(OidcSettings)
    assert (oidc.claim, oidc.name_claim, oidc.host) == ("groups", "preferred_username", "login.example.org")
    assert oidc.roles[1].grant == Grant(Role.OPERATOR, payloads=True)
    assert "from-outside" not in repr(found)
    said = faults(tmp_path, OIDC + 'client_secret = "canary-1"\n' + ADMINS, mode=0o644)
    assert "oidc.client_secret" in said
    assert "canary-1" not in said


def test_all_faults_of_the_table_are_reported_at_once(tmp_path: Path) -> None:
    said = faults(
        tmp_path,
        '[oidc]\nissuer = "http://login.example.org"\nclient_idd = "x"\nscopes = ["profile"]\n'
        'ca_file = "/etc/hostname"\n[[oidc.roles]]\nvalue = "x"\nrolle = "admin"\n[[oidc.roles]]\nvalue = ""\nrole = "boss"\n',
    )
    for part in (
        "oidc.issuer: expected the provider's https address",
        "did you mean client_id?",
        "oidc.client_id: expected a value",
        'oidc.scopes: expected a list with "openid"',
        "oidc.ca_file: expected a readable PEM file",
        "oidc.roles[0].rolle",
        "did you mean role?",
        "oidc.roles[1].value",
        "oidc.roles[1].role: expected 'viewer', 'operator' or 'admin'",
    ):
        assert part in said
    assert "oidc.roles: expected a value" in faults(tmp_path, OIDC)


def test_role_on_an_unknown_connection_suggests_the_nearest(tmp_path: Path) -> None:
    said = faults(tmp_path, KAFKA + OIDC + '[[oidc.roles]]\nvalue = "x"\nrole = "viewer"\non = ["kafka-prd"]\n')
    assert "oidc.roles[0].on: expected names of connections, got 'kafka-prd' (did you mean kafka-prod?)" in said


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("", "http://127.0.0.1:8080"),
        ('[server]\nhost = "::1"\nport = 8090\n', "http://[::1]:8090"),
        (
            '[server]\nbase_url = "https://signalbox.example.org"\ntrusted_proxies = ["127.0.0.1"]\n',
            "https://signalbox.example.org",
        ),
        ("[server]\nport = 0\n", None),
        ('[server]\nhost = "10.0.0.1"\ninsecure_http = true\n', None),
    ],
)
def test_unregistered_redirect_uri_is_rejected(tmp_path: Path, server: str, address: str | None) -> None:
    if address is None:
        assert "server.base_url: expected an address" in faults(tmp_path, server + OIDC + ADMINS)
    else:
        assert read(tmp_path, server + OIDC + ADMINS).one(ServerSettings).address == address


def test_missing_extra_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc_settings, "LIBRARIES", ("authlib_that_is_not_there",))
    said = faults(tmp_path, '[oidc]\nissuer = "x"\n')
    assert "pip install 'signalbox-events[oidc]'" in said
    assert "oidc.issuer" in said
    assert read(tmp_path, "").optional(OidcSettings) is None


BLOCKED = """
import sys
sys.modules.update(dict.fromkeys(["authlib", "joserfc"]))  # as if they were not installed
import signalbox.config, signalbox.security.oidc.service
try:
    import signalbox.security.oidc.provider
except ImportError:
    print("only the provider needs them")
"""


def test_extra_libraries_are_imported_lazily() -> None:
    ran: Any = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "only the provider needs them"
