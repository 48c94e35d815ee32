"""The embedded queue belongs to us alone, also where its socket must live in a folder that everybody may write to."""

import os
import tempfile
from pathlib import Path

import pytest

from shopapp.cli.up import queue_command
from shopapp.config import Config, ConfigError

LONG = "long" * 30


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A data folder whose path is too long for a socket, and a temporary folder of the test's own."""
    shared = tmp_path / "t"
    shared.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    found = Config.load({"SHOPAPP_DATA": str(tmp_path / LONG)}, serving=False)
    assert found.queue_socket.is_relative_to(shared)
    return found


def test_the_folder_of_the_socket_is_made_for_us_alone_and_used_again(config: Config) -> None:
    for _ in range(2):
        assert str(config.queue_socket) in queue_command(config)
    assert config.queue_socket.parent.stat().st_mode & 0o077 == 0


def test_a_folder_that_others_may_write_to_is_refused(config: Config) -> None:
    config.queue_socket.parent.mkdir(mode=0o700)
    config.queue_socket.parent.chmod(0o777)
    with pytest.raises(ConfigError, match="not ours alone"):
        queue_command(config)


def test_a_link_that_leads_elsewhere_is_refused(config: Config, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    config.queue_socket.parent.symlink_to(tmp_path / "theirs")
    with pytest.raises(ConfigError, match="not ours alone"):
        queue_command(config)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(config: Config) -> None:
    config.queue_socket.parent.mkdir(mode=0o700)
    os.chown(config.queue_socket.parent, 65534, 65534)
    with pytest.raises(ConfigError, match="not ours alone"):
        queue_command(config)
