"""WhatsApp's webhook and its receipts over real HTTP: the signature covers every byte that counts."""

from __future__ import annotations

import orjson

from bot import events as ev
from tests.handlers.webhooks import ACCOUNT, HOOK, PUBLIC, Edge, a_message_out, receipt, status_of, wrote


async def test_a_signed_message_is_stored_once_and_answered_with_empty_twiml(edge: Edge) -> None:
    for _ in range(2):
        answer = await edge.twilio(wrote("daftar"))
        assert (answer.status, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
        assert answer.content.endswith(b"<Response/>")
    assert await edge.stored() == [("whatsapp", "SM" + "1" * 32, ev.Text("daftar"))]


async def test_blank_and_unknown_parameters_are_part_of_what_is_signed(edge: Edge) -> None:
    new = wrote("", MessageType="text", SomethingNew="", Latitude="")
    assert (await edge.twilio(new)).status == 200
    without = {name: value for name, value in new.items() if value}
    assert (await edge.twilio(without, signed=new)).status == 403
    assert len(await edge.stored()) == 1


async def test_a_query_counts_as_it_was_sent(edge: Edge) -> None:
    path = "/webhooks/whatsapp?b=2&a=1"
    assert (await edge.twilio(wrote("halo"), path=path, signed_url=f"{HOOK}?b=2&a=1")).status == 200
    assert (await edge.twilio(wrote("halo"), path=path, signed_url=f"{HOOK}?a=1&b=2")).status == 403
    assert (await edge.twilio(wrote("halo"), path=path)).status == 403


async def test_a_signature_for_another_address_is_refused(edge: Edge) -> None:
    others = [
        f"{PUBLIC}/webhooks/whatsapp/status",
        f"{PUBLIC}/webhooks/whatsapp/",
        f"{HOOK}?a=1",
        HOOK.replace("https", "http"),
        HOOK.replace("perlinsos.", "palsu."),
        "http://127.0.0.1/webhooks/whatsapp",
    ]
    for signed_url in others:
        assert (await edge.twilio(wrote("halo"), signed_url=signed_url)).status == 403, signed_url
    assert await edge.rows() == (0, 0)


async def test_what_a_proxy_or_a_stranger_says_about_the_host_changes_nothing(edge: Edge) -> None:
    strange = {"x-forwarded-host": "palsu.example", "x-forwarded-proto": "http", "x-original-url": "/lain"}
    assert (await edge.twilio(wrote("halo"), headers=strange)).status == 200
    forged = await edge.twilio(
        wrote("halo", "SM" + "2" * 32), headers=strange, signed_url="http://palsu.example/webhooks/whatsapp"
    )
    assert forged.status == 403


async def test_a_missing_or_made_up_signature_is_refused(edge: Edge) -> None:
    for signature in (None, "", "x", "=" * 28, "tanda-tangan"):
        assert (await edge.twilio(wrote("halo"), headers={"x-twilio-signature": signature})).status == 403, signature
    assert await edge.rows() == (0, 0)


async def test_a_tampered_or_foreign_message_is_refused(edge: Edge) -> None:
    honest = wrote("tidak")
    assert (await edge.twilio({**honest, "Body": "ya"}, signed=honest)).status == 403
    assert (await edge.twilio({**honest, "From": "whatsapp:+6281299999999"}, signed=honest)).status == 403
    assert (await edge.twilio({**honest, "Extra": "1"}, signed=honest)).status == 403
    assert (await edge.twilio(honest, token="another account's token")).status == 403
    assert (await edge.twilio({**honest, "AccountSid": "AC" + "f" * 32})).status == 403
    assert await edge.rows() == (0, 0)


async def test_a_json_body_is_no_way_around_the_signature(edge: Edge) -> None:
    body = orjson.dumps(wrote("halo"))
    as_json = {"content-type": "application/json"}
    for signed in ({}, wrote("halo")):
        assert (await edge.twilio({}, signed=signed, raw=body, headers=as_json)).status == 403
    assert (await edge.twilio({}, signed={}, raw=b"", headers=as_json)).status == 403
    assert await edge.rows() == (0, 0)


async def test_a_form_that_cannot_be_read_is_a_bad_request(edge: Edge) -> None:
    for raw in (b"\xff\xfe=\xff", b"&".join([b"a=1"] * 501)):
        assert (await edge.twilio({}, raw=raw)).status == 400, raw[:20]
    assert await edge.rows() == (0, 0)


async def test_a_signed_message_without_its_sender_or_number_is_a_bad_request(edge: Edge) -> None:
    for missing in ("From", "MessageSid"):
        fields = wrote("halo")
        del fields[missing]
        assert (await edge.twilio(fields)).status == 400, missing
    assert await edge.rows() == (0, 0)


async def test_a_signed_receipt_moves_its_message_forward_and_never_back(edge: Edge) -> None:
    known = await a_message_out(edge)
    for told, becomes in (("delivered", "delivered"), ("sent", "delivered"), ("read", "read"), ("failed", "read")):
        assert (await receipt(edge, known, told)).status == 204
        assert await status_of(edge) == becomes


async def test_a_receipt_that_nobody_signed_changes_nothing(edge: Edge) -> None:
    known = await a_message_out(edge)
    assert (await receipt(edge, known, "delivered", token="another account's token")).status == 403
    assert (await receipt(edge, known, "delivered", headers={"x-twilio-signature": None})).status == 403
    assert (await receipt(edge, known, "delivered", fields={"AccountSid": "AC" + "f" * 32})).status == 403
    path = f"/webhooks/whatsapp/status?outgoing={known}"
    fields = {"MessageSid": "SM" + "9" * 32, "MessageStatus": "delivered", "AccountSid": ACCOUNT}
    of_another = f"{PUBLIC}/webhooks/whatsapp/status?outgoing={known + 1}"
    assert (await edge.twilio(fields, path=path, signed_url=of_another)).status == 403
    assert await status_of(edge) == "queued"


async def test_a_receipt_of_an_unknown_message_is_acknowledged(edge: Edge) -> None:
    await a_message_out(edge)
    for outgoing in (4711, "", "x", "-1", 10**30):
        assert (await receipt(edge, outgoing, "delivered")).status == 204, outgoing
    assert await status_of(edge) == "queued"


async def test_a_receipt_that_says_nothing_is_a_bad_request(edge: Edge) -> None:
    fields = {"AccountSid": ACCOUNT, "MessageSid": "SM" + "9" * 32}
    path = "/webhooks/whatsapp/status"
    assert (await edge.twilio(fields, path=path, signed_url=f"{PUBLIC}{path}")).status == 400
