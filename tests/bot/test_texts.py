from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from bot import events as ev
from bot.dialogs.registration import COMPONENTS
from bot.effects import Option, Reply, Say
from bot.prompts import NO, YES, option
from bot.session import Asked, Session
from bot.texts import Catalogue, MissingTextError
from bot.wording import clean
from tests import text_keys
from tests.conversation import CATALOGUE

KEYS = CATALOGUE.keys()
PREFIXES = {key.partition(".")[0] for key in KEYS}
SAID = sorted(key for key in KEYS if not key.startswith(("words.", "options.", *text_keys.CHECKED_ELSEWHERE)))
FORBIDDEN = re.compile(r"tidak valid|\berror\b|\binput\b|\bsubmit\b|verifikasi gagal|format nik|server|sistem", re.I)
MENU = (option("registration"), option("status"), option("appeal"), option("more"))


def words(template: str, tmp_path: Path, **params: Any) -> str:
    """A text of a catalogue of its own, with the real vocabulary."""
    folder = tmp_path / "id" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    real = Path(text_keys.BOT.parent, "locales", "id", "LC_MESSAGES", "words.po")
    (folder / "words.po").write_text(real.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "one.po").write_text(f'msgid "text"\nmsgstr "{template}"\n', encoding="utf-8")
    return Catalogue(tmp_path).text(Say("one.text", params))


# --- the catalogue and the code ----------------------------------------------------------------------------------


def test_every_key_has_a_text() -> None:
    assert text_keys.undeclared_families(PREFIXES) == set()
    assert text_keys.used_keys(PREFIXES) - KEYS == set()


def test_no_text_is_stale() -> None:
    used = text_keys.used_keys(PREFIXES) | text_keys.synonyms()
    used |= {f"{key}_short" for key in used}
    assert {key for key in KEYS - used if not key.startswith(text_keys.CHECKED_ELSEWHERE)} == set()


def test_no_text_is_empty() -> None:
    assert [key for key in KEYS if not CATALOGUE.raw(key).strip()] == []


def test_the_scan_sees_a_missing_and_an_undeclared_key() -> None:
    assert "menu.choose" in text_keys.used_keys({"menu"})
    assert "selfie.problem_dark" in text_keys.used_keys({"selfie"})
    assert text_keys.undeclared_families({"reasons"}) == set()


@pytest.mark.parametrize("key", SAID)
def test_a_message_is_short_and_has_no_office_words(key: str) -> None:
    text = CATALOGUE.raw(key)
    assert len(text) <= 520
    assert not FORBIDDEN.search(text)
    assert text.count("*") % 2 == 0
    assert "  " not in text


def test_labels_fit_a_button() -> None:
    """WhatsApp cuts a quick reply at 20 characters and a list item at 24."""
    labels = {key for key in KEYS if key.startswith("options.") and not key.endswith("_short")}
    shown = {key: CATALOGUE.raw(f"{key}_short" if f"{key}_short" in KEYS else key) for key in labels}
    assert {key: text for key, text in shown.items() if len(text) > 20} == {}


def test_what_people_are_told_to_write_is_understood_wherever_they_write_it() -> None:
    """`selesai` ends a question that shows it as an option; every other word works at any time, also at rest."""
    told = {
        word: key
        for key in SAID
        for word in re.findall(r"\b(?:tulis|menulis)(?: saja)? \*([^*{}]+)\*", CATALOGUE.raw(key), re.IGNORECASE)
    }
    assert len(told) >= 8
    lost = {}
    for word, key in told.items():
        event = CATALOGUE.resolve(ev.Text(word), Session())
        if isinstance(event, ev.Text) and not event.command:
            lost[word] = key
    assert set(lost) == {"selesai"}


def test_a_missing_key_raises() -> None:
    with pytest.raises(MissingTextError):
        CATALOGUE.text(Say("menu.nowhere"))


# --- words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "value", "expected"),
    [
        ("{x:va}", 1300, "1.300 VA"),
        ("{x:rp}", 1_500_000, "Rp1.500.000"),
        ("{x:number}", 2500, "2.500"),
        ("{x:date}", date(2026, 11, 22), "22 November 2026"),
        ("{x:date}", "2026-12-22", "22 Desember 2026"),
        ("{x:date}", "2026-11-22T18:30:00+00:00", "23 November 2026"),
        ("{x:time}", "2026-11-22T01:00:00+00:00", "08.00"),
        ("{x:time}", datetime(2026, 11, 22, 1, 5, tzinfo=UTC), "08.05"),
        ("{x:and}", ["a", "b", "c"], "a, b, dan c"),
        ("{x:bullets}", ["a", "b"], "• a\n• b"),
        ("{x:lines}", ["a", "b"], "1. a\n2. b"),
        ("{x}", Say("options.yes"), "Ya"),
        ("{x:and}", [Say("options.yes"), Say("options.no")], "Ya dan Tidak"),
        ("{x:mask}", "S*** A*****", "S*** A*****"),
        ("{x}", 16, "16"),
    ],
)
def test_values_in_a_text(template: str, value: Any, expected: str, tmp_path: Path) -> None:
    if isinstance(value, Say) or (isinstance(value, list) and isinstance(value[0], Say)):
        value = [CATALOGUE.text(say) for say in value] if isinstance(value, list) else CATALOGUE.text(value)
    assert words(template, tmp_path, x=value) == expected


def test_what_a_text_needs_and_does_not_get_raises(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        words("{x}", tmp_path)


def test_an_unknown_specification_raises(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="specification"):
        words("{x:euro}", tmp_path, x=1)


def test_nothing_is_no_word(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        words("{x}", tmp_path, x=None)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("*tebal* _miring_ ~coret~ `kode`", "tebal miring coret kode"),
        ("baris\nsatu\r\n1. Ya", "baris satu 1. Ya"),
        ("abc\u202edef\u200b\x00", "abcdef"),
        ("x" * 1_000, "x" * 599 + "…"),
    ],
)
def test_words_of_a_person_cannot_pose_as_ours(typed: str, shown: str) -> None:
    assert clean(typed) == shown


@pytest.mark.parametrize(("sex", "called"), [("", "Bapak/Ibu"), ("male", "Bapak"), ("female", "Ibu")])
def test_how_a_person_is_addressed(sex: str, called: str) -> None:
    assert f"*NIK* {called}," in CATALOGUE.text(Say("identify.ask_nik"), sex=sex)


def test_a_reply_numbers_its_options_and_gives_each_a_button() -> None:
    reply = Reply((Say("menu.choose"),), (option("handover"), YES), question=4)
    shown = CATALOGUE.render(reply)
    assert shown.text == "Mau mulai dari mana?\n1. Bicara dengan petugas\n2. Ya"
    assert shown.options[0] == ("4:handover", "Bicara petugas", "Bicara dengan petugas")


# --- typed answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        ("1", "registration"), ("1.", "registration"), (" 1 )", "registration"), ("nomor satu", "registration"),
        ("yang pertama", "registration"), ("yg ke dua", "status"), ("pilih 3", "appeal"), ("4", "more"),
        ("DAFTAR", "registration"), ("daftarrr", "registration"), ("daftar pak", "registration"),
        ("lihat hasil", "status"), ("liat hasil", "status"), ("lihat hasul", "status"), ("sanggha", "appeal"),
        ("lainya", "more"), ("lainnya dong", "more"), ("2️⃣", "status"), ("٢", "status"), ("hasil", "status"),
        ("5", ""), ("0", ""), ("11", ""), ("", ""), ("   ", ""), ("\U0001f44d", ""),
        ("saya mau tanya kenapa belum cair", ""), ("x" * 10_000, ""),
    ],
)  # fmt: skip
def test_a_typed_answer_to_the_menu(typed: str, chosen: str) -> None:
    assert CATALOGUE.understand_words(typed, MENU)[0] == chosen


@pytest.mark.parametrize(
    "typed", ["ya", "Yaaa", "iya bu", "nggih", "ok", "betul", "Ya.", "iyaa pak", "boleh", "setuju"]
)
def test_yes(typed: str) -> None:
    assert CATALOGUE.understand_words(typed, (YES, NO)) == ("yes", "")


@pytest.mark.parametrize(
    "typed", ["tidak", "gak", "enggak", "bukan", "mboten", "kada", "nda", "tidak pak", "TIDAAAK", "tdak"]
)
def test_no(typed: str) -> None:
    assert CATALOGUE.understand_words(typed, (YES, NO)) == ("no", "")


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("menu", "menu"), ("Batal", "cancel"), ("batall", "cancel"), ("ulangi", "repeat"), ("bantuan", "help"),
        ("petugas", "handover"), ("bicara dengan petugas", "handover"), ("status", "status"), ("lapor", "report"),
        ("stop", "stop_messages"), ("petugsa", "handover"), ("sanggah", "appeal"),
        ("batalkan pendaftaran saya yang kemarin itu", ""), ("menunya apa", ""),
    ],
)  # fmt: skip
def test_global_words(typed: str, command: str) -> None:
    assert CATALOGUE.understand_words(typed, ()) == ("", command)


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        ("1, 3", "pregnancy,sd"), ("1,3,3", "pregnancy,sd"), ("3 dan 6", "sd,lansia"), ("3&6", "sd,lansia"),
        ("3 6", "sd,lansia"), ("sd dan smp", "sd,smp"), ("anak SD, balita sama lansia", "sd,balita,lansia"),
        ("3, 12", ""), ("sd dan motor", ""),
    ],
)  # fmt: skip
def test_several_options_in_one_answer(typed: str, chosen: str) -> None:
    assert CATALOGUE.understand_words(typed, COMPONENTS) == (chosen, "")


def test_a_word_that_fits_two_options_means_neither() -> None:
    twins = (Option("a", Say("options.component_sd")), Option("b", Say("options.component_smp")))
    assert CATALOGUE.understand_words("sekolah", twins) == ("", "")


def test_an_option_comes_before_a_global_word() -> None:
    session = Session(asked=Asked(1, "x", MENU))
    event = CATALOGUE.resolve(ev.Text("sanggah"), session)
    assert isinstance(event, ev.Text)
    assert (event.chosen, event.command) == ("appeal", "")
    event = CATALOGUE.resolve(ev.Text("sanggah"), Session())
    assert isinstance(event, ev.Text)
    assert (event.chosen, event.command) == ("", "appeal")


def test_what_is_no_text_is_left_alone() -> None:
    assert CATALOGUE.resolve(ev.Choice("1:yes"), Session()) == ev.Choice("1:yes")
