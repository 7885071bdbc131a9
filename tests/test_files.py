"""Files are written whole or not at all, and nothing is overwritten."""

import errno
import os

import pytest

from eqenvs._files import new_folder, write_safely


def test_a_second_folder_of_the_same_name(tmp_path):
    first = new_folder(tmp_path / "runs", "CartPole-v1-seed0")
    second = new_folder(tmp_path / "runs", "CartPole-v1-seed0")
    assert first.name == "CartPole-v1-seed0" and second.name == "CartPole-v1-seed0-2"
    assert new_folder(tmp_path, "a/b:c").name == "a_b_c"


def test_no_folder_in_a_file(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(NotADirectoryError, match="runs"):
        new_folder(tmp_path / "runs", "CartPole-v1-seed0")


@pytest.mark.parametrize(
    "failure, error",
    [
        (OSError("no space left on device"), OSError),
        (OSError(errno.ENOSPC, "no space left on device"), OSError),
        (PermissionError(errno.EACCES, "there is no space"), PermissionError),
    ],
)
def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch, failure, error):
    path = tmp_path / "agent.eqx"
    write_safely(path, b"before")

    def fail(*_):
        raise failure

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(error, match=r"no space.*agent\.eqx'") as raised:
        write_safely(path, b"after")
    assert raised.value.filename == str(path)
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["agent.eqx"]


def test_an_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_safely(tmp_path / "agent.eqx", b"content")
    assert [*tmp_path.iterdir()] == []


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing/agent\.eqx"):
        write_safely(tmp_path / "missing" / "agent.eqx", b"")


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_modes_follow_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_safely(tmp_path / "ours", b"")
        (tmp_path / "plain").write_bytes(b"")
    finally:
        os.umask(before)
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode
