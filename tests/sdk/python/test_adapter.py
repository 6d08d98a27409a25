"""Where the adapter sends requests."""

import pytest
from tandem_twilio import TandemHttpClient


@pytest.mark.parametrize(
    "url, to",
    [
        ("https://taskrouter.twilio.com/v1/Workspaces", "http://x:1/taskrouter/v1/Workspaces"),
        ("https://api.twilio.com/2010-04-01/Accounts.json", "http://x:1/api/2010-04-01/Accounts.json"),
        ("https://sync.sydney.au1.twilio.com/v1/Services", "http://x:1/sync/v1/Services"),
        ("http://x:1/taskrouter/v1/Workspaces?Page=1", "http://x:1/taskrouter/v1/Workspaces?Page=1"),
        ("https://example.com/taskrouter.twilio.com/", "https://example.com/taskrouter.twilio.com/"),
    ],
)
def test_only_twilios_hosts_are_replaced(url, to):
    assert TandemHttpClient("http://x:1/").rewritten(url) == to
