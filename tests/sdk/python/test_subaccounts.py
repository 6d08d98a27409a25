"""Subaccounts through the official SDK."""

import random
from contextlib import contextmanager

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tandem_twilio import TandemHttpClient, tandem_client


@pytest.fixture
def sub(client, unique):
    made = client.api.v2010.accounts.create(friendly_name=f"sub {unique}")
    yield made
    if client.api.v2010.accounts(made.sid).fetch().status != "closed":
        client.api.v2010.accounts(made.sid).update(status="closed")


@pytest.fixture
def theirs(url, sub):
    return tandem_client(url, sub.sid, sub.auth_token, timeout=20)


@contextmanager
def refused(status, code):
    with pytest.raises(TwilioRestException) as caught:
        yield
    assert (caught.value.status, caught.value.code) == (status, code)


# covers: POST /2010-04-01/Accounts.json
def test_a_subaccount_is_made_listed_and_renamed(client, sub, theirs):
    assert (sub.owner_account_sid, sub.status) == (client.account_sid, "active")
    assert sub.sid != client.account_sid and len(sub.auth_token) == 32
    assert sub.sid in [a.sid for a in client.api.v2010.accounts.list()]
    assert [a.sid for a in client.api.v2010.accounts.list(friendly_name=sub.friendly_name)] == [sub.sid]
    assert sub.sid not in [a.sid for a in client.api.v2010.accounts.list(status="suspended")]
    assert [a.sid for a in theirs.api.v2010.accounts.list()] == [sub.sid]
    assert client.api.v2010.accounts(sub.sid).fetch().auth_token == sub.auth_token
    assert client.api.v2010.accounts(sub.sid).update(friendly_name="Branch").friendly_name == "Branch"
    assert theirs.api.v2010.accounts(sub.sid).fetch().friendly_name == "Branch"


def test_the_parent_acts_for_a_subaccount_and_never_the_other_way_round(client, sub, theirs):
    digits = f"+1555{random.randint(2000000, 9999999)}"
    number = client.api.v2010.accounts(sub.sid).incoming_phone_numbers.create(phone_number=digits)
    assert number.account_sid == sub.sid
    assert [n.sid for n in theirs.incoming_phone_numbers.list()] == [number.sid]
    assert number.sid not in [n.sid for n in client.incoming_phone_numbers.list()]
    queue = theirs.queues.create(friendly_name="Theirs")
    assert [q.sid for q in client.api.v2010.accounts(sub.sid).queues.list()] == [queue.sid]
    with refused(404, 20404):
        client.queues(queue.sid).fetch()
    with refused(404, 20404):
        theirs.api.v2010.accounts(client.account_sid).fetch()
    with refused(403, 20403):
        theirs.api.v2010.accounts.create()
    with refused(403, 20403):
        theirs.api.v2010.accounts(sub.sid).update(status="closed")
    moved = client.api.v2010.accounts(sub.sid).incoming_phone_numbers(number.sid).update(
        account_sid=client.account_sid
    )
    assert moved.account_sid == client.account_sid
    assert theirs.incoming_phone_numbers.list() == []
    assert client.incoming_phone_numbers(number.sid).delete()


def test_a_subaccount_is_suspended_and_closed_for_good(client, sub, theirs):
    own = client.api.v2010.accounts(sub.sid)
    assert own.update(status="suspended").status == "suspended"
    with refused(401, 20003):
        theirs.queues("QU" + "0" * 32).fetch()
    with refused(403, 20005):
        own.calls.create(to="+15550100099", from_="+15550100001", twiml="<Response/>")
    assert own.update(status="active").status == "active"
    assert theirs.queues.list() == []
    assert own.update(status="closed").status == "closed"
    with refused(401, 20003):
        theirs.queues("QU" + "0" * 32).fetch()
    with refused(403, 20005):
        own.update(status="active")
    with refused(403, 20005):
        own.queues.create(friendly_name="Late")
    with refused(400, 20001):
        client.api.v2010.accounts(client.account_sid).update(status="asleep")


def test_a_subaccount_has_workspaces_and_keys_of_its_own(client, url, sub, theirs):
    workspace = theirs.taskrouter.v1.workspaces.create(friendly_name="Theirs")
    assert workspace.account_sid == sub.sid
    with refused(404, 20404):
        client.taskrouter.v1.workspaces(workspace.sid).fetch()
    key = theirs.new_keys.create(friendly_name="Theirs")
    by_key = Client(key.sid, key.secret, sub.sid, http_client=TandemHttpClient(url, timeout=20))
    assert by_key.queues.list() == []
    with refused(404, 20404):
        by_key.api.v2010.accounts(client.account_sid).fetch()
    assert theirs.taskrouter.v1.workspaces(workspace.sid).delete()
