"""Many people in one chat: consent, face, the journeys of everybody, and nothing of one with another."""

from __future__ import annotations

import re
from dataclasses import replace

from bot import events as ev
from bot.effects import Record
from tests.conversation import Conversation
from tests.dialogs import cases
from tests.dialogs.desk import OWN, Citizen, Desk, citizen

LONGEST = 1_600


def kinds(written: list[tuple[int | None, Record]], person_id: int | None) -> list[str]:
    return [record.kind for whom, record in written if whom == person_id]


def decided(one: Citizen) -> Citizen:
    """Registered, refused for their electricity, and not told yet."""
    one.registration = replace(cases.REGISTRATION, number=f"PRL-{one.person.id}")
    one.decision = cases.REFUSED
    one.delegated = True
    return one


def test_a_whole_registration_in_at_most_ten_messages() -> None:
    one = citizen(1)
    desk = Desk(one).says("warga")
    before = len(desk.heard)
    desk.registers(one)
    assert len(desk.heard) - before <= 10 + 1  # the list that this test opens once more
    assert [row["person_id"] for row in one.filed] == [101]
    assert kinds(desk.written, 101) == ["delegation.give", "registration.file"]
    assert one.filed[0]["notify"] == "chat"


def test_every_message_begins_with_whom_it_concerns() -> None:
    one, other = citizen(1), citizen(2)
    desk = Desk(one, other).registers(one)
    asked = len(desk.heard)
    desk.registers(other)
    for heard in desk.heard[1:]:
        assert re.match(
            r"\[(Bu B\. …0001|Pak C\. …0002|NIK …\d{4}|Warga baru)\] |Belum ada warga|Warga dampingan", heard.text
        )
        assert len(heard.text) <= LONGEST
        for nik in (one.nik, other.nik, one.kk, other.kk):
            assert nik not in heard.text
    assert not any("Bu B." in heard.text for heard in desk.heard[asked + 1 :])


def test_each_consent_is_an_answer_of_its_own() -> None:
    desk = Desk(citizen(1)).says("warga").taps("add")
    desk.says("1, 2 dan 3").expects("accompany.ask_numbers")
    given = {record.data["purpose"]: record.data["granted"] for record in desk.turn.records}
    assert given == {"data_access": True, "face": True, "notification": False}


def test_without_the_needed_consents_nothing_is_looked_up() -> None:
    for answer in ("1 2", "5", "2 3 4"):
        desk = Desk(citizen(1)).says("warga").taps("add").says(answer)
        assert "accompany.no_consent" in desk.keys
        assert not [command for command in desk.commands if command.kind == "ikd.look_up"]
    Desk(citizen(1)).says("warga").taps("add").says("1 5").expects("accompany.none_and_more", "accompany.aloud")


def test_what_may_not_be_opened_says_one_thing_and_names_nobody() -> None:
    one = citizen(1)
    desk = Desk(one).says("warga").taps("add").says("1 2 3 4").says(f"{one.nik} {one.kk}")
    asked = desk.expects_command("ikd.look_up")
    assert asked.data["regions"] == ["35.10"]
    desk.job("not_together").expects("accompany.not_together", "accompany.ask_numbers")
    assert one.person.name.split()[0] not in desk.text


def test_before_the_face_nothing_of_the_person_can_be_opened() -> None:
    one = decided(citizen(1))
    one.delegated = False
    for word in ("status", "sanggah", "daftar", "data saya", "stop", "kode pendamping"):
        desk = Desk(one).adds(one).says(word)
        assert "not_yet" in desk.keys[0] or "theirs_alone" in desk.keys[0]
        desk.expects("selfie.ask_front")


def test_what_is_theirs_alone_stays_so_after_the_face() -> None:
    one = citizen(1)
    desk = Desk(one).registers(one)
    for word in ("data saya", "stop"):
        desk.says(word)
        assert desk.keys[0] == "accompany.theirs_alone"


def test_another_person_clears_the_one_before_and_each_goes_on_where_they_were() -> None:
    one, other = citizen(1), citizen(2)
    desk = Desk(one, other).adds(one).shows(one).says("3").expects("registration.ask_account")
    desk.says("ganti warga").expects("people.list")
    assert desk.session.person_id == OWN.id
    desk.taps("add").expects("accompany.aloud")
    assert desk.session.person_id is None
    assert not desk.session.whom
    desk.says("1 2 3 4").says(f"{other.nik}\n{other.kk}")
    desk.looked_up(other).says("ya")
    desk.says("warga").taps(f"p{one.person.id}").expects("registration.ask_account")
    assert desk.whom == "[Bu B. …0001]"
    desk.says(f"BRI {100000000000000}").says("ya").expects("registration.filed", "accompany.after")
    assert one.filed[0]["components"] == ["sd"]
    desk.taps("next")
    [left] = [choice for choice in desk.options if choice.startswith("c")]
    desk.taps(left).expects("selfie.ask_front")
    assert desk.whom == "[Pak C. …0002]"


def test_an_outcome_for_one_is_never_told_to_another() -> None:
    one, other = citizen(1), citizen(2)
    desk = Desk(one, other).adds(one)
    desk.sends_photo("one-front")
    late = desk.commands[-1]
    desk.says("warga").taps("add").says("1 2 3 4")
    before = desk.state
    desk.job("received", {"photos": [{"id": 7, "problem": None}]}, command=late).expects_silence()
    assert desk.session.stack == Conversation.session.fget(_with(desk, before)).stack  # type: ignore[attr-defined]
    desk.job("received", {"photos": [{"id": 7, "problem": None}]}, command=late).expects_silence()
    desk.says(f"{other.nik} {other.kk}")
    desk.looked_up(other).says("warga")
    [left] = [choice for choice in desk.options if "0001" in str(choice)] or [desk.options[1]]
    desk.taps(left).expects("selfie.front_good", "selfie.ask_turned")
    assert desk.whom == "[Bu B. …0001]"


def _with(desk: Desk, state: dict[str, object]) -> Desk:
    old = Desk()
    old.state = dict(state)
    return old


def test_a_match_that_comes_late_binds_its_own_case_only() -> None:
    one, other = citizen(1), citizen(2)
    desk = Desk(one, other).adds(one)
    desk.sends_photo("f").job("received", {"photos": [{"id": 1, "problem": None}]})
    desk.sends_photo("t").job("received", {"photos": [{"id": 2, "problem": None}]})
    match = desk.expects_command("face.verify")
    desk.adds(other)
    desk.job("match", command=match, person_id=one.person.id).expects_silence()
    assert desk.session.person_id is None
    desk.says("warga")
    [left] = [choice.id for choice in desk.session.asked.options if "0001" in str(choice.say)]  # type: ignore[union-attr]
    desk.taps(left).expects("selfie.match", "registration.ask_household")
    assert desk.session.person_id == one.person.id
    assert kinds(desk.written, one.person.id) == ["delegation.give"]


def test_jobs_carry_whose_they_are() -> None:
    one = citizen(1)
    desk = Desk(one).adds(one)
    desk.sends_photo("f")
    assert desk.commands[-1].data["about"] == {"case": "1", "person_id": None}
    desk.job("received", {"photos": [{"id": 1, "problem": None}]})
    assert "about" not in Desk(one).says("warga").commands[-1].data


def test_ten_idle_minutes_put_the_person_away() -> None:
    one = citizen(1)
    desk = Desk(one).adds(one)
    desk.waits(minutes=9)
    desk.says("bantuan").expects("selfie.help", "selfie.ask_front")
    desk.waits(minutes=9, seconds=59).expects("selfie.help", "selfie.ask_front")
    desk.waits(seconds=2).expects("accompany.idle")
    assert desk.whom == "[Bu B. …0001]"
    assert desk.session.case == ""
    desk.sends_photo("late")
    assert not desk.text.startswith("[")
    desk.says("warga")
    desk.taps(desk.options[0]).expects("selfie.ask_front")


def test_a_duty_that_ends_takes_every_case_with_it() -> None:
    one, other = citizen(1), citizen(2)
    desk = Desk(one, other).adds(one).adds(other)
    desk.on_duty = False
    desk.says("ya").expects("duty.ended")
    assert (desk.session.duty, desk.session.away, desk.session.case) == (None, {}, "")
    assert desk.session.person_id == OWN.id
    for text in (one.nik, other.nik):
        assert text not in str(desk.state)
    desk.says("warga").expects("people.not_on_duty")


def test_a_delegation_that_ends_closes_the_case_in_that_very_turn() -> None:
    one = citizen(1)
    desk = Desk(one).adds(one).shows(one)
    one.delegated = False
    desk.says("3").expects("accompany.over")
    assert desk.whom == "[Bu B. …0001]"
    assert desk.session.case == ""
    assert one.filed == []


def test_photos_before_their_question_are_kept_and_offered() -> None:
    one = citizen(1)
    desk = Desk(one).says("warga").taps("add").says("1 2 3 4")
    desk.sends_photo("early").expects("accompany.photo_kept", "accompany.ask_numbers")
    desk.says(f"{one.nik} {one.kk}")
    desk.looked_up(one).says("ya").expects("selfie.ask_front", options=["use_kept"])
    desk.says("1")
    assert desk.expects_command("photo.receive").data["photos"][0]["ref"] == "early"
    desk.sends_photo("turned").expects_silence()
    desk.job("received", {"photos": [{"id": 1, "problem": None}]}).expects("selfie.front_good", "selfie.ask_turned")
    assert desk.expects_command("photo.receive").data["photos"][0]["ref"] == "turned"
    assert desk.session.kept == ()


def test_a_kept_photo_is_never_offered_to_another() -> None:
    one, other = citizen(1), citizen(2)
    desk = Desk(one, other).says("warga").taps("add").says("1 2 3 4").sends_photo("of-one")
    desk.adds(other).expects("selfie.ask_front", options=[])


def test_two_photos_sent_as_one_are_taken_one_after_the_other() -> None:
    one = citizen(1)
    desk = Desk(one).adds(one)
    desk.sends_photo("front", "turned").job("received", {"photos": [{"id": 1, "problem": None}]})
    desk.expects("selfie.front_good", "selfie.ask_turned")
    assert desk.expects_command("photo.receive").data["photos"][0]["ref"] == "turned"


def test_old_buttons_of_one_do_nothing_to_another() -> None:
    one, other = citizen(1), citizen(2)
    desk = Desk(one, other).registers(one)
    desk.taps("add")
    asked = desk.session.asked
    assert asked is not None
    desk.adds(other).shows(other)
    desk.taps("1", question=asked.number)
    assert desk.keys[0] == "common.old_button"


def test_the_result_is_read_aloud_and_leaves_a_receipt() -> None:
    one = decided(citizen(1))
    desk = Desk(one).says("warga").expects("people.list")
    assert "hasil perlu dibacakan" in desk.text
    desk.taps("p101").expects("accompany.acts")
    desk.says("hasil").expects("result.aloud", options=["understood", "unclear", "later"])
    assert "2.200 VA" in desk.text
    assert desk.text.startswith("[Bu B. …0001] ")
    desk.taps("unclear").expects("result.unclear", "accompany.after")
    receipts = [record.data for whom, record in desk.written if record.kind == "result.explained" and whom == 101]
    assert receipts == [{"decision_id": 21, "understood": False}]
    desk.says("warga")
    assert "hasil perlu dibacakan" not in desk.text


def test_what_was_not_read_stays_on_the_list() -> None:
    one = decided(citizen(1))
    desk = (
        Desk(one)
        .says("warga")
        .taps("p101")
        .says("hasil")
        .taps("later")
        .expects("result.not_read_yet", "accompany.after")
    )
    assert not desk.written
    assert "hasil perlu dibacakan" in desk.says("warga").text


def test_an_appeal_is_submitted_with_the_owners_own_face() -> None:
    one = decided(citizen(1))
    one.person = replace(one.person, consents=frozenset({"data_access", "face"}))
    desk = Desk(one).says("warga").taps("p101").says("sanggah")
    desk.taps("misused").expects("appeal.not_mine").says("1")
    desk.says("selesai").says("Listrik itu bukan punya saya, saya tidak pernah tinggal di sana.")
    desk.expects("selfie.ask_front")
    desk.shows(one)
    checks = [command for command in desk.commands if command.kind == "face.verify"]
    assert checks[-1].data["act"] == "appeal"
    assert checks[-1].data["person_id"] == 101
    desk.says("1")
    assert [record.data["kind"] for record in desk.turn.records] == ["nik_misused"]


def test_news_of_one_wait_while_another_is_in_hand() -> None:
    one, other = decided(citizen(1)), citizen(2)
    desk = Desk(one, other).adds(other)
    desk.happens(ev.Notice("decision", {"decision_id": 21}, 101)).expects_silence()
    desk.happens(ev.Notice("officer", {"text": "Bawa KTP besok."}, 101)).expects_silence()
    assert desk.says("bantuan").text.startswith("[Pak C. …0002] ")
    desk.says("warga").taps("p101")
    assert "Bawa KTP besok." in desk.text
    assert desk.whom == "[Bu B. …0001]"


def test_news_at_rest_name_nobody_and_come_once() -> None:
    one = decided(citizen(1))
    desk = Desk(one)
    desk.happens(ev.Notice("decision", {"decision_id": 21}, 101)).expects("people.news")
    desk.happens(ev.Notice("decision", {"decision_id": 22}, 101)).expects_silence()


def test_search_by_name_and_by_the_last_four_digits() -> None:
    people = [citizen(number) for number in range(1, 12)]
    for one in people:
        one.delegated = True
    desk = Desk(*people).says("warga")
    assert len(desk.options) <= 10
    desk.taps("more")
    desk.says("0009")
    assert "p109" in desk.options or desk.session.person_id == 109
    desk.says("warga").says("Bbni").expects("accompany.acts")
    assert desk.session.person_id == 101
    desk.says("warga").says("tidak ada dia").expects("people.nobody_found")


def test_a_citizen_cannot_open_the_list() -> None:
    Conversation().says("warga").expects("people.not_on_duty")


def test_a_burst_is_advanced_in_its_order_over_the_waits_and_over_two_people() -> None:
    one, other = citizen(1), citizen(2)
    desk = Desk(one, other).adds(one)
    desk.sends_photo("front")
    received = desk.commands[-1]
    burst = ("3", "BRI 100000000000101", "ya", "warga", "tambah warga", "1 2 3 4", f"{other.nik} {other.kk}")
    desk.sends_photo("turned").expects_silence()
    for word in burst:
        desk.says(word).expects_silence()
    desk.job("received", {"photos": [{"id": 1, "problem": None}]}, command=received)
    desk.job("received", {"photos": [{"id": 2, "problem": None}]})
    desk.expects_command("face.verify")
    desk.job("match", person_id=one.person.id)
    assert [filed["account"] for filed in one.filed] == ["100000000000101"]
    assert [command.data.get("nik") for command in desk.commands[-1:]] == [other.nik]
    assert desk.session.held == ()
    desk.looked_up(other).expects("accompany.confirm")
    assert desk.whom == "[Pak C. …0002]"


def test_a_word_said_twice_leaves_a_wait_and_what_was_held_goes_nowhere() -> None:
    one, other = citizen(1), citizen(2)
    desk = Desk(one, other).adds(one)
    desk.sends_photo("front")
    desk.says("BRI 100000000000101").expects_silence()
    desk.says("warga").expects_silence()
    desk.says("warga")
    assert desk.session.case == ""
    assert "100000000000101" not in str(desk.state)


def test_who_writes_in_a_long_wait_is_answered_once() -> None:
    one = citizen(1)
    desk = Desk(one).adds(one)
    desk.sends_photo("front")
    desk.waits(seconds=7).expects("selfie.receive_slow")
    desk.says("halo?").expects("selfie.receive_busy")
    desk.says("masih lama?").expects_silence()


def test_what_was_left_open_is_forgotten_after_a_week() -> None:
    one = citizen(1)
    desk = Desk(one).adds(one)
    desk.waits(minutes=11)
    desk.waits(days=7, minutes=1)
    desk.says("warga")
    assert one.nik not in str(desk.state)


def test_whoever_was_left_without_a_face_is_found_on_a_page_and_by_digits() -> None:
    people = [citizen(number) for number in range(1, 9)]
    desk = Desk(*people)
    for one in people:
        desk.adds(one)
    seen: list[str] = []
    desk.says("warga")
    for _ in range(3):
        assert len(desk.options) <= 10
        seen += [choice for choice in desk.options if choice.startswith("c")]
        if "more" in desk.options:
            desk.taps("more")
    assert len(set(seen)) == len(people)
    desk.says("warga").says("0002")
    [left] = [choice for choice in desk.options if choice.startswith("c")]
    desk.taps(left).expects("selfie.ask_front")
    assert desk.whom == "[Pak C. …0002]"


def test_a_citizen_may_end_it_with_the_facilitator_too() -> None:
    one = decided(citizen(1))
    desk = Desk(one).says("warga").taps("p101").taps("end").expects("accompany.end").taps("yes")
    assert kinds(desk.written, 101) == ["delegation.withdraw"]
    one.delegated = False
    desk.says("hasil").expects("accompany.over")
    assert desk.session.case == ""
