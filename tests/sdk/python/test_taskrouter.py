"""TaskRouter through the official SDK."""

import json

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException


def offer(centre, task):
    reservations = centre.workspace.tasks(task.sid).reservations.list(reservation_status="pending")
    assert len(reservations) == 1
    return reservations[0]


def test_a_task_is_driven_to_completion(centre):
    tasks = centre.workspace.tasks
    task = tasks.create(workflow_sid=centre.workflow.sid, attributes=json.dumps({"lang": "en"}), priority=5)
    assert json.loads(task.attributes) == {"lang": "en"}
    assert task.priority == 5
    assert task.task_channel_unique_name == "default"
    found = offer(centre, task)
    assert found.worker_sid == centre.worker.sid
    assert found.worker_name == "ana"
    accepted = centre.workspace.tasks(task.sid).reservations(found.sid).update(reservation_status="accepted")
    assert accepted.reservation_status == "accepted"
    assert centre.workspace.tasks(task.sid).fetch().assignment_status == "assigned"
    done = centre.workspace.tasks(task.sid).update(assignment_status="completed", reason="done")
    assert (done.assignment_status, done.reason) == ("completed", "done")
    assert centre.workspace.workers(centre.worker.sid).reservations(found.sid).fetch().reservation_status == "completed"


def test_fifty_tasks_go_one_after_the_other(centre):
    for _ in range(50):
        centre.workspace.tasks.create(workflow_sid=centre.workflow.sid)
    for _ in range(50):
        pending = centre.workspace.workers(centre.worker.sid).reservations.list(reservation_status="pending")
        assert len(pending) == 1, "one offer at a time"
        centre.workspace.workers(centre.worker.sid).reservations(pending[0].sid).update(reservation_status="accepted")
        centre.workspace.tasks(pending[0].task_sid).update(assignment_status="completed", reason="done")
    assert not centre.workspace.tasks.list(assignment_status=["pending", "reserved", "assigned"])


def test_a_rejected_task_goes_to_the_next_worker(centre):
    bo = centre.workspace.workers.create(friendly_name="bo", activity_sid=centre.activities["Available"])
    task = centre.workspace.tasks.create(workflow_sid=centre.workflow.sid)
    first = offer(centre, task)
    centre.workspace.tasks(task.sid).reservations(first.sid).update(
        reservation_status="rejected", worker_activity_sid=centre.activities["Offline"]
    )
    second = offer(centre, task)
    assert {first.worker_sid, second.worker_sid} == {centre.worker.sid, bo.sid}


def test_lists_go_beyond_one_page(workspace):
    names = {f"worker {n:02}" for n in range(12)}
    for name in sorted(names):
        workspace.workers.create(friendly_name=name)
    assert {w.friendly_name for w in workspace.workers.list(page_size=5)} == names
    assert len(workspace.workers.list(limit=7, page_size=5)) == 7
    first = workspace.workers.page(page_size=5)
    second = first.next_page()
    third = second.next_page()
    assert [len(list(page)) for page in (first, second, third)] == [5, 5, 2]
    assert third.next_page() is None
    assert [w.sid for w in second.previous_page()] == [w.sid for w in workspace.workers.page(page_size=5)]


def test_workers_are_found_by_expression_and_name(centre):
    found = centre.workspace.workers.list(target_workers_expression="lang == 'en'")
    assert [w.sid for w in found] == [centre.worker.sid]
    assert centre.workspace.workers.list(target_workers_expression="lang == 'fr'") == []
    assert [w.sid for w in centre.workspace.workers.list(friendly_name="ana", available=True)] == [centre.worker.sid]


def test_channels_have_capacity(centre):
    channels = centre.workspace.workers(centre.worker.sid).worker_channels
    assert {c.task_channel_unique_name for c in channels.list()} == {"default", "voice", "chat", "sms", "video"}
    changed = centre.workspace.workers(centre.worker.sid).worker_channels("chat").update(capacity=3)
    assert (changed.configured_capacity, changed.available_capacity_percentage) == (3, 100)


def test_a_stale_version_changes_nothing(centre):
    task = centre.workspace.tasks.create(workflow_sid=centre.workflow.sid)
    with pytest.raises(TwilioRestException) as refused:
        centre.workspace.tasks(task.sid).update(if_match="99", priority=9)
    assert (refused.value.status, refused.value.code) == (412, 20412)
    assert centre.workspace.tasks(task.sid).fetch().priority == 0


def test_resources_change_and_go(workspace):
    queue = workspace.task_queues.create(friendly_name="Sales", target_workers="dept == 'sales'")
    assert workspace.task_queues(queue.sid).update(max_reserved_workers=3).max_reserved_workers == 3
    activity = workspace.activities.create(friendly_name="Lunch", available=False)
    assert workspace.activities(activity.sid).update(friendly_name="Break").friendly_name == "Break"
    assert workspace.activities(activity.sid).delete()
    channel = workspace.task_channels.create(friendly_name="Fax", unique_name="fax")
    assert workspace.task_channels("fax").fetch().sid == channel.sid
    assert workspace.task_queues(queue.sid).delete()
    with pytest.raises(TwilioRestException) as gone:
        workspace.task_queues(queue.sid).fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)


@pytest.mark.parametrize(
    "ask, status, code",
    [
        (lambda w: w.workers.create(friendly_name="x", attributes="[]"), 400, 20001),
        (lambda w: w.task_queues.create(friendly_name="x", target_workers="a =="), 400, 20001),
        (lambda w: w.workflows.create(friendly_name="x", configuration="{"), 400, 20001),
        (lambda w: w.workers("WK" + "0" * 32).fetch(), 404, 20404),
        (lambda w: w.workers("WK" + "0" * 32).update(friendly_name="x"), 404, 20404),
    ],
)
def test_exceptions_carry_our_codes(workspace, ask, status, code):
    with pytest.raises(TwilioRestException) as refused:
        ask(workspace)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert refused.value.msg


def test_a_refused_list_carries_the_answer(workspace):
    # The SDK raises its plainer exception for lists, with the response in it.
    with pytest.raises(TwilioException) as refused:
        workspace.workers.list(activity_sid="WAxxx")
    _, response = refused.value.args
    assert response.status_code == 400
    assert json.loads(response.text)["code"] == 20001


def test_a_duplicate_worker_is_refused(centre):
    with pytest.raises(TwilioRestException) as refused:
        centre.workspace.workers.create(friendly_name="ANA")
    assert (refused.value.status, refused.value.code) == (400, 20001)


def test_wrong_credentials_are_401(stranger):
    with pytest.raises(TwilioRestException) as refused:
        stranger.taskrouter.v1.workspaces.create(friendly_name="x")
    assert (refused.value.status, refused.value.code) == (401, 20003)
