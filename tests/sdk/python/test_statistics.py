"""Events and statistics of TaskRouter through the official SDK."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from twilio.base.exceptions import TwilioRestException


class Body:
    """A request body, as the SDK wants it."""

    def __init__(self, content):
        self.content = content

    def to_dict(self):
        return self.content


@pytest.fixture
def worked(centre):
    """One task taken, one waiting."""
    first = centre.workspace.tasks.create(workflow_sid=centre.workflow.sid, attributes=json.dumps({"lang": "en"}))
    centre.workspace.tasks.create(workflow_sid=centre.workflow.sid)
    offers = centre.workspace.workers(centre.worker.sid).reservations.list(reservation_status="pending")
    assert len(offers) == 1
    centre.workspace.workers(centre.worker.sid).reservations(offers[0].sid).update(reservation_status="accepted")
    centre.task, centre.reservation = offers[0].task_sid, offers[0].sid
    assert first.sid == centre.task
    return centre


def test_events_are_listed_filtered_and_fetched(worked):
    events = worked.workspace.events
    of_task = events.list(task_sid=worked.task)
    types = [event.event_type for event in of_task]
    assert types[-1] == "task.created" and "reservation.accepted" in types
    accepted = events.list(event_type="reservation.accepted", reservation_sid=worked.reservation)
    assert [event.resource_sid for event in accepted] == [worked.reservation]
    assert accepted[0].event_data["task_attributes"] == '{"lang": "en"}'
    assert accepted[0].event_data["worker_name"] == "ana"
    fetched = events(accepted[0].sid).fetch()
    assert (fetched.event_type, fetched.event_data) == ("reservation.accepted", accepted[0].event_data)
    everything = [event.sid for event in events.list()]
    assert [event.sid for event in events.list(page_size=3)] == everything and len(everything) > 6
    for found in (
        events.list(worker_sid=worked.worker.sid, event_type="worker.created"),
        events.list(task_queue_sid=worked.queue.sid, event_type="reservation.accepted"),
        events.list(workflow_sid=worked.workflow.sid, event_type="reservation.accepted", minutes=5),
        events.list(task_channel="default", event_type="reservation.accepted"),
        events.list(sid=accepted[0].sid),
    ):
        assert len(found) == 1
    long_ago = datetime.now(timezone.utc) - timedelta(hours=2)
    assert events.list(start_date=long_ago, end_date=long_ago + timedelta(hours=1)) == []


def test_the_workspace_has_statistics(worked):
    both = worked.workspace.statistics().fetch(minutes=15, split_by_wait_time="5,3600")
    assert (both.realtime["total_tasks"], both.realtime["total_workers"]) == (2, 1)
    assert (both.cumulative["tasks_created"], both.cumulative["reservations_accepted"]) == (2, 1)
    assert both.cumulative["split_by_wait_time"]["3600"]["below"]["reservations_accepted"] == 1
    now = worked.workspace.real_time_statistics().fetch(task_channel="default")
    assert now.tasks_by_status == {"pending": 1, "reserved": 0, "assigned": 1, "wrapping": 0}
    assert now.longest_task_waiting_sid.startswith("WT")
    assert sum(a["workers"] for a in now.activity_statistics) == now.total_workers == 1
    past = worked.workspace.cumulative_statistics().fetch()
    assert (past.tasks_created, past.tasks_canceled, past.reservations_created) == (2, 0, 1)
    assert past.start_time < past.end_time
    assert set(past.wait_duration_until_accepted) == {"avg", "min", "max", "total"}


def test_queues_have_statistics(worked):
    queue = worked.workspace.task_queues(worked.queue.sid)
    assert queue.statistics().fetch().cumulative["tasks_entered"] == 2
    now = queue.real_time_statistics().fetch()
    assert (now.total_tasks, now.total_eligible_workers, now.total_available_workers) == (2, 1, 1)
    past = queue.cumulative_statistics().fetch(split_by_wait_time="60")
    assert (past.tasks_entered, past.reservations_accepted) == (2, 1)
    listed = worked.workspace.task_queues.statistics.list(friendly_name="All")
    assert [one.task_queue_sid for one in listed] == [worked.queue.sid]
    assert listed[0].realtime["total_tasks"] == 2
    bulk = worked.workspace.task_queues.bulk_real_time_statistics.create(body=Body({"TaskQueueSids": [worked.queue.sid]}))
    assert bulk.task_queue_response_count == 1
    assert bulk.task_queue_data[0]["total_tasks"] == 2


def test_workflows_have_statistics(worked):
    workflow = worked.workspace.workflows(worked.workflow.sid)
    assert workflow.statistics().fetch().realtime["total_tasks"] == 2
    assert workflow.real_time_statistics().fetch().tasks_by_status["assigned"] == 1
    past = workflow.cumulative_statistics().fetch()
    assert (past.tasks_entered, past.tasks_timed_out_in_workflow) == (2, 0)


def test_workers_have_statistics(worked):
    workers = worked.workspace.workers
    both = workers.statistics().fetch(friendly_name="ana")
    assert both.realtime["total_workers"] == 1
    assert both.cumulative["reservations_accepted"] == 1
    one = workers(worked.worker.sid).statistics().fetch()
    assert (one.cumulative["reservations_accepted"], one.cumulative["reservations_wrapup"]) == (1, 0)
    now = workers.real_time_statistics().fetch()
    assert now.total_workers == 1
    past = workers.cumulative_statistics().fetch()
    assert {a["friendly_name"] for a in past.activity_durations} == {"Offline", "Available", "Unavailable"}


def test_windows_beyond_thirty_days_are_refused(workspace):
    with pytest.raises(TwilioRestException) as refused:
        workspace.cumulative_statistics().fetch(start_date=datetime.now(timezone.utc) - timedelta(days=40))
    assert (refused.value.status, refused.value.code) == (400, 14241)
