"""The settings of a NATS connection: one way to sign in, addresses without secrets."""

import pytest
from pydantic import ValidationError

from signalbox.brokers.nats.settings import NatsSettings


def settings(**fields: object) -> NatsSettings:
    return NatsSettings.model_validate({"name": "n", "kind": "nats", "urls": ("broker",), **fields})


def test_addresses_are_completed() -> None:
    given = ("broker", "broker:4333", "tls://[::1]", "nats://b.example:4222/")
    expected = ("nats://broker:4222", "nats://broker:4333", "tls://[::1]:4222", "nats://b.example:4222")
    assert settings(urls=given).urls == expected


@pytest.mark.parametrize("url", ["http://b", "nats://", "nats://b/path", "nats://user:canary@b", "ws://b"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(urls=(url,))
    assert "canary" not in str(caught.value)


def test_one_way_to_sign_in() -> None:
    for fields in ({"token": "t", "user": "u", "password": "p"}, {"user": "u"}, {"cert_file": __file__}, {"urls": ()}):
        with pytest.raises(ValidationError):
            settings(**fields)


def test_what_demands_tls() -> None:
    assert not settings().tls
    for fields in ({"urls": ("tls://b",)}, {"ca_file": __file__}, {"insecure_skip_verify": True}, {"tls_first": True}):
        assert settings(**fields).tls


def test_no_secret_is_shown() -> None:
    for fields in ({"token": "canary"}, {"user": "u", "password": "canary"}, {"nkey_seed": "canary"}):
        assert "canary" not in repr(settings(**fields))
