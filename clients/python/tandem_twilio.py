"""Point the official ``twilio`` package at a Tandem server.

>>> from tandem_twilio import tandem_client
>>> client = tandem_client("http://127.0.0.1:8080", "AC…", "token")
>>> client.taskrouter.v1.workspaces.list()

Everything else of the package stays as it is: the only thing that changes is where requests go.
"""

import re
from typing import Optional

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

__all__ = ["TandemHttpClient", "tandem_client"]

# https://taskrouter.twilio.com/…, and https://taskrouter.sydney.au1.twilio.com/… with an edge and a region.
_TWILIO = re.compile(r"^https://([a-z0-9-]+)(?:\.[a-z0-9-]+)*\.twilio\.com(?=/|$)")


class TandemHttpClient(TwilioHttpClient):
    """An HTTP client that sends requests for ``https://<product>.twilio.com`` to ``{base}/<product>``.

    URLs that are Tandem's own already (the next page of a list) are left as they are.
    """

    def __init__(self, base: str, **kwargs):
        super().__init__(**kwargs)
        self.base = base.rstrip("/")

    def rewritten(self, url: str) -> str:
        """Where a request for ``url`` goes."""
        return _TWILIO.sub(lambda found: f"{self.base}/{found.group(1)}", url, count=1)

    def request(self, method, url, *args, **kwargs):
        return super().request(method, self.rewritten(url), *args, **kwargs)


def tandem_client(base: str, account_sid: str, auth_token: str, timeout: Optional[float] = None, **kwargs) -> Client:
    """A ``twilio.rest.Client`` of the Tandem server at ``base``."""
    return Client(account_sid, auth_token, http_client=TandemHttpClient(base, timeout=timeout), **kwargs)
