"""Configuration: everything wrong is said at once, with the nearest key, and no secret is ever repeated."""

from pathlib import Path

import pytest

from signalbox.brokers.model import BrokerKind
from signalbox.brokers.settings import ConnectionSettings
from signalbox.config import ConfigurationError, load
from signalbox.kernel.configuration import Configuration
from signalbox.security.masking.settings import MaskingRuleSettings
from signalbox.security.settings import SecuritySettings
from signalbox.storage.settings import DatabaseSettings
from signalbox.web.settings import ServerSettings

CANARY = "canary-7f3a91"


def write(folder: Path, text: str, *, mode: int = 0o600) -> Path:
    path = folder / "signalbox.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def faults(folder: Path, text: str, *, mode: int = 0o600, **environment: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        load(write(folder, text, mode=mode), environment)
    return str(raised.value)


def read(folder: Path, text: str, *, mode: int = 0o600, **environment: str) -> Configuration:
    return load(write(folder, text, mode=mode), environment)


def test_without_a_file_everything_is_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = load(environment={})
    assert (
        found.path,
        found.many(ConnectionSettings),
        found.one(ServerSettings).host,
        found.one(ServerSettings).port,
    ) == (None, (), "127.0.0.1", 8080)
    assert found.one(DatabaseSettings).is_sqlite


def test_a_named_file_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load(environment={"SIGNALBOX_CONFIG": str(tmp_path / "gone.toml")})


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    text = """
        [server]
        prot = 80
        port = 99999
        [[connections]]
        name = "Kafka Prod"
        kind = "kafka"
        bootstrap = ["127.0.0.1:9092"]
        [[connections]]
        name = "q"
        kind = "rabitmq"
        [databse]
    """
    said = faults(tmp_path, text)
    assert "server.prot" in said
    assert "did you mean port?" in said
    assert "server.port" in said
    assert "99999" in said
    assert "connections[0] (Kafka Prod).name" in said
    assert "did you mean rabbitmq?" in said
    assert "did you mean database?" in said


def test_variables_and_files_are_expanded_inside_strings_only(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text('p"]\nport = 1\n', encoding="utf-8")
    text = f"""
        [[connections]]
        name = "n"
        kind = "nats"
        urls = ["nats://${{HOST}}:4222"]
        user = "u"
        password = "${{file:{secret}}}"
    """
    found = read(tmp_path, text, mode=0o644, HOST="127.0.0.1")
    (connection,) = found.many(ConnectionSettings)
    assert connection.kind is BrokerKind.NATS
    assert found.one(ServerSettings).port == 8080
    assert "port = 1" not in repr(connection)


def test_an_unset_variable_names_the_key_and_the_nearest_variable(tmp_path: Path) -> None:
    said = faults(tmp_path, '[server]\nbase_url = "${SIGNALBOX_URI}"', SIGNALBOX_URL="x")
    assert "server.base_url" in said
    assert "SIGNALBOX_URI" in said
    assert "did you mean SIGNALBOX_URL?" in said


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    said = faults(tmp_path, '[database]\nurl = "${file:/no/such/file}"')
    assert "/no/such/file" in said
    assert "No such file" in said


def test_a_literal_secret_needs_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    text = f'[[connections]]\nname = "n"\nkind = "nats"\nurls = ["nats://h:1"]\nuser = "u"\npassword = "{CANARY}"'
    said = faults(tmp_path, text, mode=0o644)
    assert "connections[0] (n).password" in said
    assert "chmod 600" in said
    assert CANARY not in said
    assert CANARY not in repr(read(tmp_path, text, mode=0o600))


@pytest.mark.parametrize(
    "text",
    [
        f'[[connections]]\nname = "n"\nkind = "nats"\npasword = "{CANARY}"',
        f'[[connections]]\nname = "n"\nkind = "nats"\nurls = ["nats://u:{CANARY}@h:1"]\ntimeout_s = -1',
        f'[[connections]]\nname = "n"\nkind = "nats"\npassword = ["{CANARY}"]',
        f'[[connections]]\nname = "k"\nkind = "kafka"\nbootstrap = 7\npassword = "{CANARY}"',
        f'[[connections]]\nname = "r"\nkind = "rabbitmq"\nmanagement_url = "http://u:{CANARY}@h:1"\nnope = 1',
        f'[[connections]]\nname = "s"\nkind = "sqs"\nsecret_access_key = {{ a = "{CANARY}" }}',
        f'[database]\nurl = "mysql://u:{CANARY}@h/d"',
    ],
)
def test_no_fault_repeats_a_secret(tmp_path: Path, text: str) -> None:
    assert CANARY not in faults(tmp_path, text)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "example.org", "::"])  # noqa: S104 - refused is the point
def test_any_other_address_than_loopback_needs_the_named_key(tmp_path: Path, host: str) -> None:
    said = faults(tmp_path, f'[server]\nhost = "{host}"')
    assert "https" in said
    assert "insecure_http" in said
    found = read(tmp_path, f'[server]\nhost = "{host}"\ninsecure_http = true')
    assert found.one(ServerSettings).host == host


def test_https_needs_the_proxy_that_speaks_it(tmp_path: Path) -> None:
    text = '[server]\nbase_url = "https://signalbox.example.org"\n'
    assert "trusted_proxies" in faults(tmp_path, text)
    assert read(tmp_path, text + 'trusted_proxies = ["127.0.0.1"]').one(ServerSettings).only_local is False
    assert "10.1.0.0/16" in faults(tmp_path, text + 'trusted_proxies = ["somewhere"]')


def test_a_session_that_is_in_use_cannot_be_idle_for_too_long(tmp_path: Path) -> None:
    """When a session was used is written once a minute."""
    said = faults(tmp_path, "[security]\nsession_idle_h = 0.016")
    assert "security.session_idle_h: expected at least 0.017, which is one minute, got 0.016" in said
    assert read(tmp_path, "[security]\nsession_idle_h = 0.017").one(SecuritySettings).session_idle_h == 0.017


def test_two_connections_of_one_name_are_a_fault(tmp_path: Path) -> None:
    one = '[[connections]]\nname = "n"\nkind = "nats"\nurls = ["nats://127.0.0.1:4222"]\n'
    assert "each name once, got 'n' 2 times" in faults(tmp_path, one + one)


def test_masking_rules_are_read_in_order_and_all_their_faults_are_said_at_once(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        [[masking]]
        name = "e-mail"
        what = ["$..email", "header reply-to"]
        how = "hash"
        [[masking]]
        name = "phone"
        destinations = ["prod/*"]
        types = ["Order*"]
        what = ["$..phone"]
        how = "keep last 2"
        """,
    )
    assert [(one.name, one.destinations, one.types, one.how) for one in found.many(MaskingRuleSettings)] == [
        ("e-mail", ("*",), ("*",), "hash"),
        ("phone", ("prod/*",), ("Order*",), "keep last 2"),
    ]
    assert [one.rule().how.keep for one in found.many(MaskingRuleSettings)] == [0, 2]
    said = faults(
        tmp_path,
        """
        [[masking]]
        name = "e-mail"
        what = ["email"]
        how = "blur"
        destination = ["*"]
        [[masking]]
        name = "none"
        destinations = ["orders"]
        types = [""]
        what = []
        how = "hide"
        """,
    )
    assert "masking[0] (e-mail).what[0]: expected one of: a JSON path ($.email), header NAME" in said
    assert "such as $..email or header reply-to, got 'email'" in said
    assert "masking[0] (e-mail).how: expected hide, hash, or keep last N" in said
    assert "masking[0] (e-mail).destination: expected one of" in said
    assert "did you mean destinations?" in said
    assert "masking[1] (none).destinations[0]: expected * or a shell pattern over connection/destination" in said
    assert "masking[1] (none).types[0]: expected a shell pattern" in said
    assert "masking[1] (none).what" in said


@pytest.mark.parametrize("text", ["masking = 7", "[masking]\nname = 'n'", "masking = [7]"])
def test_masking_that_is_no_list_of_tables_says_how_to_write_it(tmp_path: Path, text: str) -> None:
    assert "masking" in faults(tmp_path, text)


def test_two_masking_rules_of_one_name_are_a_fault(tmp_path: Path) -> None:
    one = '[[masking]]\nname = "n"\nwhat = ["key"]\nhow = "hide"\n'
    assert "masking: expected each name once, got 'n' 2 times" in faults(tmp_path, one + one)


@pytest.mark.parametrize("text", ["[server", "connections = 7", "[connections]\na = 1", "server = []", "\udcff"])
def test_a_broken_file_is_said_to_be_broken(tmp_path: Path, text: str) -> None:
    path = tmp_path / "signalbox.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigurationError, match="expected"):
        load(path, {})


def test_database_address_is_shown_without_its_password(tmp_path: Path) -> None:
    found = read(tmp_path, f'[database]\nurl = "postgresql+asyncpg://u:{CANARY}@db:5432/signalbox"')
    assert found.one(DatabaseSettings).redacted_url == "postgresql+asyncpg://db:5432/signalbox"
    assert CANARY not in repr(found)


def test_a_list_is_not_called_empty_because_its_one_item_is_wrong(tmp_path: Path) -> None:
    table = '[[connections]]\nname = "n"\nkind = "nats"\nurls = '
    wrong, empty = faults(tmp_path, table + '["http://broker"]\n'), faults(tmp_path, table + "[]\n")
    assert "has 1 fault" in wrong
    assert "connections[0] (n).urls[0]" in wrong
    assert "has 1 fault" in empty
