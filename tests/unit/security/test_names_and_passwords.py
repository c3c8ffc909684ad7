"""Names, passwords, secrets and networks: what is allowed, and what is never repeated."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.security.accounts import model, passwords
from signalbox.security.accounts.model import (
    attempt_bucket,
    network_of,
    new_secret,
    normalized_user_name,
    secret_hash,
    token_hint,
    validated_password,
)
from signalbox.security.errors import RequestRejected

WELL_FORMED = string.ascii_lowercase + string.digits + "._@+-"
ANY_TEXT = st.text(st.characters(codec=None, categories=None))  # halves of characters too


@given(st.text(WELL_FORMED, min_size=1, max_size=63).filter(lambda name: name[0].isalnum()))
def test_name_is_normalized(name: str) -> None:
    assert normalized_user_name(f" {name.upper()}\n") == name


@pytest.mark.parametrize(
    "name", ["", "-ann", ".ann", "a" * 64, "an n", "ann\0", "änn", "ann\u202e", "\uff41nn", "a/b", "*"]
)
def test_malformed_name_is_rejected(name: str) -> None:
    with pytest.raises(RequestRejected, match=r"This is not a user name\. Expected 1 to 63 characters of a-z"):
        normalized_user_name(name)


def test_password_typed_as_name_is_not_repeated() -> None:
    with pytest.raises(RequestRejected) as refused:
        normalized_user_name("Correct Horse Battery")
    assert "Horse" not in str(refused.value)


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("eleven char", "at least 12 characters, not 11"),
        ("x" * 1025, "at most 1024 bytes"),
        ("ä" * 513, "at most 1024 bytes"),
        ("billing-lead", "too similar to the user name"),
        ("Billing-Lead12345", "too similar to the user name"),
    ],
)
def test_rejected_password(password: str, said: str) -> None:
    with pytest.raises(RequestRejected, match=said) as refused:
        validated_password(password, "billing-lead")
    assert password not in str(refused.value)


@pytest.mark.parametrize("password", ["twelve chars", "x" * 1024, "billing-lead and six more", "billing-lead123456"])
def test_allowed_password(password: str) -> None:
    assert validated_password(password, "billing-lead") == password


@pytest.mark.usefixtures("cheap_passwords")
async def test_only_the_right_password_verifies() -> None:
    right = "half a character \ud800 and\0more"
    kept = await passwords.hash_password(right)
    assert await passwords.verify(right, kept)
    for wrong in ("", right + " ", right.replace("\ud800", "?"), right[:-1], "x" * 10_000, right.replace("\0", "")):
        assert not await passwords.verify(wrong, kept)


@pytest.mark.usefixtures("cheap_passwords")
async def test_longest_password_is_verified_to_its_last_byte() -> None:
    kept = await passwords.hash_password("x" * 1024)
    assert await passwords.verify("x" * 1024, kept)
    assert not await passwords.verify("x" * 1023, kept)
    assert not await passwords.verify("x" * 1025, kept)


@pytest.mark.usefixtures("cheap_passwords")
@pytest.mark.parametrize("kept", ["", "x", "$argon2id$v=19$m=8,t=1,p=1$$", "$argon2id$"])
async def test_invalid_hash_matches_nothing(kept: str) -> None:
    assert not await passwords.verify("", kept)
    assert not await passwords.verify(kept, kept)


async def test_password_is_argon2id_with_the_parameters_of_rfc_9106() -> None:
    """The only test with the real cost: 64 MiB, three passes, four lanes."""
    kept = await passwords.hash_password("the real thing")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await passwords.verify("the real thing", kept)
    assert not passwords.needs_rehash(kept)
    assert passwords._dummy_hash().startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not await passwords.verify("the password of nobody", None)


@pytest.mark.usefixtures("cheap_passwords")
async def test_hash_with_other_parameters_needs_rehash() -> None:
    assert passwords.needs_rehash(
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    )
    assert not passwords.needs_rehash(await passwords.hash_password("now"))


@given(ANY_TEXT)
def test_any_text_has_a_hash(text: str) -> None:
    assert len(secret_hash(text)) == 32
    assert len(attempt_bucket("sign-in", text, "::1")) == 32


def test_secrets_are_long_new_and_kept_nowhere_in_their_hint() -> None:
    made = {new_secret(model.TOKEN_PREFIX) for _ in range(200)}
    assert len(made) == 200
    assert {len(one) for one in made} == {len(model.TOKEN_PREFIX) + 43}  # 256 bits
    one = made.pop()
    assert token_hint(one) == f"{one[:6]}…{one[-2:]}"


@given(ANY_TEXT, ANY_TEXT)
def test_name_and_address_have_separate_counters(name: str, place: str) -> None:
    assert attempt_bucket("sign-in", name, place) != attempt_bucket("sign-in", place)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("a socket of the machine", "a socket of the machine"),
        ("", ""),
    ],
)
def test_attempt_networks(address: str, place: str) -> None:
    assert network_of(address) == place


@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_ipv4_addresses_count_separately_in_any_notation(one: object, other: object) -> None:
    assert (network_of(str(one)) == network_of(f"::ffff:{other}")) == (one == other)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_ipv6_network_counts_as_one(one: int, other: int) -> None:
    def address(low: int) -> str:
        return f"2001:db8:1:2:{low >> 48:x}:{low >> 32 & 0xFFFF:x}:{low >> 16 & 0xFFFF:x}:{low & 0xFFFF:x}"

    assert network_of(address(one)) == network_of(address(other)) == "2001:db8:1:2::/64"
