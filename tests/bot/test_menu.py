from __future__ import annotations

from tests.conversation import Conversation, means

MAIN = ["registration", "status", "appeal", "more"]


def test_the_first_words_are_those_of_a_clerk() -> None:
    chat = Conversation().opens()
    chat.expects("menu.welcome", "menu.choose", options=MAIN)
    assert chat.text == (
        "Selamat datang di layanan *Perlinsos*. Di sini Bapak/Ibu bisa mendaftar bantuan sosial, melihat hasil, dan "
        "mengajukan sanggah. Layanan ini gratis. Kami tidak pernah meminta kode OTP, PIN, atau uang.\n\n"
        "Mau mulai dari mana?\n1. Daftar\n2. Lihat hasil\n3. Sanggah\n4. Lainnya"
    )


def test_a_greeting_is_welcomed_and_thanks_end_it() -> None:
    chat = Conversation(understands=means(greet="assalamualaikum", thanks="matur nuwun"))
    chat.says("assalamualaikum").expects("menu.welcome", "menu.choose")
    chat = Conversation(understands=means(thanks="matur nuwun"))
    chat.says("matur nuwun").expects("small_talk.thanks")
    assert chat.done


def test_more_lists_the_rest_and_leads_back() -> None:
    chat = Conversation().opens().says("lainnya")
    chat.expects("menu.more")
    assert chat.options[-1] == "back"
    chat.says("kembali").expects("menu.choose", options=MAIN)


def test_talk_of_something_else_gets_a_kind_boundary_and_the_menu() -> None:
    chat = Conversation(understands=means(out_of_scope="harga cabe berapa ya"))
    chat.says("harga cabe berapa ya")
    chat.expects("menu.out_of_scope", "menu.choose", options=["registration", "status", "appeal", "more"])


def test_talk_of_something_else_inside_a_journey_keeps_the_step() -> None:
    chat = Conversation(understands=means(out_of_scope="kapan persebaya main"))
    chat.says("daftar")
    chat.says("kapan persebaya main")
    chat.expects("common.out_of_scope", "identify.consent_data", options=["yes", "no"])


def test_whoever_is_not_understood_three_times_in_a_row_is_offered_a_human() -> None:
    chat = Conversation(understands=means(out_of_scope="harga cabe berapa ya"))
    chat.says("harga cabe berapa ya")
    chat.says("harga cabe berapa ya")
    assert "petugas" not in chat.text
    chat.says("harga cabe berapa ya")
    chat.expects("menu.out_of_scope", "common.offer_human", "menu.choose")
