"""Accounts, numbers, calls and queues through the official SDK."""

import random
import time

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException


@pytest.fixture
def number(client):
    digits = f"+1555{random.randint(2000000, 9999999)}"
    made = client.incoming_phone_numbers.create(phone_number=digits, voice_url="http://127.0.0.1:9/voice")
    yield made
    client.incoming_phone_numbers(made.sid).delete()


# covers: GET /2010-04-01/Accounts.json
# covers: GET /2010-04-01/Accounts/{Sid}.json
# covers: POST /2010-04-01/Accounts/{Sid}.json
def test_an_account_fetches_itself(client):
    own = client.api.v2010.accounts(client.account_sid).fetch()
    assert (own.sid, own.status) == (client.account_sid, "active")
    assert client.account_sid in [a.sid for a in client.api.v2010.accounts.list(status="active")]
    named = client.api.v2010.accounts(client.account_sid).update(friendly_name=own.friendly_name)
    assert named.friendly_name == own.friendly_name


# covers: GET /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers.json, POST /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/{Sid}.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/Local.json, POST /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/Local.json
def test_a_number_is_pointed_somewhere(client, number):
    assert (number.voice_url, number.voice_method) == ("http://127.0.0.1:9/voice", "POST")
    changed = client.incoming_phone_numbers(number.sid).update(friendly_name="ACD", voice_method="GET")
    assert (changed.friendly_name, changed.voice_method) == ("ACD", "GET")
    assert [n.sid for n in client.incoming_phone_numbers.list(phone_number=number.phone_number)] == [number.sid]
    assert client.incoming_phone_numbers(number.sid).fetch().friendly_name == "ACD"
    assert number.sid in [n.sid for n in client.incoming_phone_numbers.local.list(phone_number=number.phone_number)]
    other = client.incoming_phone_numbers.local.create(phone_number=f"+1555{random.randint(2000000, 9999999)}")
    assert client.incoming_phone_numbers(other.sid).delete()
    with pytest.raises(TwilioRestException) as refused:
        client.incoming_phone_numbers.create(phone_number=number.phone_number)
    assert (refused.value.status, refused.value.code) == (400, 21422)


# covers: GET /2010-04-01/Accounts/{AccountSid}/Queues.json, POST /2010-04-01/Accounts/{AccountSid}/Queues.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Queues/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/Queues/{Sid}.json, DELETE /2010-04-01/Accounts/{AccountSid}/Queues/{Sid}.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Queues/{QueueSid}/Members.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Queues/{QueueSid}/Members/{CallSid}.json, POST /2010-04-01/Accounts/{AccountSid}/Queues/{QueueSid}/Members/{CallSid}.json
def test_queues_are_paged(client, unique):
    names = [f"{unique} {n}" for n in range(5)]
    made = [client.queues.create(friendly_name=name, max_size=7) for name in names]
    try:
        listed = {q.friendly_name: q for q in client.queues.list(page_size=2)}
        assert set(names) <= set(listed)
        assert listed[names[0]].max_size == 7 and listed[names[0]].current_size == 0
        assert client.queues(made[0].sid).members.list() == []
        assert client.queues(made[0].sid).update(max_size=9).max_size == 9
        with pytest.raises(TwilioRestException) as refused:
            client.queues(made[0].sid).members("Front").fetch()
        assert (refused.value.status, refused.value.code) == (404, 20404)
        with pytest.raises(TwilioRestException) as refused:
            client.queues(made[0].sid).members("Front").update(url="http://127.0.0.1:9/next")
        assert (refused.value.status, refused.value.code) == (404, 20404)
        assert client.queues(made[0].sid).fetch().max_size == 9
    finally:
        for queue in made:
            client.queues(queue.sid).delete()


@pytest.mark.parametrize(
    "wanted, code",
    [
        (dict(to="555", from_="+15550100001", twiml="<Response/>"), 21211),
        (dict(to="+15550199999", from_="x", twiml="<Response/>"), 21212),
        (dict(to="+15550199999", from_="+15550100001"), 21205),
    ],
)
def test_a_bad_call_is_refused(client, wanted, code):
    with pytest.raises(TwilioRestException) as refused:
        client.calls.create(**wanted)
    assert (refused.value.status, refused.value.code) == (400, code)


# covers: GET /2010-04-01/Accounts/{AccountSid}/Calls.json, POST /2010-04-01/Accounts/{AccountSid}/Calls.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json, DELETE /2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json
def test_a_call_is_created_listed_and_ended(client):
    call = client.calls.create(to="+15550199999", from_="+15550100001", twiml="<Response><Pause length='5'/></Response>")
    assert call.status in ("queued", "ringing") and call.direction == "outbound-api"
    assert client.calls(call.sid).fetch().sid == call.sid
    assert call.sid in [c.sid for c in client.calls.list(to="+15550199999", limit=20)]
    try:
        ended = client.calls(call.sid).update(status="completed")
        assert ended.status in ("completed", "canceled")
    except TwilioRestException as over:
        # Nobody is at the other end of the trunk: the call may have failed by itself.
        assert over.code == 21220
    with pytest.raises(TwilioRestException) as refused:
        client.calls(call.sid).update(twiml="<Response/>")
    assert (refused.value.status, refused.value.code) == (400, 21220)
    until_ended(client, call.sid)
    assert client.calls(call.sid).delete()
    with pytest.raises(TwilioRestException) as refused:
        client.calls(call.sid).fetch()
    assert (refused.value.status, refused.value.code) == (404, 20404)


def until_ended(client, sid):
    for _ in range(100):
        if client.calls(sid).fetch().status in ("completed", "canceled", "failed", "busy", "no-answer"):
            return
        time.sleep(0.1)
    raise AssertionError("the call never ended")


# covers: GET /2010-04-01/Accounts/{AccountSid}/Keys.json, POST /2010-04-01/Accounts/{AccountSid}/Keys.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Keys/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/Keys/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/Keys/{Sid}.json
def test_keys(client, unique):
    made = client.new_keys.create(friendly_name=unique)
    assert made.secret and client.keys(made.sid).fetch().friendly_name == unique
    assert made.sid in [k.sid for k in client.keys.list()]
    assert client.keys(made.sid).update(friendly_name="renamed").friendly_name == "renamed"
    assert client.keys(made.sid).delete()
    with pytest.raises(TwilioRestException) as refused:
        client.keys(made.sid).fetch()
    assert (refused.value.status, refused.value.code) == (404, 20404)


# covers: GET /2010-04-01/Accounts/{AccountSid}/Applications.json, POST /2010-04-01/Accounts/{AccountSid}/Applications.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Applications/{Sid}.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/Applications/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/Applications/{Sid}.json
def test_applications(client, unique):
    made = client.applications.create(friendly_name=unique, voice_url="http://127.0.0.1:9/voice")
    one = client.applications(made.sid)
    assert one.fetch().voice_url == "http://127.0.0.1:9/voice"
    assert made.sid in [a.sid for a in client.applications.list()]
    assert one.update(voice_url="http://127.0.0.1:9/other").voice_url == "http://127.0.0.1:9/other"
    assert one.delete()
    with pytest.raises(TwilioRestException) as refused:
        one.fetch()
    assert (refused.value.status, refused.value.code) == (404, 20404)


# covers: GET /2010-04-01/Accounts/{AccountSid}/SigningKeys.json, POST /2010-04-01/Accounts/{AccountSid}/SigningKeys.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SigningKeys/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/SigningKeys/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/SigningKeys/{Sid}.json
def test_a_signing_key_is_an_api_key(client, unique):
    made = client.new_signing_keys.create(friendly_name=unique)
    assert made.sid.startswith("SK") and made.secret
    assert client.keys(made.sid).fetch().friendly_name == unique
    assert client.signing_keys(made.sid).fetch().friendly_name == unique
    assert client.signing_keys(made.sid).update(friendly_name="renamed").friendly_name == "renamed"
    assert made.sid in [key.sid for key in client.signing_keys.list()]
    assert client.signing_keys(made.sid).delete()
    assert made.sid not in [key.sid for key in client.signing_keys.list()]


# covers: GET /2010-04-01/Accounts/{AccountSid}/Balance.json
def test_an_account_owes_nothing(client):
    balance = client.balance.fetch()
    assert (balance.account_sid, float(balance.balance), balance.currency) == (client.account_sid, 0, "USD")


# covers: GET /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/TollFree.json, POST /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/TollFree.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/Mobile.json, POST /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/Mobile.json
def test_toll_free_numbers_are_told_apart(client):
    numbers = client.incoming_phone_numbers
    free = numbers.toll_free.create(phone_number=f"+1800555{random.randint(1000, 9999)}")
    paid = numbers.mobile.create(phone_number=f"+1555{random.randint(2000000, 9999999)}")
    try:
        assert free.sid in [n.sid for n in numbers.toll_free.list()]
        assert free.sid not in [n.sid for n in numbers.local.list()]
        assert paid.sid in [n.sid for n in numbers.mobile.list()]
        assert paid.sid not in [n.sid for n in numbers.toll_free.list()]
    finally:
        for number in (free, paid):
            numbers(number.sid).delete()


# covers: GET /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers.json
def test_without_a_pool_no_country_has_numbers(client):
    assert client.available_phone_numbers.list() == []
    with pytest.raises(TwilioRestException) as refused:
        client.available_phone_numbers("US").fetch()
    assert (refused.value.status, refused.value.code) == (404, 20404)


# covers: GET /2010-04-01/Accounts/{AccountSid}/Usage/Records.json, GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/AllTime.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/Daily.json, GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/Monthly.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/Yearly.json, GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/Today.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/Yesterday.json, GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/ThisMonth.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/LastMonth.json
def test_usage_is_counted_by_category_and_time(client):
    records = client.usage.records
    for of in (records, records.all_time, records.today, records.this_month, records.yesterday, records.last_month):
        [calls] = of.list(category="calls")
        assert (calls.category, calls.count_unit, calls.usage_unit, float(calls.price)) == ("calls", "calls", "minutes", 0)
    assert {"calls-inbound", "calls-outbound", "calls-client", "calls-sip", "recordings"} <= {
        of.category for of in records.list()
    }
    days = records.daily.list(category="calls", start_date="2026-01-30", end_date="2026-02-02")
    assert [str(of.start_date) for of in days] == ["2026-02-02", "2026-02-01", "2026-01-31", "2026-01-30"]
    assert len(records.monthly.list(category="calls", start_date="2025-12-05", end_date="2026-02-02", page_size=2)) == 3
    assert len(records.yearly.list(category="calls", start_date="2025-12-05", end_date="2026-02-02")) == 2
    for wrong in (dict(category="sms"), dict(start_date="2026-02-02", end_date="2026-02-01")):
        with pytest.raises(TwilioException, match="HTTP 400 .*20001"):
            records.list(**wrong)


# covers: GET /2010-04-01/Accounts/{AccountSid}/Usage/Triggers.json, POST /2010-04-01/Accounts/{AccountSid}/Usage/Triggers.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Usage/Triggers/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/Usage/Triggers/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/Usage/Triggers/{Sid}.json
def test_nothing_waits_for_usage(client):
    triggers = client.usage.triggers
    assert triggers.list() == []
    one = triggers("UT" + "0" * 32)
    told = dict(callback_url="http://127.0.0.1:9/used", trigger_value="1", usage_category="calls")
    for status, code, ask in (
        (403, 20403, lambda: triggers.create(**told)),
        (404, 20404, one.fetch),
        (404, 20404, lambda: one.update(friendly_name="x")),
        (404, 20404, one.delete),
    ):
        with pytest.raises(TwilioRestException) as refused:
            ask()
        assert (refused.value.status, refused.value.code) == (status, code)
