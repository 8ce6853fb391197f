"""The config file with its contexts, as the client library and the command line read it."""

from pathlib import Path

import pytest

from knarr.client import Client
from knarr.client.contexts import Config, Context, ContextError, NoContext, choose, config_path, load, save

LOCAL = Context(("127.0.0.1:7443",))
FAR = Context(("10.0.0.1:7443", "10.0.0.2:7443"), "web")
BOTH = Config().with_context("far", FAR).with_context("local", LOCAL)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "below" / "config.yaml"
    save(BOTH, path)
    assert load(path) == BOTH
    assert path.stat().st_mode & 0o077 == 0


def test_no_file_is_an_empty_config(tmp_path: Path) -> None:
    assert load(tmp_path / "none") == Config()


@pytest.mark.parametrize("text", ["a: [1", "contexts: [1]", "contexts: {a: {}}", "- 1"])
def test_what_is_no_config_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ContextError, match=r"is no Knarr config"):
        load(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ContextError, match="cannot read"):
        load(tmp_path)


def test_choosing() -> None:
    assert choose(BOTH) == LOCAL
    assert choose(BOTH, "far") == FAR
    assert choose(BOTH, "far", "a:1, b:2") == Context(("a:1", "b:2"), "web")
    assert choose(Config(), None, "a:1") == Context(("a:1",))
    with pytest.raises(NoContext, match=r'no context "none"; known: far, local'):
        choose(BOTH, "none")
    with pytest.raises(NoContext, match="no cluster is configured"):
        choose(Config())


def test_removing_the_current_context_chooses_another() -> None:
    assert BOTH.without_context("local").current == "far"
    assert BOTH.without_context("far").current == "local"
    assert BOTH.without_context("far").without_context("local") == Config()


def test_where_the_file_is() -> None:
    assert config_path({"KNARR_CONFIG": "/a", "XDG_CONFIG_HOME": "/x"}) == Path("/a")
    assert config_path({"XDG_CONFIG_HOME": "/x"}) == Path("/x/knarr/config.yaml")


async def test_a_client_of_a_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(Config().with_context("local", LOCAL), tmp_path / "config.yaml")
    monkeypatch.setenv("KNARR_CONFIG", str(tmp_path / "config.yaml"))
    client = Client.connect()
    assert client.address == "127.0.0.1:7443"
    await client.close()
    with pytest.raises(NoContext):
        Client.connect(context="far")
