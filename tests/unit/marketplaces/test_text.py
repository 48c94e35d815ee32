"""Text made harmless on its way in and free of secrets on its way out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.text import clean, redact


@pytest.mark.parametrize(
    ("raw", "good"),
    [
        (None, ""),
        ("  Åsa   Öberg \n", "Åsa Öberg"),
        ("a\x00b", "a b"),
        ("bad\ud800half", "badhalf"),
        ("gift \u202eexe.jpg", "gift exe.jpg"),
        ("line\r\nbreak\u2028more", "line break more"),
        ("family \U0001f468\u200d\U0001f469", "family \U0001f468\u200d\U0001f469"),
        (12345, "12345"),
        ("x" * 10_000, "x" * 255),
        ("e" + "\u0301" * 10_000, "e" + "\u0301" * 254),
    ],
)
def test_hostile_text_becomes_harmless(raw: object, good: str) -> None:
    assert clean(raw) == good


def test_inner_blanks_of_a_sku_count() -> None:
    assert clean(" A  B\n", keep_spaces=True) == "A  B"


@pytest.mark.parametrize("raw", [True, 1.5, ["a"], {"a": 1}])
def test_what_is_no_text_is_refused(raw: object) -> None:
    with pytest.raises(TypeError):
        clean(raw)


@given(st.text(st.characters(), max_size=300), st.integers(1, 300))
def test_cleaned_text_fits_every_database(raw: str, limit: int) -> None:
    text = clean(raw, limit)
    assert len(text) <= limit
    assert "\x00" not in text
    text.encode()
    assert clean(text, limit) == text


@pytest.mark.parametrize(
    "secret",
    [
        "Atza|IwEBIabc-def_123",
        "Atzr|IwEBIabc-def_123",
        "Atzr%7CIwEBIabc-def_123",
        "amzn1.oa2-cs.v1.0123456789abcdef",
        "amzn.mws.4ea38b7b-f563-7709-4bae-87aea1234567",
        "buyer.name+tag@marketplace.amazon.de",
        "the-typed-password",
    ],
)
def test_secrets_are_masked_wherever_they_stand(secret: str) -> None:
    for text in (f"token {secret} refused", f'{{"x":"{secret}"}}', f"https://a.example/?q={secret}&b=1"):
        masked = redact(text, ("the-typed-password", "x", ""))
        assert secret not in masked
        assert "***" in masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abc.def.ghi", "Authorization: ***"),
        ('{"refresh_token": "abcdef", "ok": 1}', '{"refresh_token": "***", "ok": 1}'),
        ("https://a.example/?code=RHabc123&state=1", "https://a.example/?code=***&state=1"),
        ("grant_type=x&client_secret=hush&b=c", "grant_type=x&client_secret=***&b=c"),
        ("nothing to hide: error code 400", "nothing to hide: error code 400"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, masked: str) -> None:
    assert redact(text) == masked
