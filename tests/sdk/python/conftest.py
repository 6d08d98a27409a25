"""A client of the server under test, and a workspace that is deleted afterwards."""

import json
import os
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "clients" / "python"))

from tandem_twilio import tandem_client  # noqa: E402

URL = os.environ.get("TANDEM_URL", "http://127.0.0.1:8080")
ACCOUNT = os.environ.get("TANDEM_ACCOUNT_SID", "AC00000000000000000000000000000001")
TOKEN = os.environ.get("TANDEM_AUTH_TOKEN", "tandem-dev-token")


@pytest.fixture(scope="session")
def url():
    return URL


@pytest.fixture(scope="session")
def client():
    return tandem_client(URL, ACCOUNT, TOKEN, timeout=20)


@pytest.fixture
def stranger():
    return tandem_client(URL, ACCOUNT, "not-the-token", timeout=20)


@pytest.fixture
def unique():
    """A name that no other run uses."""
    return uuid.uuid4().hex[:12]


@pytest.fixture
def workspace(client, unique):
    made = client.taskrouter.v1.workspaces.create(friendly_name=f"sdk {unique}")
    yield client.taskrouter.v1.workspaces(made.sid)
    client.taskrouter.v1.workspaces(made.sid).delete()


@pytest.fixture
def centre(workspace):
    """A queue for everybody, a workflow into it, and an available worker."""
    activities = {a.friendly_name: a.sid for a in workspace.activities.list()}
    queue = workspace.task_queues.create(friendly_name="All", target_workers="1==1")
    routing = {"task_routing": {"filters": [], "default_filter": {"queue": queue.sid}}}
    workflow = workspace.workflows.create(
        friendly_name="Main", configuration=json.dumps(routing), task_reservation_timeout=60
    )
    worker = workspace.workers.create(
        friendly_name="ana", activity_sid=activities["Available"], attributes=json.dumps({"lang": "en"})
    )

    class Centre:
        pass

    c = Centre()
    c.workspace, c.activities, c.queue, c.workflow, c.worker = workspace, activities, queue, workflow, worker
    return c
