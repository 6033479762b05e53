"""Daily files from a server: a real SFTP server on loopback, its own keys, its own troubles."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from socket import create_server
from typing import Any

import asyncssh
import pendulum
import pytest

from pipelines.ordergroove.files.load import Loaded, load
from pipelines.ordergroove.files.place import found_at, place_of
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.errors import ConfigError, KeyRefused, OrdergrooveError, Transient
from sources.ordergroove.files.names import named
from sources.ordergroove.sandbox import Sandbox, World
from tests.files.sftp_server import PASSWORD, USER, Server, serving
from tests.stories.stage import Stage

FIRST, SECOND = "shop_orders_03172025063000.csv", "shop_orders_03182025063000.csv"
HEADER = b"Ordergroove Order ID,Product\n"
AGE = 1_700_000_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "server") as made:
        yield made


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    # nothing is asked of the API: files are all there is
    world = World(seed=3, customers=1, days=1)
    return Stage(Sandbox(world), "http://127.0.0.1:1", tmp_path)


def drop(server: Server, name: str, *orders: int, age: float = AGE, end: bytes = b"\n") -> Path:
    """A report of some orders, as it would lie there; `age` is its time."""
    path = server.root / "outgoing" / name
    path.write_bytes(HEADER + b"\n".join(b"%d,Tea" % order for order in orders) + end)
    os.utime(path, (age, age))
    return path


def access(server: Server, **more: str) -> dict[str, str]:
    """The settings that open the server."""
    known = {"sftp_fingerprint": server.fingerprint, "sftp_password": PASSWORD}
    return known | {"retry_limit": "60s", "read_timeout": "60s"} | more


def loaded(stage: Stage, server: Server, url: str = "", **more: str) -> Loaded:
    settings = stage.settings(**access(server, **more))
    with (
        found_at(place_of(url or server.url), settings) as found,
        opened(settings) as warehouse,
        scratch_in(settings.state_dir) as scratch,
    ):
        pipeline = warehouse.pipeline(scratch)
        return load(found, warehouse, pipeline, now=pendulum.now("UTC"))


def refused(stage: Stage, server: Server, **settings: str) -> OrdergrooveError:
    """The error that a visit ends with, before anything is opened."""
    with (
        pytest.raises(OrdergrooveError) as error,
        found_at(place_of(settings.pop("url", server.url)), stage.settings(**settings)),
    ):
        pass
    assert PASSWORD not in str(error.value)
    assert len(str(error.value).splitlines()) == 3
    assert server.opened == server.changed == []
    return error.value


def orders(stage: Stage) -> list[int]:
    found = stage.query("select ordergroove_order_id from sftp_orders order by 1")
    return [int(order) for (order,) in found]


def test_the_command_fetches_reports_only_once_and_leaves_everything_where_it_was(
    stage: Stage, server: Server
) -> None:
    drop(server, FIRST, 1, 2)
    drop(server, SECOND, 3)
    (server.root / "outgoing" / "hash_key.csv").write_text("k3y")
    (server.root / "outgoing" / "shop_orders_20250319.csv").mkdir()
    done = stage.command("files", "load", server.url, "--json", **access(server))
    again = stage.command("files", "load", server.url, "--json", **access(server))

    assert done.returncode == again.returncode == 0, done.stderr + again.stderr
    counts = {"files": 2, "rows": 3, "known": 0, "rejected_rows": 0, "refused": 0, "waiting": 0}
    assert json.loads(done.stdout) == counts
    assert json.loads(again.stdout) == counts | {"files": 0, "rows": 0, "known": 2}
    assert server.names_opened() == [FIRST, SECOND]
    assert server.changed == []
    assert len(list((server.root / "outgoing").iterdir())) == 4
    assert orders(stage) == [1, 2, 3]
    told = done.stdout + done.stderr + again.stdout + again.stderr
    assert "k3y" not in told
    assert PASSWORD not in told


def test_a_single_file_can_be_named(stage: Stage, server: Server) -> None:
    drop(server, FIRST, 1)
    drop(server, SECOND, 2)
    assert loaded(stage, server, f"{server.url}/{SECOND}").rows == 1
    assert orders(stage) == [2]


@pytest.mark.parametrize("passphrase", ["", "open, sesame"])
def test_a_key_opens_the_server_as_well(
    passphrase: str, stage: Stage, server: Server, tmp_path: Path
) -> None:
    drop(server, FIRST, 1)
    server.user_key.write_private_key(tmp_path / "key", passphrase=passphrase or None)
    login = {"sftp_identity": str(tmp_path / "key"), "sftp_passphrase": passphrase}
    assert loaded(stage, server, sftp_password="", **login).files == 1


def test_a_server_that_asks_for_the_password_gets_it(stage: Stage, server: Server) -> None:
    server.is_asking = True
    drop(server, FIRST, 1)
    assert loaded(stage, server).files == 1


def test_a_host_that_the_file_knows_is_trusted(
    stage: Stage, server: Server, tmp_path: Path
) -> None:
    drop(server, FIRST, 1)
    (tmp_path / "hosts").write_text(server.known_hosts())
    known = {"sftp_fingerprint": "", "sftp_known_hosts": str(tmp_path / "hosts")}
    assert loaded(stage, server, **known).files == 1


@pytest.mark.parametrize("kind", ["nobody", "ssh-ed25519", "ecdsa-sha2-nistp256", "fingerprint"])
def test_a_host_key_that_is_not_the_known_one_is_refused_before_any_login(
    kind: str, stage: Stage, server: Server, tmp_path: Path
) -> None:
    drop(server, FIRST, 1)
    settings = access(server, sftp_fingerprint="", sftp_known_hosts=str(tmp_path / "hosts"))
    if kind == "fingerprint":
        settings["sftp_fingerprint"] = "SHA256:" + "a" * 43
    elif kind != "nobody":
        other = asyncssh.generate_private_key(kind)
        (tmp_path / "hosts").write_text(server.known_hosts(other))
    error = refused(stage, server, **settings)

    assert isinstance(error, ConfigError)
    assert server.fingerprint in error.what
    assert f"ORDERGROOVE_SFTP_FINGERPRINT={server.fingerprint}" in error.do
    assert ("Somebody may be in between" in error.do) == (kind != "nobody")
    assert server.logins == []


def test_a_revoked_host_key_is_refused(stage: Stage, server: Server, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(f"@revoked {server.known_hosts()}")
    known = {"sftp_fingerprint": "", "sftp_known_hosts": str(tmp_path / "hosts")}
    assert "revoked" in refused(stage, server, **access(server, **known)).what
    assert server.logins == []


def test_a_known_hosts_file_that_is_none_is_refused(
    stage: Stage, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "hosts").mkdir()
    known = {"sftp_fingerprint": "", "sftp_known_hosts": str(tmp_path / "hosts")}
    assert isinstance(refused(stage, server, **access(server, **known)), ConfigError)


def test_a_login_that_is_refused_is_told_from_everything_else(
    stage: Stage, server: Server, tmp_path: Path
) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(tmp_path / "key")
    for login in (
        {"sftp_password": "wrong"},
        {"sftp_password": "", "sftp_identity": str(tmp_path / "key")},
    ):
        error = refused(stage, server, **access(server, **login))
        assert isinstance(error, KeyRefused)
        assert error.exit_code == 7
    assert set(server.logins) == {USER}


def test_a_login_that_cannot_be_tried_is_a_matter_of_settings(
    stage: Stage, server: Server, tmp_path: Path
) -> None:
    locked, junk = tmp_path / "locked", tmp_path / "junk"
    server.user_key.write_private_key(locked, passphrase="right")
    junk.write_text("no key")
    for login in (
        {},
        {"sftp_identity": str(tmp_path / "missing")},
        {"sftp_identity": str(locked)},
        {"sftp_identity": str(locked), "sftp_passphrase": "wrong"},
        {"sftp_identity": str(junk)},
    ):
        error = refused(stage, server, **access(server, sftp_password="", **login))
        assert isinstance(error, ConfigError)
    assert server.logins == []


def test_a_server_that_nobody_reaches_is_worth_another_try(stage: Stage, server: Server) -> None:
    with create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = access(server, retry_limit="0", url=f"sftp://{USER}@127.0.0.1:{port}/outgoing")
    error = refused(stage, server, **settings)
    assert isinstance(error, Transient)
    assert error.exit_code == 6


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_what_is_no_ssh_server_is_not_waited_for_without_end(
    greeting: bytes, stage: Stage, server: Server
) -> None:
    with create_server(("127.0.0.1", 0)) as other:
        held = []

        def greet() -> None:
            held.append(other.accept()[0])
            held[0].sendall(greeting)

        thread = threading.Thread(target=greet)
        thread.start()
        url = f"sftp://{USER}@127.0.0.1:{other.getsockname()[1]}/outgoing"
        limits = {"retry_limit": "0", "read_timeout": "2s"}
        error = refused(stage, server, **access(server, url=url, **limits))
        thread.join()
        held[0].close()
    assert isinstance(error, Transient)


def test_a_server_that_serves_no_files_is_told(stage: Stage, tmp_path: Path) -> None:
    with serving(tmp_path / "server", has_files=False) as server:
        error = refused(stage, server, **access(server))
    assert isinstance(error, ConfigError)
    assert "SFTP" in error.what


@pytest.mark.parametrize("path", ["/incoming", "/outgoing", f"/outgoing/{FIRST}"])
def test_a_path_without_a_report_is_told(path: str, stage: Stage, server: Server) -> None:
    (server.root / "outgoing" / "hash_key.csv").write_text("k3y")
    url = server.url.replace("/outgoing", path)
    assert isinstance(refused(stage, server, **access(server, url=url)), ConfigError)


def test_a_connection_that_is_lost_is_made_again(stage: Stage, server: Server) -> None:
    drop(server, FIRST, 1)
    drop(server, SECOND, *range(2, 60_000))

    def lose(path: Path) -> None:
        if path.name == SECOND and len(server.logins) < 3:
            raise ConnectionError

    server.on_read = lose
    assert loaded(stage, server).files == 2
    assert len(orders(stage)) == 59_999
    assert len(server.logins) == 3


def test_what_was_loaded_before_a_server_was_lost_stays(stage: Stage, server: Server) -> None:
    drop(server, FIRST, 1)
    drop(server, SECOND, 2)

    def lose(path: Path) -> None:
        if path.name == SECOND:
            raise ConnectionError

    server.on_read = lose
    done = stage.command("files", "load", server.url, **access(server, retry_limit="0"))
    assert done.returncode == 3
    assert "The files before it are loaded." in done.stderr
    assert orders(stage) == [1]

    server.on_read = lambda path: None
    assert loaded(stage, server).files == 1
    assert server.names_opened().count(FIRST) == 1
    assert orders(stage) == [1, 2]


def test_a_server_that_is_lost_before_anything_was_loaded_is_worth_another_try(
    stage: Stage, server: Server
) -> None:
    drop(server, FIRST, 1)

    def lose(path: Path) -> None:
        raise ConnectionError

    server.on_read = lose
    done = stage.command("files", "load", server.url, **access(server, retry_limit="0"))
    assert done.returncode == 6, done.stderr
    assert len(done.stderr.splitlines()) == 3


def test_a_file_that_changed_a_moment_ago_is_left_for_the_next_time(
    stage: Stage, server: Server
) -> None:
    drop(server, FIRST, 1)
    path = drop(server, SECOND, 2, age=pendulum.now("UTC").timestamp())
    told = loaded(stage, server, sftp_settle="1h")
    assert (told.files, len(told.waiting)) == (1, 1)
    assert server.names_opened() == [FIRST]
    os.utime(path, (AGE, AGE))
    assert loaded(stage, server).files == 1


def test_a_file_that_grows_while_it_is_read_is_left_for_the_next_time(
    stage: Stage, server: Server
) -> None:
    drop(server, FIRST, 1)

    def grow(path: Path) -> None:
        server.on_read = lambda path: None
        with path.open("ab") as file:
            file.write(b"2,Tea\n")

    server.on_read = grow
    done = stage.command("files", "load", server.url, **access(server, sftp_settle="0"))
    assert done.returncode == 0
    assert f"left for the next time: {FIRST}: it changed while it was read" in done.stderr
    assert loaded(stage, server, sftp_settle="0").rows == 2
    assert orders(stage) == [1, 2]


def test_a_file_that_was_cut_off_is_loaded_when_it_is_whole(stage: Stage, server: Server) -> None:
    drop(server, FIRST, 1, end=b"\n2,Te")
    assert len(loaded(stage, server).refused) == 1
    drop(server, FIRST, 1, 2)
    assert loaded(stage, server).rows == 2


def test_a_file_issued_again_takes_the_place_of_the_older_one(stage: Stage, server: Server) -> None:
    drop(server, FIRST, 1, 2)
    loaded(stage, server)
    # as long as before, and even with an older time: what stands on the server holds
    drop(server, FIRST, 3, 4, age=AGE - 9)
    loaded(stage, server)
    assert orders(stage) == [3, 4]


def test_the_same_content_at_another_time_is_fetched_once_more_and_not_again(
    stage: Stage, server: Server
) -> None:
    drop(server, FIRST, 1)
    loaded(stage, server)
    drop(server, FIRST, 1, age=AGE + 9)
    told = [loaded(stage, server) for _ in range(2)]
    assert [(made.files, made.known) for made in told] == [(0, 1), (0, 1)]
    assert server.names_opened() == [FIRST, FIRST]


def test_a_file_loaded_within_a_second_of_its_last_change_is_read_again(
    stage: Stage, server: Server
) -> None:
    """Servers tell whole seconds: a second change within one would go unseen."""
    age = pendulum.now("UTC").add(minutes=5).timestamp()
    drop(server, FIRST, 1, age=age)
    loaded(stage, server, sftp_settle="0")
    drop(server, FIRST, 2, age=age)
    assert loaded(stage, server, sftp_settle="0").files == 1
    assert orders(stage) == [2]


def test_a_library_that_is_missing_is_told_with_how_to_install_it(
    stage: Stage, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    assert "ordergroove-elt[sftp]" in refused(stage, server, **access(server)).do


@pytest.mark.parametrize(
    "text",
    [
        "sftp://host/outgoing",
        "sftp://me@host",
        "sftp://me@/outgoing",
        "sftp://me@host:port/outgoing",
        "sftp://me@host:0/outgoing",
        "sftp://me:s3cr3t@host/outgoing",
        "sftp://me@host/outgoing?s3cr3t",
        "sftp://me@host/%0aoutgoing",
        "ftp://me:s3cr3t@host/outgoing",
    ],
)
def test_an_address_that_does_not_fit_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        place_of(text)
    assert "s3cr3t" not in str(error.value)
    assert len(str(error.value).splitlines()) == 3


def test_an_address_may_hold_any_sign_and_a_port() -> None:
    found: Any = place_of("sftp://me%40acme@[::1]:2222/out%20going/")
    assert (found.user, found.host, found.port, found.path) == (
        *("me@acme", "::1", 2222),
        "/out going/",
    )
    assert place_of("outgoing") == Path("outgoing")


@pytest.mark.parametrize(
    "name",
    [
        "../../shop_orders_03172025063000.csv",
        "..\\shop_orders_03172025063000.csv",
        "\x1b[2J_orders_03172025063000.csv",
        "\udcff_orders_03172025063000.csv",
        "shop_orders_03172025063000.csv\n",
    ],
)
def test_a_name_that_is_a_path_or_obeyed_by_terminals_is_no_report(name: str) -> None:
    assert named(name) is None
