"""Sync maps through the official SDK, as the published multi-call solution uses them."""

import pytest
from twilio.base.exceptions import TwilioRestException


@pytest.fixture
def service(client, unique):
    made = client.sync.v1.services.create(friendly_name=unique)
    yield client.sync.v1.services(made.sid)
    client.sync.v1.services(made.sid).delete()


def test_the_default_service_is_there(client):
    assert client.sync.v1.services("default").fetch().sid.startswith("IS")


def test_an_item_is_added_once_changed_and_removed(service):
    service.sync_maps.create(unique_name="WK1.ParkedCalls", ttl=604800)
    items = service.sync_maps("WK1.ParkedCalls").sync_map_items
    item = items.create(key="CA1", data={"name": "Ana"}, item_ttl=86400)
    assert item.data == {"name": "Ana"} and isinstance(item.revision, str) and item.date_expires
    with pytest.raises(TwilioRestException) as refused:
        items.create(key="CA1", data={})
    assert (refused.value.status, refused.value.code) == (409, 54208)
    one = service.sync_maps("WK1.ParkedCalls").sync_map_items("CA1")
    changed = one.update(data={"callerHangup": True}, if_match=item.revision)
    assert changed.data == {"callerHangup": True} and changed.revision != item.revision
    with pytest.raises(TwilioRestException) as refused:
        one.update(data={}, if_match=item.revision)
    assert refused.value.status == 412
    assert one.delete()
    with pytest.raises(TwilioRestException) as gone:
        one.fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)


def test_items_go_beyond_one_page(service):
    service.sync_maps.create(unique_name="m")
    items = service.sync_maps("m").sync_map_items
    keys = [f"k{n:02}" for n in range(7)]
    for key in reversed(keys):
        items.create(key=key, data={})
    assert [item.key for item in items.list(page_size=3)] == keys
    assert [item.key for item in items.list(page_size=3, order="desc")] == keys[::-1]


def test_a_name_is_taken_once(service):
    service.sync_maps.create(unique_name="m")
    with pytest.raises(TwilioRestException) as refused:
        service.sync_maps.create(unique_name="m")
    assert (refused.value.status, refused.value.code) == (409, 54301)
