"""Settings files with accounts: what they may hold, and the messages about what they may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from harvester.accounts_file import AccountsFile, FileAccount, read_accounts_file
from harvester.config import Environment

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str) -> Path:
        path = tmp_path / "harvester.toml"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return to_file


def read_one(path: Path) -> FileAccount:
    (account,) = read_accounts_file(path).accounts
    return account


def environment(account: FileAccount, **variables: str) -> Environment:
    table = account.settings
    return Environment(
        values=table.values,
        references=table.references,
        variables=Environment(values=variables),
        spelling=table.spelling,
    )


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read_accounts_file(path)
    text = str(raised.value)
    assert text.startswith(str(path))
    return text.removeprefix(str(path))


def test_every_vendor_has_any_number_of_accounts_in_the_order_of_the_file(write: Write) -> None:
    path = write(
        '[zoom.main]\naccount_id = "a"\n[webex.lab]\n[zoom.berlin-2]\naccount_id = "b"\n[google-meet.main]\n[meetecho.ietf]\n'
    )
    names = [(account.vendor, account.label) for account in read_accounts_file(path).accounts]
    assert names == [
        ("zoom", "main"),
        ("zoom", "berlin-2"),
        ("webex", "lab"),
        ("google-meet", "main"),
        ("meetecho", "ietf"),
    ]


def test_a_key_is_a_setting_without_the_prefix_of_the_vendor(write: Write) -> None:
    path = write(
        '[google-meet.main]\ncustomer = "C01"\nadmin = " admin@example.org "\nmeet_api_url = "http://127.0.0.1:1"\n'
    )
    assert read_one(path).settings.values == {
        "GOOGLE_CUSTOMER": "C01",
        "GOOGLE_ADMIN": "admin@example.org",
        "GOOGLE_MEET_API_URL": "http://127.0.0.1:1",
    }


def test_a_setting_without_a_prefix_keeps_its_name(write: Write) -> None:
    path = write('[meetecho.ietf]\ngroups = ["quic", "httpbis"]\ndatatracker_url = "http://127.0.0.1:1"\n')
    assert read_one(path).settings.values == {
        "MEETECHO_GROUPS": "quic,httpbis",
        "DATATRACKER_URL": "http://127.0.0.1:1",
    }


def test_switches_are_options_of_the_account(write: Write) -> None:
    account = read_one(write("[zoom.main]\nqos = true\nwebinars = true\nseries = false\nraw = true\n"))
    assert account.options.switches == {"qos", "webinars"}
    assert account.raw


def test_paths_are_relative_to_the_folder_of_the_file(write: Write, tmp_path: Path) -> None:
    path = write(
        '[zoom.main]\nclient_secret_file = "secrets/zoom"\n[google-meet.main]\ncredentials = "google.json"\n'
        '[webex.main]\nclient_secret_file = "/run/secrets/webex"\n[harvester]\nstate_dir = "state"\n'
        '[elasticsearch]\nca_certs = "~/ca.pem"\n'
    )
    zoom, google, webex = read_accounts_file(path).accounts
    assert zoom.settings.values == {"ZOOM_CLIENT_SECRET_FILE": str(tmp_path / "secrets/zoom")}
    assert google.settings.values == {"GOOGLE_CREDENTIALS": str(tmp_path / "google.json")}
    assert webex.settings.values == {"WEBEX_CLIENT_SECRET_FILE": "/run/secrets/webex"}
    shared = read_accounts_file(path).shared
    assert shared.values == {"HARVESTER_STATE_DIR": str(tmp_path / "state"), "ES_CA_CERTS": "~/ca.pem"}


def test_credentials_in_the_file_itself_are_no_path(write: Write) -> None:
    account = read_one(write('[google-meet.main]\ncredentials = \'{"type": "service_account"}\'\n'))
    assert account.settings.values == {"GOOGLE_CREDENTIALS": '{"type": "service_account"}'}


def test_a_secret_can_be_a_variable_of_the_environment(write: Write) -> None:
    account = read_one(write('[zoom.main]\nclient_secret = {env = "ZOOM_SECRET"}\n'))
    assert environment(account, ZOOM_SECRET="s3cret").get("ZOOM_CLIENT_SECRET") == "s3cret"


def test_the_variable_can_name_a_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    account = read_one(write('[zoom.main]\nclient_secret = {env = "ZOOM_SECRET"}\n'))
    settings = environment(account, ZOOM_SECRET_FILE=str(tmp_path / "secret"))
    assert settings.get("ZOOM_CLIENT_SECRET") == "s3cret"


def test_the_variables_that_a_file_refers_to_are_known(write: Write) -> None:
    path = write('[zoom.a]\nclient_secret = {env = "A"}\n[elasticsearch]\napi_key = {env = "B"}\n')
    assert read_accounts_file(path).variables == {"A", "B"}


def test_a_missing_variable_is_named_with_file_account_and_setting(write: Write) -> None:
    path = write('[zoom.berlin]\nclient_secret = {env = "ZOOM_SECRET"}\n')
    settings = environment(read_one(path))
    with pytest.raises(ConfigurationError) as raised:
        settings.get("ZOOM_CLIENT_SECRET")
    assert str(raised.value).startswith(
        f"{path}: [zoom.berlin] client_secret: the variable ZOOM_SECRET is not set"
    )
    assert settings.is_set("ZOOM_CLIENT_SECRET")  # though wrongly
    assert (
        settings.get_unchecked("ZOOM_CLIENT_SECRET") is None
    )  # the variable's name is not a secret to redact


MARK = "s3cret-value"

BAD_VALUES = [
    (f'client_secret = "{MARK} with a blank"', "ZOOM_CLIENT_SECRET", "client_secret"),
    (f'client_secret = "{MARK}\\u0000"', "ZOOM_CLIENT_SECRET", "client_secret"),
    (f"client_secret = \"'{MARK}'\"", "ZOOM_CLIENT_SECRET", "client_secret"),
    (f'client_secret_file = "/no/such/{MARK}/\\u0007"', "ZOOM_CLIENT_SECRET", "client_secret_file"),
    (f'client_secret_file = "{MARK}"', "ZOOM_CLIENT_SECRET", "client_secret_file"),
    (f'client_secret = {{env = "{MARK.replace("-", "_")}"}}', "ZOOM_CLIENT_SECRET", "client_secret"),
    ('plan = "gold"', "ZOOM_PLAN", "plan"),
    ('api_url = "http://zoom.example.org"', "ZOOM_API_URL", "api_url"),
    ('api_url = "zoom.example.org"', "ZOOM_API_URL", "api_url"),
    ('api_url = "https://user:password@zoom.example.org"', "ZOOM_API_URL", "api_url"),
]


@pytest.mark.parametrize(("line", "name", "key"), BAD_VALUES, ids=[line for line, *_ in BAD_VALUES])
def test_values_are_checked_as_those_of_the_environment_are(
    write: Write, line: str, name: str, key: str
) -> None:
    from connectors.zoom import Zoom

    path = write(f"[zoom.berlin]\n{line}\n")
    settings = environment(read_one(path))
    with pytest.raises(ConfigurationError) as raised:
        settings.of([setting for setting in Zoom.settings if setting.name == name])
    text = str(raised.value)
    assert text.startswith(f"{path}: [zoom.berlin] {key}")
    if not key.endswith("_file"):  # the name of a file is not a secret
        assert MARK not in text


REFUSED = [
    ("[zoon.main]", ": there is no table [zoon]; did you mean zoom?"),
    ("[google_meet.main]", ": there is no table [google_meet]; did you mean google-meet?"),
    ("[elastic]", ": there is no table [elastic]; did you mean elasticsearch?"),
    ('zoom = "x"', ": zoom is not a table: write it like [zoom.main]"),
    ('account_id = "x"', ": there is no table [account_id]; there are "),
    ('[zoom]\naccount_id = "x"', ": zoom.account_id stands in no account: write it like [zoom.main]"),
    ('[[zoom]]\nname = "main"', ": zoom is not a table: write it like [zoom.main]"),
    ("[zoom.main]\n[zoom.main]", ", line 2: the table [zoom.main] is there twice"),
    ("[zoom.main]\nqos = true\nqos = true", ", line 3: the same key is there twice"),
    ("[zoom.main]\n[zoom.Main]", ": [zoom.Main] and [zoom.main] differ only in upper and lower case"),
    ('[zoom."a b"]', ": [zoom.a b]: the name of an account is part of every document's id"),
    ('[zoom.""]', ": [zoom.]: the name of an account"),
    (f'[zoom."{"x" * 65}"]', f": [zoom.{'x' * 65}]: the name of an account"),
    ("[zoom.main]\nacount_id = 'x'", ": [zoom.main]: there is no key acount_id; did you mean account_id?"),
    ("[zoom.main]\nZOOM_ACCOUNT_ID = 'x'", ": there is no key ZOOM_ACCOUNT_ID; did you mean account_id?"),
    ("[zoom.main]\nzoom_client_secret_file = 'x'", "did you mean client_secret_file?"),
    ("[zoom.main]\nqoss = true", ": [zoom.main]: there is no key qoss; did you mean qos?"),
    ("[zoom.main]\nqos = 1", ": [zoom.main] qos must be true or false"),
    ("[zoom.main]\naccount_id = true", ": [zoom.main] account_id must be text in quotation marks"),
    (
        "[meetecho.a]\ngroups = ['quic', 1]",
        ": [meetecho.a] groups must be a list of texts in quotation marks",
    ),
    ("[zoom.main]\naccount_id = ['a']", ": [zoom.main] account_id must be text in quotation marks"),
    ("[zoom.main]\naccount_id = {env = 'A', file = 'B'}", ": [zoom.main] account_id: name a variable"),
    ("[zoom.main]\naccount_id = {file = 'B'}", ": [zoom.main] account_id: name a variable"),
    ("[zoom.main]\naccount_id = {env = '$A'}", ": [zoom.main] account_id: name a variable"),
    (
        "[zoom.main]\nclient_secret = 'a'\nclient_secret_file = 'b'",
        ": [zoom.main] client_secret and client_secret_file are both set; keep one of them",
    ),
    ("[google-meet.main]\nupcoming = '3'", ": [google-meet.main] upcoming selects meetings for one run"),
    ("[google-meet.main]\nmeeting_code = 'x'", ": give it on the command line, as --meeting-code"),
    ("[elasticsearch]\nhots = 'x'", ": [elasticsearch]: there is no key hots; did you mean host?"),
    ("[harvester]\naccount = 'x'", ": [harvester] account: the name of an account is the name of its table"),
    ("[zoom.main\n", ", line 1, is not TOML"),
    ("[zoom.main]\naccount_id = s3cret-value", ", line 2, is not TOML"),
    ('[zoom.main]\naccount_id = "s3cret-value', ", is not TOML"),
    (f"[zoom.main]\naccount_id = {'[' * 5000}", " is nested too deeply"),
    (f"[zoom.main]\naccount_id = {'9' * 5000}", " contains a number with too many digits"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[text[:60] for text, _ in REFUSED])
def test_what_the_file_may_not_hold_is_named_and_never_quoted(write: Write, text: str, message: str) -> None:
    said = refusal(write(text + "\n"))
    assert message in said
    assert MARK not in said


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "harvester.toml"
    path.write_bytes('[zoom.main]\naccount_id = "é"\n'.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"is not UTF-8 \(line 2\)"):
        read_accounts_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="none.toml cannot be read"):
        read_accounts_file(tmp_path / "none.toml")


def test_secrets_that_everybody_can_read_are_warned_of(write: Write) -> None:
    def exposed(text: str, mode: int) -> str | None:
        path = write(text)
        path.chmod(mode)
        found: AccountsFile = read_accounts_file(path)
        return found.exposed_secrets()

    assert "chmod 600" in str(exposed('[zoom.a]\nclient_secret = "x"\n', 0o644))
    assert exposed('[zoom.a]\nclient_secret = "x"\n', 0o640) is None
    assert exposed('[zoom.a]\nclient_secret = {env = "X"}\nclient_id = "x"\n', 0o644) is None
    assert exposed('[zoom.a]\nclient_secret_file = "x"\n', 0o644) is None
    assert "chmod 600" in str(exposed('[elasticsearch]\napi_key = "x"\n', 0o644))


def test_the_table_of_the_rooms_may_be_in_the_same_file(write: Write) -> None:
    path = write('[zoom.main]\n[rooms]\ntitles = "hide"\n[[rooms.room]]\nname = "Berlin"\n')
    assert [account.label for account in read_accounts_file(path).accounts] == ["main"]
