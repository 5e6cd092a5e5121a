from __future__ import annotations

from pathlib import Path

import pytest

from nlu.normalise import LONGEST, Normaliser, clean, default


@pytest.mark.parametrize(
    ("written", "standard"),
    [
        ("makasiiih", "terima kasih"),
        ("bisa2", "bisa-bisa"),
        ("hslx", "hslnya"),
        ("datax", "data"),
        ("kk saya", "kartu keluarga saya"),
        ("nda mau", "tidak mau"),
        ("ndak bs dftr", "tidak bisa daftar"),
        ("knp sy dtolak", "kenapa saya ditolak"),
        ("PRIPUN", "bagaimana"),
        ("matur nuwun", "terima kasih"),
        ("orang kaya", "orang kaya"),
        ("tapi lain", "tapi lain"),
        ("Assalamu’alaikum", "assalamualaikum"),
        ("nik 3510 1645 0387 0001", "nik angkapanjang"),
        ("cek https://bansos.example.xyz/x?y=1 dong", "cek alamatsitus dong"),
        ("gaaaak", "tidak"),
        ("👍🏽👍", "iya"),
        ("👎", "tidak"),
        ("👍👎", ""),
        ("belum 👍", "belum"),
    ],
)
def test_what_people_write_becomes_standard_words(written: str, standard: str) -> None:
    assert default().normalise(written) == standard


def test_politeness_is_left_out_only_when_something_else_is_said() -> None:
    normaliser = default()
    assert normaliser.request(normaliser.tokens("assalamualaikum pak, mau daftar dong")) == ["mau", "daftar"]
    assert normaliser.request(normaliser.tokens("assalamualaikum")) == ["assalamualaikum"]
    assert normaliser.request(normaliser.tokens("pak")) == ["pak"]


@pytest.mark.parametrize(
    ("written", "request_", "denied"),
    [
        ("bukan mau daftar pak, cuma tanya syarat", "tanya syarat", "bukan mau daftar"),
        (
            "gak usah jelasin lagi alasannya, aku mau banding aja",
            "saya mau banding saja",
            "tidak usah jelaskan lagi alasan",
        ),
        ("saya tanya hasil bu, bukan tanya uang", "saya tanya hasil", "bukan tanya uang"),
        ("bukan saya itu", "bukan saya itu", ""),
        ("bukan, alamatnya salah", "bukan alamatnya salah", ""),
        ("bukan mau daftar", "bukan mau daftar", ""),
    ],
)
def test_what_a_message_says_it_is_not_about_is_kept_apart(written: str, request_: str, denied: str) -> None:
    normaliser = default()
    parts = normaliser.denied(written, normaliser.tokens(written))
    assert [" ".join(part) for part in parts] == [request_, denied]


def test_a_very_long_text_keeps_its_start_and_its_end() -> None:
    text = clean("mulai " + "x" * 10_000 + " selesai")
    assert len(text) <= LONGEST + 1
    assert text.startswith("mulai")
    assert text.endswith("selesai")


def test_a_variant_with_two_meanings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "words.yml"
    path.write_text(
        "words: {tidak: ga, bisa: ga}\nphrases: {}\nfillers: ''\ngreetings: [halo]\nemoji: {}\n"
        "clauses: {ends: '', denials: [], before: ''}\ncourtesies: {before: [], after: []}\n",
        encoding="utf-8",
    )
    with pytest.raises(ValueError, match="'ga' stands for"):
        Normaliser.read(path)
