"""The address for notices of channels: open to everybody, and nobody is believed who is not proved."""

from __future__ import annotations

from flask import Flask

from shopapp.accounts import notices


def test_a_channel_that_sends_none_has_no_address(app: Flask) -> None:
    client = app.test_client()
    for channel in ("amazon", "nobody", "%00", "x" * 500):
        assert client.post(f"/notices/{channel}", data=b"{}").status_code == 404
        assert client.get(f"/notices/{channel}?challenge_code=x").status_code == 404
    assert client.delete("/notices/amazon").status_code == 405


def test_a_notice_without_end_is_not_read(app: Flask) -> None:
    assert app.test_client().post("/notices/amazon", data=b"x" * (notices.LARGEST + 1)).status_code == 413
