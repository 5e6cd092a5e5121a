"""What bad input gets: the very sentence, the step kept, nothing lost, over both providers and with the real parts."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from backend import crypto
from backend.db import Database
from backend.models import Conversation, table
from bot import session as sessions
from tests import faces_support as pictures
from tests.e2e.conftest import World
from tests.e2e.people import FRONT, TURNED, Citizen

pytestmark = pytest.mark.asyncio(loop_scope="module")

FACE, OTHER = FRONT["collins"], FRONT["hopper"]
LARGER_THAN_ALLOWED = 20 << 20
RIGHT_TO_LEFT = "\u202bمرحبا\u202c \u200f"

# One answer for words at each step; what they hold makes no difference there.
WORDS = ["   ", "a" * 4096, "kata " * 2000, "\u202eabc\u202c", RIGHT_TO_LEFT, "😀👍🏽🙏", "\u200b", "."]

CHOOSE = "Maaf, saya belum paham. Balas dengan angka atau kata dari pilihan ini."
BEYOND = "Maaf, itu di luar yang bisa saya bantu di sini. Kita lanjutkan dulu, ya."
NIK_EMPTY = "Angkanya belum ada. NIK itu 16 angka di KTP; tolong ketik angkanya saja."
NIK_LETTERS = "NIK hanya angka, tanpa huruf. Coba lihat lagi di KTP, lalu ketik 16 angkanya."
NIK_LONG = "Yang kami terima {} angka, kelebihan; NIK ada 16 angka. Coba lihat lagi di KTP, lalu kirim ulang."
PHOTO_PLEASE = (
    "Untuk langkah ini yang kami perlukan foto wajah Ibu, bukan tulisan. Tekan gambar kamera, potret wajah Ibu, "
    "lalu kirim."
)

AT_THE_NIK = {
    "   ": NIK_EMPTY,
    "😀👍🏽🙏": NIK_EMPTY,
    "\u200b": NIK_EMPTY,
    "\u202eabc\u202c": NIK_LETTERS,
    RIGHT_TO_LEFT: NIK_LETTERS,
    "kata " * 2000: NIK_LETTERS,
    "9" * 1600: NIK_LONG.format("1.600"),
    "351016450387000": ("Yang kami terima baru 15 angka; NIK ada 16 angka. Coba lihat lagi di KTP, lalu kirim ulang."),
    "35101645038700011": NIK_LONG.format("17"),
    "35101645O387000I": NIK_LETTERS,
    "3510164513870001": (
        "Ada angka yang belum pas: angka ke-7 sampai ke-12 seharusnya tanggal lahir. "
        "Coba cocokkan lagi dengan KTP, lalu kirim ulang."
    ),
    "1111111111111111": (
        "Angkanya sama semua, jadi itu belum NIK. Tolong ketik 16 angka seperti yang tertulis di KTP."
    ),
    "3510160101100001": (
        "Sepertinya itu nomor Kartu Keluarga. NIK ada di KTP, di baris paling atas. Tolong kirim NIK-nya."
    ),
}
AT_THE_KK = {
    "   ": "Angkanya belum ada. Nomor KK itu 16 angka di bagian atas Kartu Keluarga; tolong ketik angkanya saja.",
    "351016010110000": (
        "Yang kami terima baru 15 angka; nomor KK ada 16 angka. Coba lihat lagi di Kartu Keluarga, lalu kirim ulang."
    ),
    "35101601011000A1": (
        "Nomor KK hanya angka, tanpa huruf. Coba lihat lagi di Kartu Keluarga, lalu ketik 16 angkanya."
    ),
    "3510169901100001": (
        "Ada angka yang belum pas di tengah nomornya. Coba cocokkan lagi dengan Kartu Keluarga, lalu kirim ulang."
    ),
    "3510164503870001": (
        "Sepertinya itu NIK. Nomor KK ada di bagian paling atas Kartu Keluarga. Tolong kirim nomor KK-nya."
    ),
}
# Content that is neither words nor a photo: what it gets where words are awaited, and where a photo is.
MEDIA = {
    "voice": (
        "Maaf, pesan suara belum bisa kami dengar. Tolong jawab dengan tulisan.",
        "Maaf, pesan suara belum bisa kami dengar. Untuk langkah ini kami perlu foto.",
    ),
    "video": (
        "Video belum bisa kami buka. Tolong jawab dengan tulisan, atau foto bila kami minta.",
        "Video belum bisa kami buka. Yang kami perlukan foto: tolong potret, lalu kirim fotonya.",
    ),
    "document": (
        "Dokumen seperti itu belum bisa kami buka. Kalau isinya perlu dilihat, tolong difoto lalu kirim fotonya.",
        "Dokumen seperti itu belum bisa kami buka. Untuk langkah ini kami perlu foto: tolong potret, lalu kirim fotonya.",
    ),
    "location": (
        "Lokasinya belum kami perlukan. Tolong jawab dengan tulisan, ya.",
        "Lokasinya belum kami perlukan. Untuk langkah ini kami perlu foto.",
    ),
}
TWILIO_MEDIA = {"voice": "audio/ogg", "video": "video/mp4", "document": "application/pdf"}
NO_PHOTO_YET = "Terima kasih fotonya, tetapi untuk pertanyaan ini kami belum perlu foto."
TOO_SMALL = (
    "Gambarnya terlalu kecil, wajah Ibu tidak terlihat jelas. Kirim foto langsung dari kamera, bukan tangkapan layar."
)
NO_FACE = "Di foto itu wajah Ibu belum terlihat. Hadapkan wajah ke kamera di tempat terang, lalu kirim lagi."


def animated() -> bytes:
    frames, buffer = [pictures.picture_of(FACE), pictures.picture_of(OTHER)], io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def photos() -> dict[str, tuple[bytes, str]]:
    """(bytes, sentence) of every photo that is no selfie."""
    return {
        "dark": (
            pictures.darkened(FACE),
            "Fotonya terlalu gelap, wajah Ibu belum terlihat jelas. Coba dekat jendela atau di luar rumah, "
            "lalu kirim lagi.",
        ),
        "blurred": (
            pictures.blurred(FACE),
            "Fotonya kabur. Pegang HP dengan dua tangan, tunggu sampai gambarnya jelas, lalu kirim lagi.",
        ),
        "thumbnail": (pictures.shrunk(FACE, 60), TOO_SMALL),
        "icon": (pictures.shrunk(FACE, 20), TOO_SMALL),
        "no face": (pictures.cropped(FACE, 0.0, 0.6, 1.0, 1.0), NO_FACE),
        "two faces": (
            pictures.tiled_two(FACE, OTHER),
            "Di foto itu ada lebih dari satu wajah. Tolong foto Ibu sendiri saja, lalu kirim lagi.",
        ),
        "ktp": (
            pictures.ktp(FACE),
            "Itu sepertinya foto KTP. Yang kami perlukan wajah Ibu sendiri, langsung dari kamera. Tolong potret, "
            "lalu kirim lagi.",
        ),
        "bomb": (
            pictures.bomb(),
            "Ukuran gambarnya terlalu besar untuk dibuka. Potret lagi dengan kamera HP biasa, lalu kirim lagi.",
        ),
        "half a file": (
            FACE[:5000],
            "Fotonya tidak bisa dibuka. Coba potret lagi dengan kamera HP, lalu kirim lagi.",
        ),
        "moving": (
            animated(),
            "Itu gambar bergerak. Yang kami perlukan satu foto biasa. Tolong potret wajah Ibu, lalu kirim lagi.",
        ),
        "pdf that says it is a photo": (
            b"%PDF-1.7 contoh",
            "Itu berkas PDF. Yang kami perlukan foto wajah Ibu langsung dari kamera. Tolong potret, lalu kirim lagi.",
        ),
        "video that says it is a photo": (
            b"\0\0\0\x18ftypmp42" + bytes(100),
            "Itu video. Yang kami perlukan satu foto wajah Ibu; tolong potret, lalu kirim lagi.",
        ),
    }


class Careless(Citizen):
    """A citizen who gets everything wrong before getting it right."""

    telegram: bool = False

    async def gives(self, data: bytes, kind: str) -> None:
        """A file as the phone sends it."""
        if self.telegram:
            await self.user.sends_file(data, kind)  # type: ignore[attr-defined]
        else:
            await self.user.sends_media([(data, kind)])  # type: ignore[attr-defined]

    async def sends_other(self, kind: str) -> None:
        if self.telegram:
            await self.user.sends(kind)  # type: ignore[attr-defined]
        elif kind == "location":
            await self.user.shares_location(-8.219233, 114.369225)  # type: ignore[attr-defined]
        else:
            await self.user.sends_media([(b"contoh", TWILIO_MEDIA[kind])])  # type: ignore[attr-defined]

    async def is_told(self, sentence: str, *more: str) -> str:
        """The answer begins with this sentence, whole, as a paragraph of its own."""
        text = await self.hears(*more)
        assert text.split("\n\n")[0] == sentence, f"expected {sentence!r}, heard: {text}"
        return text

    async def writes_nonsense(self, sentence: str, *more: str) -> None:
        """Words that nobody can understand; what looks like talk of something else may be told so, the step is kept."""
        for words in WORDS:
            await self.user.says(words)
            text = await self.hears(*more)
            assert text.split("\n\n")[0] in {sentence, BEYOND}, f"expected {sentence!r}, heard: {text}"
        if not self.telegram:  # Telegram has no empty messages
            await self.user.says("")
            await self.is_told(sentence, *more)


def careless(world: World, name: str = "Siti Aminah") -> Careless:
    citizen = world.citizen(name)
    found = Careless(citizen.user, citizen.resident)
    found.telegram = world.channel == "telegram"
    return found


async def test_after_everything_that_can_go_wrong_the_registration_is_finished(world: World) -> None:
    """Two chats at once, because a provider lets through about one message a second to each."""
    await asyncio.gather(numbers_and_photos(careless(world)), words_and_other_content(careless(world, "Wahyuni")))


async def numbers_and_photos(siti: Careless) -> None:
    await siti.says("daftar", "kami perlu melihat data")
    await siti.says("ya", "kirim NIK")
    for sent, sentence in AT_THE_NIK.items():
        await siti.user.says(sent)
        await siti.is_told(sentence)
    await siti.says(siti.resident.nik, "nomor KK")
    for sent, sentence in AT_THE_KK.items():
        await siti.user.says(sent)
        await siti.is_told(sentence)
    await siti.says(str(siti.resident.kk), "Kami menemukan data atas nama")
    await siti.says("1", "mencocokkan foto wajah")
    await siti.says("ya", "Hanya wajah")
    for data, sentence in photos().values():
        await siti.gives(data, "image/jpeg")
        await siti.is_told(sentence)
    await siti.gives(FACE + bytes(LARGER_THAN_ALLOWED), "image/jpeg")
    assert "sebagai foto biasa" in await siti.hears("Hanya wajah Ibu, bukan foto KTP")
    await siti.gives(pictures.as_format(FACE, "HEIC"), "image/heic")
    await siti.is_told("Bagus, fotonya jelas.", "menoleh")
    await siti.gives(pictures.as_format(TURNED["collins"], "WEBP"), "image/webp")
    await siti.is_told("Terima kasih, wajah Ibu sudah cocok.", "Siapa saja")
    await siti.says("3", "rekening")
    await siti.says("BRI 1234 5678 9012 345", "mengabari")
    await siti.says("1", "ringkasan", siti.resident.name)
    await siti.says("1", "Nomornya")
    await siti.hears("memenuhi syarat")
    assert not any(siti.resident.nik in text for text in siti.heard)


async def words_and_other_content(wahyuni: Careless) -> None:
    await wahyuni.says("😀😀😀", "Mau mulai dari mana?")
    await wahyuni.says("daftar", "kami perlu melihat data")
    await wahyuni.writes_nonsense(CHOOSE, "Apakah Bapak/Ibu mengizinkan?")
    await wahyuni.says("ya", "kirim NIK")
    for kind, (sentence, _) in MEDIA.items():
        await wahyuni.sends_other(kind)
        await wahyuni.is_told(sentence, "Tolong kirim NIK")
    for photo in (FACE, pictures.as_format(FACE, "GIF")):
        await wahyuni.gives(photo, "image/gif")
        await wahyuni.is_told(NO_PHOTO_YET, "Tolong kirim NIK")
    await wahyuni.says(wahyuni.resident.nik, "nomor KK")
    await wahyuni.says(str(wahyuni.resident.kk), "Kami menemukan data atas nama")
    await wahyuni.says("1", "mencocokkan foto wajah")
    await wahyuni.says("ya", "Hanya wajah")
    await wahyuni.writes_nonsense(PHOTO_PLEASE)
    for kind, (_, sentence) in MEDIA.items():
        await wahyuni.sends_other(kind)
        await wahyuni.is_told(sentence, "Hanya wajah Ibu, bukan foto KTP")
    await wahyuni.sends(FACE, "menoleh")
    await wahyuni.sends(TURNED["collins"], "sudah cocok", "data PKH")


async def test_the_same_message_twice_an_old_button_and_answers_out_of_order(world: World) -> None:
    bambang = careless(world, "Bambang Sutrisno")
    asked = await bambang.says("daftar", "kami perlu melihat data")
    old = bambang.user.last  # type: ignore[attr-defined]
    again = await bambang.user.says("ya")
    await bambang.hears("kirim NIK")
    if bambang.telegram:
        await world.telegram.deliver(again)
    else:
        await bambang.user.again(again)  # type: ignore[attr-defined]
    await bambang.user.hears_nothing(1.5)  # type: ignore[attr-defined]
    if old.buttons:
        await bambang.user.taps("Tidak", old)  # type: ignore[call-arg]
        await bambang.is_told("Tombol itu dari pesan yang lama. Pertanyaan yang sekarang:", "Tolong kirim NIK")
    else:
        assert "2. Tidak" in asked, "without Content resources a choice is its number"
    # Two messages that overtake each other on the way: the KK first, the NIK after it.
    await bambang.user.says(str(bambang.resident.kk))
    await bambang.is_told(AT_THE_NIK["3510160101100001"])
    await bambang.says(bambang.resident.nik, "nomor KK")
    await bambang.says(str(bambang.resident.kk), "Kami menemukan data atas nama")


async def test_an_album_of_twelve_is_one_selfie(world: World) -> None:
    agus = careless(world, "Agus Hariyanto")
    await agus.identifies()
    await agus.says("1", "mencocokkan foto wajah")
    await agus.says("ya", "Hanya wajah")
    await agus.user.sends_album([OTHER] * 12)  # type: ignore[attr-defined]
    await agus.is_told("Fotonya lebih dari satu; kami pakai yang pertama.", "Bagus, fotonya jelas.", "menoleh")
    await agus.user.hears_nothing(2)  # type: ignore[attr-defined]
    await agus.sends(TURNED["hopper"], "sudah cocok")


async def test_an_album_of_twelve_as_evidence_keeps_ten_and_says_so(world: World) -> None:
    nurhayati = careless(world, "Nurhayati")
    await nurhayati.registers("collins")
    await nurhayati.hears("belum bisa menerima")
    await nurhayati.says("1", "dipakai orang lain")
    await nurhayati.says("1", "selesai")
    await nurhayati.user.sends_album([*[FACE] * 11, pictures.darkened(FACE)])  # type: ignore[attr-defined]
    await nurhayati.is_told("Paling banyak 10 foto untuk satu sanggah. Foto selebihnya tidak kami simpan.")
    await nurhayati.hears("Sudah ada 10 foto, dan itu sudah cukup banyak.")
    await nurhayati.says("selesai", "kata-kata Ibu sendiri")


async def test_after_days_the_question_is_still_open_and_a_stray_word_is_led_back(world: World) -> None:
    rahmawati = careless(world, "Rahmawati")
    await rahmawati.says("daftar", "kami perlu melihat data")
    await rahmawati.says("ya", "kirim NIK")
    await rahmawati.says(rahmawati.resident.nik, "nomor KK")
    await days_pass(world, 9)
    await rahmawati.says("halo lagi", "Selamat datang kembali, Ibu.", "yang sudah diisi masih tersimpan")
    await rahmawati.says("1", "nomor KK")
    await days_pass(world, 9)
    await rahmawati.says(str(rahmawati.resident.kk), "Kami menemukan data atas nama")


async def days_pass(world: World, days: int) -> None:
    """Every chat was last heard of so many days ago."""
    crypto.use(crypto.KeyRing(world.service.environment["PERLINSOS_SECRET_KEYS"]))
    database, chats = Database(world.service.environment["PERLINSOS_DATABASE_URL"]), table(Conversation)
    async with database.write() as connection:
        for row in await connection.execute(select(chats.c.id, chats.c.session)):
            session = sessions.from_json(row.session)
            assert session.last_at is not None
            earlier = sessions.to_json(replace(session, last_at=session.last_at - timedelta(days=days)))
            await connection.execute(update(chats).where(chats.c.id == row.id).values(session=earlier))
    await database.close()
