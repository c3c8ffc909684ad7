"""Settings of a NATS connection: one sign-in method, URLs without secrets."""

import pytest
from pydantic import ValidationError

from signalbox.brokers.nats.settings import NatsSettings


def settings(**fields: object) -> NatsSettings:
    return NatsSettings.model_validate({"name": "n", "kind": "nats", "urls": ("broker",), **fields})


def test_urls_get_the_default_scheme_and_port() -> None:
    urls = ("broker", "broker:4333", "tls://[::1]", "nats://b.example:4222/")
    expected = ("nats://broker:4222", "nats://broker:4333", "tls://[::1]:4222", "nats://b.example:4222")
    assert settings(urls=urls).urls == expected


@pytest.mark.parametrize("url", ["http://b", "nats://", "nats://b/path", "nats://user:canary@b", "ws://b"])
def test_invalid_urls_are_rejected(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(urls=(url,))
    assert "canary" not in str(caught.value)


def test_contradictory_sign_in_settings_are_rejected() -> None:
    for fields in ({"token": "t", "user": "u", "password": "p"}, {"user": "u"}, {"cert_file": __file__}, {"urls": ()}):
        with pytest.raises(ValidationError):
            settings(**fields)


def test_keys_that_require_tls() -> None:
    assert not settings().tls
    for fields in ({"urls": ("tls://b",)}, {"ca_file": __file__}, {"insecure_skip_verify": True}, {"tls_first": True}):
        assert settings(**fields).tls


def test_repr_contains_no_secret() -> None:
    for fields in ({"token": "canary"}, {"user": "u", "password": "canary"}, {"nkey_seed": "canary"}):
        assert "canary" not in repr(settings(**fields))
