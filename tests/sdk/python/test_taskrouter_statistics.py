"""Statistics and events, called by the official SDK. `covers:` names the operations of the test below it."""

from datetime import datetime, timedelta, timezone

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException

OLD = datetime.now(timezone.utc) - timedelta(days=31)


class Body(dict):
    """What this SDK wants for a JSON body: something that turns itself into a dict."""

    def to_dict(self):
        return dict(self)


@pytest.fixture
def busy(centre):
    """A centre with one task accepted, one canceled and one waiting."""
    tasks = centre.workspace.tasks
    made = [tasks.create(workflow_sid=centre.workflow.sid, priority=n) for n in (3, 2, 1)]
    offer = tasks(made[0].sid).reservations.list()[0]
    tasks(made[0].sid).reservations(offer.sid).update(reservation_status="accepted")
    tasks(made[1].sid).update(assignment_status="canceled", reason="test")
    centre.tasks = made
    return centre


# covers: GET /v1/Workspaces/{WorkspaceSid}/Statistics, GET /v1/Workspaces/{WorkspaceSid}/RealTimeStatistics
# covers: GET /v1/Workspaces/{WorkspaceSid}/CumulativeStatistics
def test_statistics_of_a_workspace(busy):
    now = busy.workspace.real_time_statistics().fetch()
    assert (now.total_workers, now.total_tasks) == (1, 2)
    assert now.tasks_by_status == {"pending": 1, "reserved": 0, "assigned": 1, "wrapping": 0}
    past = busy.workspace.cumulative_statistics().fetch(minutes=60, split_by_wait_time="5,60")
    assert (past.tasks_created, past.tasks_canceled, past.reservations_accepted) == (3, 1, 1)
    assert set(past.split_by_wait_time) == {"5", "60"}
    both = busy.workspace.statistics().fetch()
    assert both.realtime["total_tasks"] == 2 and both.cumulative["tasks_created"] == 3
    with pytest.raises(TwilioRestException) as refused:
        busy.workspace.cumulative_statistics().fetch(start_date=OLD)
    assert (refused.value.status, refused.value.code) == (400, 14241)


# covers: GET /v1/Workspaces/{WorkspaceSid}/TaskQueues/{TaskQueueSid}/Statistics
# covers: GET /v1/Workspaces/{WorkspaceSid}/TaskQueues/{TaskQueueSid}/RealTimeStatistics
# covers: GET /v1/Workspaces/{WorkspaceSid}/TaskQueues/{TaskQueueSid}/CumulativeStatistics
# covers: GET /v1/Workspaces/{WorkspaceSid}/TaskQueues/Statistics
# covers: POST /v1/Workspaces/{WorkspaceSid}/TaskQueues/RealTimeStatistics
def test_statistics_of_queues(busy):
    queues = busy.workspace.task_queues
    one = queues(busy.queue.sid)
    now = one.real_time_statistics().fetch()
    assert (now.total_tasks, now.total_eligible_workers, now.total_available_workers) == (2, 1, 1)
    past = one.cumulative_statistics().fetch(task_channel="default")
    assert (past.tasks_entered, past.reservations_accepted) == (3, 1)
    assert one.statistics().fetch().realtime["total_tasks"] == 2
    spare = [queues.create(friendly_name=f"Spare {n}").sid for n in range(2)]
    listed = {item.task_queue_sid: item for item in queues.statistics.list(page_size=2)}
    assert set(listed) == {busy.queue.sid, *spare}
    assert listed[busy.queue.sid].cumulative["tasks_entered"] == 3
    bulk = queues.bulk_real_time_statistics.create(body=Body({"TaskQueueSids": [busy.queue.sid, spare[0]]}))
    assert bulk.task_queue_response_count == len(bulk.task_queue_data) == 2


# covers: GET /v1/Workspaces/{WorkspaceSid}/Workflows/{WorkflowSid}/Statistics
# covers: GET /v1/Workspaces/{WorkspaceSid}/Workflows/{WorkflowSid}/RealTimeStatistics
# covers: GET /v1/Workspaces/{WorkspaceSid}/Workflows/{WorkflowSid}/CumulativeStatistics
def test_statistics_of_a_workflow(busy):
    one = busy.workspace.workflows(busy.workflow.sid)
    assert one.real_time_statistics().fetch().total_tasks == 2
    past = one.cumulative_statistics().fetch(minutes=5)
    assert (past.tasks_entered, past.tasks_canceled) == (3, 1)
    assert one.statistics().fetch().cumulative["tasks_entered"] == 3


# covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/Statistics
# covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/RealTimeStatistics
# covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/CumulativeStatistics
# covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Statistics
def test_statistics_of_workers(busy):
    workers = busy.workspace.workers
    assert workers.real_time_statistics().fetch().total_workers == 1
    assert workers.cumulative_statistics().fetch().reservations_accepted == 1
    both = workers.statistics().fetch(friendly_name="ana")
    assert both.realtime["total_workers"] == 1 and both.cumulative["reservations_accepted"] == 1
    own = workers(busy.worker.sid).statistics().fetch()
    assert own.cumulative["reservations_accepted"] == 1


# covers: GET /v1/Workspaces/{WorkspaceSid}/Events, GET /v1/Workspaces/{WorkspaceSid}/Events/{Sid}
def test_events(busy):
    events = busy.workspace.events
    canceled = events.list(event_type="task.canceled")
    assert [event.resource_sid for event in canceled] == [busy.tasks[1].sid]
    one = events(canceled[0].sid).fetch()
    assert (one.event_type, one.event_data["task_sid"]) == ("task.canceled", busy.tasks[1].sid)
    of_task = [event.sid for event in events.list(task_sid=busy.tasks[0].sid, page_size=2)]
    assert len(of_task) == len(set(of_task)) > 2
    assert events.list(reservation_sid="WR" + "0" * 32) == []
    with pytest.raises(TwilioRestException) as gone:
        events("EV" + "0" * 32).fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)
    with pytest.raises(TwilioException):
        events.list(worker_sid="WKx")
