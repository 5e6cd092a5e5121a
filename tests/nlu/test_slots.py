from __future__ import annotations

from datetime import date

import pytest

from nlu import slots

TODAY = date(2026, 11, 22)
DISTRICTS = ["Banyuwangi", "Rogojampi", "Genteng", "Glagah", "Glenmore", "Srono", "Muncar", "Balikpapan Barat",
             "Balikpapan Timur", "Siliragung", "Purwoharjo", "Pesanggaran"]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3510164503870001", ("3510164503870001",)),
        ("nik saya 3510 1645 0387 0001 pak", ("3510164503870001",)),
        ("3510.1645.0387.0001", ("3510164503870001",)),
        ("NIK:35-10-16-450387-0001", ("3510164503870001",)),
        ("351O164503870OO1", ("3510164503870001",)),
        ("nik 3510164503870001 kk 3510161201110002", ("3510164503870001", "3510161201110002")),
        ("3510164503870001\n3510161201110002", ("3510164503870001", "3510161201110002")),
        ("3510164503870001 3510161201110002", ("3510164503870001", "3510161201110002")),
        ("351016450387000", ()),
        ("hp saya 081234567890", ()),
        ("tidak ada angka", ()),
    ],
)
def test_sixteen_digits_however_they_are_grouped(text: str, numbers: tuple[str, ...]) -> None:
    assert slots.id_numbers(text) == numbers


def test_a_short_number_is_still_seen_so_that_the_bot_can_count_it() -> None:
    assert [len(run) for run in slots.digit_runs("nik saya 3510 1645 0387 000")] == [15]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("nomor saya 0812-3456-7890", "+6281234567890"),
        ("wa +62 812 3456 7890 ya", "+6281234567890"),
        ("081234567890", "+6281234567890"),
        ("nik 3510164503870001", None),
        ("belum punya hp", None),
    ],
)
def test_phone_numbers(text: str, number: str | None) -> None:
    assert slots.phone(text) == number


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("22-11-1980", date(1980, 11, 22)),
        ("22 nov 80", date(1980, 11, 22)),
        ("lahir tgl 5 Agustus tahun 1990", date(1990, 8, 5)),
        ("1/2/03", date(2003, 2, 1)),
        ("22111980", date(1980, 11, 22)),
        ("1980-11-22", date(1980, 11, 22)),
        ("17 pebruari 1955", date(1955, 2, 17)),
        ("9desember2019", date(2019, 12, 9)),
        ("31-02-1980", None),
        ("45 mei 1980", None),
        ("1-1-1850", None),
        ("kapan saja", None),
    ],
)
def test_dates(text: str, day: date | None) -> None:
    assert slots.find_date(text, TODAY) == day


@pytest.mark.parametrize(
    "text",
    ["ya", "Iya pak", "nggih", "inggih bu", "iye puang", "enggi", "oke siap", "YA SAYA IZINKAN",
     "betul itu saya", "sudah", "boleh kak", "gak papa", "tidak keberatan", "👍", "iyaaa", "yoi", "gelem",
     "leres", "bujur", "ya sudah", "monggo", "iya saya mau lanjut", "sampun", "hooh", "setuju"],
)  # fmt: skip
def test_yes(text: str) -> None:
    assert slots.yes_no(text) is True


@pytest.mark.parametrize(
    "text",
    ["tidak", "gak mau", "mboten", "kada", "ndak", "nda", "enten", "bukan saya", "saya tidak setuju", "belum",
     "jangan dulu", "TDK", "emoh", "sing gelem", "njek", "👎", "belum punya", "dereng", "nanti saja",
     "salah orang", "taniya", "nggak"],
)  # fmt: skip
def test_no(text: str) -> None:
    assert slots.yes_no(text) is False


@pytest.mark.parametrize(
    "text",
    ["", "iya tapi saya belum punya ikd", "bukan penipuan kan?", "ya?", "saya mau tanya kapan cair",
     "tidak tahu", "iya tidak", "kenapa saya ditolak", "boleh tanya dulu pak", "👍👎", "mungkin",
     "bukan begitu maksud saya pak saya ini mau tanya"],
)  # fmt: skip
def test_neither_yes_nor_no(text: str) -> None:
    assert slots.yes_no(text) is None


@pytest.mark.parametrize(
    ("text", "rupiah"),
    [
        ("1,5 juta", 1_500_000),
        ("1.5jt", 1_500_000),
        ("sejuta setengah", 1_500_000),
        ("satu setengah juta", 1_500_000),
        ("setengah juta", 500_000),
        ("900rb", 900_000),
        ("gaji suami saya 900 ribu sebulan", 900_000),
        ("Rp1.500.000", 1_500_000),
        ("Rp 1.500.000,00", 1_500_000),
        ("rp 750", 750),
        ("1500000", 1_500_000),
        ("dua juta lima ratus ribu", 2_500_000),
        ("dua juta lima ratus", 2_500_000),
        ("seratus lima puluh ribu", 150_000),
        ("dua belas ribu", 12_000),
        ("sewu", 1_000),
        ("rong yuto", 2_000_000),
        ("telung atus ewu", 300_000),
        ("gocap", 50_000),
        ("sejuta", 1_000_000),
        ("2 juta 300 ribu", 2_300_000),
        ("tiga ratus lima puluh ribu rupiah", 350_000),
        ("900", None),
        ("1-2 juta", None),
        ("suami 1 juta, saya 500 ribu", None),
        ("tidak punya penghasilan", None),
    ],
)
def test_amounts(text: str, rupiah: int | None) -> None:
    assert slots.amount(text) == rupiah


@pytest.mark.parametrize(
    ("text", "va"),
    [
        ("900 watt", 900),
        ("1300va", 1300),
        ("1.300 VA", 1300),
        ("listrik saya 2200", 2200),
        ("daya sembilan ratus", 900),
        ("450 W pak", 450),
        ("anak saya 3", None),
        ("900 atau 1300 watt", None),
    ],
)
def test_electric_power(text: str, va: int | None) -> None:
    assert slots.electric_power(text) == va


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("rogojampi", "Rogojampi"),
        ("kec. rogojampy", "Rogojampi"),
        ("saya di Rogo Jampi pak", "Rogojampi"),
        ("glagh", "Glagah"),
        ("balikpapan timur", "Balikpapan Timur"),
        ("purwo harjo", "Purwoharjo"),
        ("pesangaran", "Pesanggaran"),
        ("balikpapan", None),
        ("surabaya", None),
        ("", None),
    ],
)
def test_regions_with_typing_errors(text: str, name: str | None) -> None:
    assert slots.region(text, DISTRICTS) == name
