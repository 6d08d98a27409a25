"""Every TaskRouter operation, called by the official SDK. `covers:` names the operations of the test below it."""

import json
from datetime import datetime, timezone

import pytest
from twilio.base.exceptions import TwilioRestException


def refused(status, code, ask):
    with pytest.raises(TwilioRestException) as error:
        ask()
    assert (error.value.status, error.value.code) == (status, code), error.value.msg


def two_by_two(of, made, **filters):
    """The list, read in pages of two, has everything that was made, each once."""
    found = [item.sid for item in of.list(page_size=2, **filters)]
    assert len(found) == len(set(found)) and set(made) <= set(found)
    first = of.page(page_size=2, **filters)
    assert len(list(first)) == 2 and first.next_page() is not None
    return found


# covers: POST /v1/Workspaces, GET /v1/Workspaces, GET /v1/Workspaces/{Sid}
# covers: POST /v1/Workspaces/{Sid}, DELETE /v1/Workspaces/{Sid}
def test_workspaces(client, unique):
    workspaces = client.taskrouter.v1.workspaces
    made = [
        workspaces.create(
            friendly_name=unique,
            template="FIFO",
            prioritize_queue_order="LIFO",
            multi_task_enabled=True,
            event_callback_url="http://127.0.0.1:9/events#rc=2",
            events_filter="task.created,task.canceled",
        )
        for _ in range(3)
    ]
    try:
        one = made[0]
        assert (one.prioritize_queue_order, one.multi_task_enabled) == ("LIFO", True)
        assert (one.default_activity_name, one.events_filter) == ("Offline", "task.created,task.canceled")
        assert set(one.links) >= {"activities", "task_queues", "events", "cumulative_statistics"}
        assert isinstance(one.date_created, datetime)
        assert [w.sid for w in workspaces.list(friendly_name=unique, page_size=2)] == [w.sid for w in made]
        assert workspaces(one.sid).fetch().friendly_name == unique
        activities = {a.friendly_name: a.sid for a in workspaces(one.sid).activities.list()}
        changed = workspaces(one.sid).update(
            friendly_name="Renamed",
            default_activity_sid=activities["Available"],
            timeout_activity_sid=activities["Unavailable"],
            prioritize_queue_order="FIFO",
            events_filter="",
            event_callback_url="",
        )
        assert (changed.default_activity_name, changed.timeout_activity_name) == ("Available", "Unavailable")
        assert (changed.friendly_name, changed.events_filter, changed.event_callback_url) == ("Renamed", None, "")
        refused(400, 20001, lambda: workspaces(one.sid).update(default_activity_sid="WA" + "0" * 32))
        assert [q.friendly_name for q in workspaces(one.sid).task_queues.list()] == ["Sample Queue"]
    finally:
        for workspace in made:
            assert workspaces(workspace.sid).delete()
    refused(404, 20404, lambda: workspaces(made[0].sid).fetch())


# covers: POST /v1/Workspaces/{WorkspaceSid}/Activities, GET /v1/Workspaces/{WorkspaceSid}/Activities
# covers: GET /v1/Workspaces/{WorkspaceSid}/Activities/{Sid}, POST /v1/Workspaces/{WorkspaceSid}/Activities/{Sid}
# covers: DELETE /v1/Workspaces/{WorkspaceSid}/Activities/{Sid}
def test_activities(workspace):
    lunch = workspace.activities.create(friendly_name="Lunch", available=False)
    ready = workspace.activities.create(friendly_name="Ready", available=True)
    two_by_two(workspace.activities, [lunch.sid, ready.sid])
    assert [a.sid for a in workspace.activities.list(friendly_name="Lunch")] == [lunch.sid]
    assert {a.friendly_name for a in workspace.activities.list(available="true")} == {"Available", "Ready"}
    assert workspace.activities(ready.sid).fetch().available is True
    assert workspace.activities(lunch.sid).update(friendly_name="Break").friendly_name == "Break"
    assert workspace.activities(lunch.sid).delete()
    refused(404, 20404, lambda: workspace.activities(lunch.sid).fetch())
    default = workspace.fetch().default_activity_sid
    refused(400, 20001, lambda: workspace.activities(default).delete())


# covers: POST /v1/Workspaces/{WorkspaceSid}/TaskChannels, GET /v1/Workspaces/{WorkspaceSid}/TaskChannels
# covers: GET /v1/Workspaces/{WorkspaceSid}/TaskChannels/{Sid}, POST /v1/Workspaces/{WorkspaceSid}/TaskChannels/{Sid}
# covers: DELETE /v1/Workspaces/{WorkspaceSid}/TaskChannels/{Sid}
def test_task_channels(workspace):
    fax = workspace.task_channels.create(friendly_name="Fax", unique_name="fax", channel_optimized_routing=True)
    assert fax.channel_optimized_routing is True
    assert len(two_by_two(workspace.task_channels, [fax.sid])) == 6
    assert workspace.task_channels("fax").fetch().sid == fax.sid
    changed = workspace.task_channels(fax.sid).update(friendly_name="Telefax", channel_optimized_routing=False)
    assert (changed.friendly_name, changed.channel_optimized_routing) == ("Telefax", False)
    for name in ("fax", "1fax", "fa-x", "fa x"):
        refused(400, 20001, lambda: workspace.task_channels.create(friendly_name="Fax", unique_name=name))
    assert workspace.task_channels("fax").delete()
    refused(404, 20404, lambda: workspace.task_channels("fax").fetch())


# covers: POST /v1/Workspaces/{WorkspaceSid}/Workers, GET /v1/Workspaces/{WorkspaceSid}/Workers
# covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{Sid}, POST /v1/Workspaces/{WorkspaceSid}/Workers/{Sid}
# covers: DELETE /v1/Workspaces/{WorkspaceSid}/Workers/{Sid}
def test_workers(centre):
    workers = centre.workspace.workers
    made = [workers.create(friendly_name=f"bo {n}", attributes=json.dumps({"level": n})) for n in range(4)]
    two_by_two(workers, [w.sid for w in made])
    sids = lambda **filters: [w.sid for w in workers.list(**filters)]  # noqa: E731
    offline = centre.activities["Offline"]
    assert sids(activity_sid=offline, page_size=3) == [w.sid for w in made]
    assert sids(activity_name="Available") == sids(available="true") == [centre.worker.sid]
    assert sids(target_workers_expression="level IN [1, 2]") == [made[1].sid, made[2].sid]
    assert len(sids(task_queue_sid=centre.queue.sid)) == len(sids(task_queue_name="All")) == 5
    assert workers(made[0].sid).fetch().attributes == '{"level": 0}'
    changed = workers(made[0].sid).update(
        friendly_name="cy", attributes="{}", activity_sid=centre.activities["Unavailable"]
    )
    assert (changed.friendly_name, changed.activity_name, changed.available) == ("cy", "Unavailable", False)
    assert sids(ordering="DateStatusChanged:desc")[0] in (made[0].sid, centre.worker.sid, made[3].sid)
    refused(400, 20001, lambda: workers(made[1].sid).update(reject_pending_reservations=True))
    # This SDK drops If-Match from deletions (9.13); the Node suite sends it.
    assert workers(made[1].sid).delete()
    refused(404, 20404, lambda: workers(made[1].sid).fetch())


# covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Channels
# covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Channels/{Sid}
# covers: POST /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Channels/{Sid}
def test_worker_channels(centre):
    channels = centre.workspace.workers(centre.worker.sid).worker_channels
    assert len(two_by_two(channels, [])) == 5
    voice = channels("voice").fetch()
    assert (voice.task_channel_unique_name, voice.configured_capacity, voice.available) == ("voice", 1, True)
    assert channels(voice.sid).fetch().sid == channels(voice.task_channel_sid).fetch().sid == voice.sid
    changed = channels("voice").update(capacity=5, available=False)
    assert (changed.configured_capacity, changed.available, changed.assigned_tasks) == (5, False, 0)
    refused(400, 20001, lambda: channels("voice").update(capacity=-1))
    refused(404, 20404, lambda: channels("carrier_pigeon").fetch())


# covers: POST /v1/Workspaces/{WorkspaceSid}/TaskQueues, GET /v1/Workspaces/{WorkspaceSid}/TaskQueues
# covers: GET /v1/Workspaces/{WorkspaceSid}/TaskQueues/{Sid}, POST /v1/Workspaces/{WorkspaceSid}/TaskQueues/{Sid}
# covers: DELETE /v1/Workspaces/{WorkspaceSid}/TaskQueues/{Sid}
def test_task_queues(centre):
    queues, activities = centre.workspace.task_queues, centre.activities
    french = queues.create(
        friendly_name="French",
        target_workers="lang == 'fr'",
        max_reserved_workers=2,
        task_order="LIFO",
        reservation_activity_sid=activities["Unavailable"],
        assignment_activity_sid=activities["Offline"],
    )
    assert (french.reservation_activity_name, french.assignment_activity_name) == ("Unavailable", "Offline")
    spare = queues.create(friendly_name="Spare")
    assert (spare.target_workers, spare.max_reserved_workers, spare.task_order) == ("1==1", 1, "FIFO")
    two_by_two(queues, [french.sid, spare.sid])
    sids = lambda **filters: {q.sid for q in queues.list(**filters)}  # noqa: E731
    assert sids(friendly_name="French") == {french.sid}
    assert sids(evaluate_worker_attributes=json.dumps({"lang": "fr"})) == {french.sid, spare.sid, centre.queue.sid}
    assert sids(worker_sid=centre.worker.sid) == {spare.sid, centre.queue.sid}
    assert len(queues.list(ordering="DateUpdated:desc")) == 3
    assert queues(french.sid).fetch().task_order == "LIFO"
    changed = queues(french.sid).update(friendly_name="Breton", target_workers="", max_reserved_workers=50, task_order="FIFO")
    assert (changed.friendly_name, changed.target_workers, changed.max_reserved_workers) == ("Breton", "", 50)
    refused(400, 20001, lambda: queues(french.sid).update(max_reserved_workers=51))
    refused(400, 20001, lambda: queues(centre.queue.sid).delete())
    assert queues(french.sid).delete()
    refused(404, 20404, lambda: queues(french.sid).fetch())


# covers: POST /v1/Workspaces/{WorkspaceSid}/Workflows, GET /v1/Workspaces/{WorkspaceSid}/Workflows
# covers: GET /v1/Workspaces/{WorkspaceSid}/Workflows/{Sid}, POST /v1/Workspaces/{WorkspaceSid}/Workflows/{Sid}
# covers: DELETE /v1/Workspaces/{WorkspaceSid}/Workflows/{Sid}
def test_workflows(centre):
    workflows, configuration = centre.workspace.workflows, centre.workflow.configuration
    made = [
        workflows.create(
            friendly_name="More",
            configuration=configuration,
            assignment_callback_url="http://127.0.0.1:9/assign",
            fallback_assignment_callback_url="http://127.0.0.1:9/fallback",
            task_reservation_timeout=15,
        )
        for _ in range(2)
    ]
    two_by_two(workflows, [w.sid for w in made])
    assert [w.sid for w in workflows.list(friendly_name="More")] == [w.sid for w in made]
    one = workflows(made[0].sid).fetch()
    assert (one.task_reservation_timeout, one.document_content_type) == (15, "application/json")
    assert one.fallback_assignment_callback_url == "http://127.0.0.1:9/fallback"
    assert json.loads(one.configuration) == json.loads(configuration)
    changed = workflows(one.sid).update(
        friendly_name="Less", assignment_callback_url="", task_reservation_timeout=86400, re_evaluate_tasks="true"
    )
    assert (changed.friendly_name, changed.assignment_callback_url) == ("Less", None)
    assert changed.task_reservation_timeout == 86400
    refused(400, 20001, lambda: workflows(one.sid).update(task_reservation_timeout=86401))
    elsewhere = {"task_routing": {"default_filter": {"queue": "WQ" + "0" * 32}}}
    refused(400, 20001, lambda: workflows(one.sid).update(configuration=json.dumps(elsewhere)))
    assert workflows(one.sid).delete()
    refused(404, 20404, lambda: workflows(one.sid).fetch())


# covers: POST /v1/Workspaces/{WorkspaceSid}/Tasks, GET /v1/Workspaces/{WorkspaceSid}/Tasks
# covers: GET /v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}, POST /v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}
# covers: DELETE /v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}
def test_tasks(centre):
    tasks, workflow = centre.workspace.tasks, centre.workflow.sid
    start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    first = tasks.create(
        workflow_sid=workflow,
        attributes='{"n": 0}',
        priority=7,
        timeout=600,
        task_channel="chat",
        virtual_start_time=start,
    )
    assert (first.assignment_status, first.timeout, first.task_channel_unique_name) == ("pending", 600, "chat")
    assert first.virtual_start_time == start and first.addons == "{}" and first.reason is None
    rest = [tasks.create(workflow_sid=workflow, attributes=json.dumps({"n": n})) for n in range(1, 5)]
    two_by_two(tasks, [first.sid, *(task.sid for task in rest)], evaluate_task_attributes="n < 9")
    sids = lambda **filters: {task.sid for task in tasks.list(**filters)}  # noqa: E731
    everything = {first.sid, *(task.sid for task in rest)}
    assert sids(assignment_status=["reserved"]) == {first.sid, rest[0].sid}
    assert sids(assignment_status=["pending", "reserved"], page_size=3) == everything
    assert sids(priority=7) == sids(evaluate_task_attributes="n == 0") == {first.sid}
    assert sids(workflow_sid=workflow) == sids(workflow_name="Main") == everything
    assert sids(task_queue_sid=centre.queue.sid) == sids(task_queue_name="All") == everything
    assert sids(routing_target=centre.worker.sid) == sids(has_addons=True) == set()
    assert [task.sid for task in tasks.list(ordering="Priority:desc,DateCreated:asc")][0] == first.sid
    assert tasks(first.sid).fetch().task_queue_friendly_name == "All"
    direct = tasks.create(
        workflow_sid=workflow, routing_target=centre.worker.sid, ignore_capacity=True, task_queue_sid=centre.queue.sid
    )
    assert (direct.routing_target, direct.ignore_capacity) == (centre.worker.sid, True)
    changed = tasks(rest[3].sid).update(
        attributes='{"n": 9}', priority=3, task_channel="sms", virtual_start_time=start, if_match="*"
    )
    assert (changed.attributes, changed.priority, changed.task_channel_unique_name) == ('{"n": 9}', 3, "sms")
    canceled = tasks(rest[2].sid).update(assignment_status="canceled", reason="test")
    assert (canceled.assignment_status, canceled.reason) == ("canceled", "test")
    refused(400, 20001, lambda: tasks(rest[2].sid).update(assignment_status="completed", reason="late"))
    refused(400, 20001, lambda: tasks(rest[1].sid).update(assignment_status="canceled"))
    refused(400, 20001, lambda: tasks.create(workflow_sid=workflow, ignore_capacity=True))
    assert tasks(rest[1].sid).delete()
    refused(404, 20404, lambda: tasks(rest[1].sid).fetch())


# covers: GET /v1/Workspaces/{WorkspaceSid}/Tasks/{TaskSid}/Reservations
# covers: GET /v1/Workspaces/{WorkspaceSid}/Tasks/{TaskSid}/Reservations/{Sid}
# covers: POST /v1/Workspaces/{WorkspaceSid}/Tasks/{TaskSid}/Reservations/{Sid}
def test_task_reservations(centre):
    workspace = centre.workspace
    task = workspace.tasks.create(workflow_sid=centre.workflow.sid)
    reservations = workspace.tasks(task.sid).reservations
    for _ in range(3):
        pending = reservations.list(reservation_status="pending")[0]
        assert reservations(pending.sid).update(reservation_status="rejected").reservation_status == "rejected"
    two_by_two(reservations, [pending.sid], worker_sid=centre.worker.sid)
    assert len(reservations.list(reservation_status="rejected")) == 3
    assert reservations.list(worker_sid="WK" + "0" * 32) == []
    last = reservations.list(reservation_status="pending")[0]
    assert reservations(last.sid).fetch().worker_name == "ana"
    for instruction, code in [("dequeue", 40140), ("conference", 40138), ("dance", 55555), ("supervise", 20001)]:
        ask = lambda: reservations(last.sid).update(instruction=instruction, dequeue_to="client:x", to="client:x")  # noqa: E731
        refused(400, code, ask)
    refused(412, 20412, lambda: reservations(last.sid).update(reservation_status="accepted", if_match="99"))
    assert reservations(last.sid).update(instruction="accept").reservation_status == "accepted"
    refused(400, 20001, lambda: reservations(last.sid).update(reservation_status="accepted"))
    assert workspace.tasks(task.sid).fetch().assignment_status == "assigned"


# covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Reservations
# covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Reservations/{Sid}
# covers: POST /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Reservations/{Sid}
def test_worker_reservations(centre):
    workspace = centre.workspace
    reservations = workspace.workers(centre.worker.sid).reservations
    workspace.workers(centre.worker.sid).worker_channels("default").update(capacity=3)
    tasks = [workspace.tasks.create(workflow_sid=centre.workflow.sid) for _ in range(3)]
    found = two_by_two(reservations, [], reservation_status="pending")
    assert len(found) == 3
    one = reservations(found[0]).fetch()
    assert one.task_sid in {task.sid for task in tasks} and one.worker_sid == centre.worker.sid
    for status in ("accepted", "wrapping", "completed"):
        assert reservations(one.sid).update(reservation_status=status).reservation_status == status
    assert workspace.tasks(one.task_sid).fetch().assignment_status == "completed"
    moved = reservations(found[1]).update(reservation_status="rejected", worker_activity_sid=centre.activities["Offline"])
    assert moved.reservation_status == "rejected"
    assert workspace.workers(centre.worker.sid).fetch().activity_name == "Offline"
    refused(404, 20404, lambda: reservations("WR" + "0" * 32).fetch())
