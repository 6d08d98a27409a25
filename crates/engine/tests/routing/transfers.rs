//! Transfers (reference: TaskRouter §4.6; scenarios S4).

use super::day::Day;
use base::*;
use engine::routing::Workspace;
use engine::routing::command::*;
use engine::routing::effect::VoiceOrder;
use engine::routing::model::*;
use serde_json::{Value, json};

/// Ana has a phone call, Bo is free, both with room for two.
struct Desk {
    day: Day,
    ana: WorkerSid,
    bo: WorkerSid,
    task: TaskSid,
    first: ReservationSid,
    everyone: TaskQueueSid,
}

impl Desk {
    fn open() -> Self {
        let mut day = Day::new();
        let everyone = day.queue("1==1");
        let only_ana = day.queue("directExtension == '1001'");
        let flow = day.workflow(json!({"default_filter": {"queue": only_ana}}));
        let [ana, bo] = day.ana_and_bo();
        let channel = day.ws.task_channel("voice").unwrap().sid;
        for worker in [ana, bo] {
            day.does(Command::UpdateWorkerChannel { worker, channel, capacity: Some(2), available: None });
        }
        let task = day.call(flow, None);
        let first = day.offer(task);
        day.set(first, ReservationStatus::Accepted);
        Self { day, ana, bo, task, first, everyone }
    }

    fn asks(&self, to: TransferTarget, mode: TransferMode) -> Command {
        let (reservation, task) = (self.first, self.task);
        Command::CreateTransfer { reservation, task, to, attributes: None, mode, priority: None }
    }

    fn transfers(&mut self, to: TransferTarget, mode: TransferMode) -> (TransferSid, ReservationSid) {
        let command = self.asks(to, mode);
        match self.day.does(command) {
            Answer::Transfer(sid) => (sid, self.day.offer(self.task)),
            other => panic!("{other:?}"),
        }
    }

    fn transfers_to_bo(&mut self, mode: TransferMode) -> (TransferSid, ReservationSid) {
        self.transfers(TransferTarget::Worker(self.bo), mode)
    }

    fn parks(&mut self) -> (TransferSid, ReservationSid) {
        self.transfers(TransferTarget::Worker(self.ana), TransferMode::Cold)
    }

    fn transfer(&self, sid: TransferSid) -> TransferStatus {
        self.day.ws.transfer(sid).unwrap().status
    }

    fn reservation(&self, sid: ReservationSid) -> ReservationStatus {
        self.day.ws.reservation(sid).unwrap().status
    }

    fn status(&self) -> TaskStatus {
        self.day.status(self.task)
    }

    fn carries_its_conference(&mut self) {
        let merge = json!({"conference": {"sid": ConferenceSid::generate(&mut self.day.entropy)}});
        let Value::Object(merge) = merge else { unreachable!() };
        let change = TaskChange { merge: Some(merge), ..TaskChange::default() };
        self.day.does(Command::UpdateTask { sid: self.task, if_match: None, change });
    }

    /// What is replayed and what is restored is the same workspace.
    fn is_all_there(&self) {
        let snapshot = self.day.ws.snapshot();
        let replayed = Workspace::replay(self.day.journal.iter().cloned()).unwrap();
        assert_eq!(replayed.snapshot(), snapshot);
        let text = serde_json::to_string(&snapshot).unwrap();
        let restored = Workspace::restore(serde_json::from_str(&text).unwrap());
        assert_eq!(restored.snapshot(), snapshot);
        restored.check_invariants(self.day.now).unwrap();
    }
}

use ReservationStatus as R;
use TaskStatus as T;
use TransferMode::{Cold, Warm};
use TransferStatus as S;

fn instruct_conference(reservation: ReservationSid) -> Command {
    let instruction = Instruction::Conference(ConferenceInstruction {
        from: Some("+15550100001".to_owned()),
        ..ConferenceInstruction::default()
    });
    Command::Instruct { reservation, instruction }
}

#[test]
fn s4_6_a_warm_transfer_keeps_the_transferor_and_is_complete_when_it_is_accepted() {
    let mut desk = Desk::open();
    let (transfer, offer) = desk.transfers_to_bo(Warm);
    assert_eq!((desk.status(), desk.reservation(desk.first)), (T::Reserved, R::Accepted));
    assert_eq!((desk.transfer(transfer), desk.reservation(offer)), (S::Initiated, R::Pending));
    assert_eq!(desk.day.holder(desk.task), desk.bo);
    assert_eq!(desk.day.callbacks(), ["task.transfer-initiated", "reservation.created"]);
    assert!(matches!(desk.day.orders()[..], [VoiceOrder::HandOver { cold: false, .. }]));
    desk.day.does(Day::connected(offer));
    assert_eq!((desk.status(), desk.transfer(transfer)), (T::Assigned, S::Complete));
    assert_eq!((desk.reservation(desk.first), desk.reservation(offer)), (R::Accepted, R::Accepted));
    assert_eq!(desk.day.callbacks(), ["reservation.accepted", "task.transfer-completed"]);
    desk.is_all_there();
    // The task goes on with Bo when Ana's conversation is over.
    let left = VoiceReport::ConversationEnded { reservation: desk.first, post_work_activity: None };
    desk.day.does(Command::Voice(left));
    assert_eq!((desk.status(), desk.reservation(desk.first)), (T::Assigned, R::Wrapping));
    desk.day.set(desk.first, R::Completed);
    assert_eq!(desk.status(), T::Assigned);
    desk.day.set(offer, R::Completed);
    assert_eq!(desk.status(), T::Completed);
}

#[test]
fn a_cold_transfer_wraps_the_transferor_up_at_once() {
    let mut desk = Desk::open();
    let (transfer, offer) = desk.transfers_to_bo(Cold);
    assert_eq!((desk.status(), desk.reservation(desk.first)), (T::Reserved, R::Wrapping));
    assert_eq!(
        desk.day.callbacks(),
        ["task.transfer-initiated", "reservation.wrapup", "reservation.created"]
    );
    assert!(matches!(desk.day.orders()[..], [VoiceOrder::HandOver { cold: true, .. }]));
    desk.day.set(desk.first, R::Completed);
    assert_eq!(desk.status(), T::Reserved, "the task is on its way");
    desk.day.does(Day::connected(offer));
    assert_eq!((desk.status(), desk.transfer(transfer)), (T::Assigned, S::Complete));
    desk.is_all_there();
}

#[test]
fn a_worker_who_rejects_or_lets_time_out_fails_the_transfer() {
    for mode in [Warm, Cold] {
        for rejects in [true, false] {
            let mut desk = Desk::open();
            let (transfer, offer) = desk.transfers_to_bo(mode);
            if rejects {
                desk.day.set(offer, R::Rejected)
            } else {
                desk.day.wait(60)
            }
            let (status, word) =
                if rejects { (R::Rejected, "was rejected") } else { (R::Timeout, "timed out") };
            assert_eq!((desk.status(), desk.reservation(offer)), (T::Assigned, status));
            let transfer = desk.day.ws.transfer(transfer).unwrap();
            assert_eq!(transfer.status, S::Failed);
            let reason = transfer.failed_reason.clone().unwrap();
            assert_eq!(reason, format!("Transfer failed because the reservation {word}"));
            assert!(desk.day.callbacks().contains(&"task.transfer-failed"));
            let kept = if mode == Warm { R::Accepted } else { R::Wrapping };
            assert_eq!(desk.reservation(desk.first), kept);
            assert!(desk.day.orders().iter().any(|o| matches!(o, VoiceOrder::HandOverEnded { .. })));
            desk.is_all_there();
        }
    }
}

#[test]
fn a_task_that_nobody_has_after_a_cold_transfer_failed_waits_in_line_again() {
    let mut desk = Desk::open();
    let (_, offer) = desk.transfers_to_bo(Cold);
    desk.day.set(offer, R::Rejected);
    desk.day.wait(20);
    assert_eq!(desk.status(), T::Reserved, "offered by its workflow again");
    assert_eq!(desk.day.holder(desk.task), desk.ana);
    assert_eq!(desk.day.ws.task(desk.task).unwrap().priority, 1000);
    assert!(desk.day.orders().iter().any(|o| matches!(o, VoiceOrder::Requeue { .. })));
    desk.day.set(desk.first, R::Completed);
    assert_eq!(desk.status(), T::Reserved, "the transferor's end is not the task's");
    desk.day.set(desk.day.offer(desk.task), R::Accepted);
    assert_eq!(desk.status(), T::Assigned);
    desk.is_all_there();
}

#[test]
fn a_transferor_who_completes_after_a_failed_cold_transfer_sends_the_task_back_at_once() {
    let mut desk = Desk::open();
    let (_, offer) = desk.transfers_to_bo(Cold);
    desk.day.set(offer, R::Rejected);
    desk.day.set(desk.first, R::Completed);
    assert_eq!(desk.status(), T::Reserved);
}

#[test]
fn a_transfer_to_a_queue_asks_the_next_of_its_workers_and_no_target_expression() {
    let mut desk = Desk::open();
    let (transfer, offer) = desk.transfers(TransferTarget::Queue(desk.everyone), Warm);
    assert_eq!(desk.day.holder(desk.task), desk.bo, "the workflow would have asked for Ana only");
    assert_eq!(desk.day.ws.task(desk.task).unwrap().queue, Some(desk.everyone));
    let off = desk.day.activity("Offline");
    desk.day.does(Command::UpdateReservation {
        sid: offer,
        if_match: None,
        status: R::Rejected,
        activity: Some(off),
    });
    assert_eq!(desk.transfer(transfer), S::Initiated);
    assert!(desk.day.callbacks().contains(&"task.transfer-attempt-failed"));
    // Ana has room for a second one and matches the queue, but it is hers that goes away.
    assert_eq!(desk.status(), T::Pending, "nobody is left to ask");
    assert_eq!(desk.reservation(desk.first), R::Accepted);
    desk.day.move_to(desk.bo, "Available");
    assert_eq!((desk.status(), desk.day.holder(desk.task)), (T::Reserved, desk.bo));
    desk.day.does(Day::connected(desk.day.offer(desk.task)));
    assert_eq!((desk.status(), desk.transfer(transfer)), (T::Assigned, S::Complete));
    desk.is_all_there();
}

#[test]
fn a_canceled_transfer_gives_the_task_back_and_cannot_be_canceled_twice() {
    for mode in [Warm, Cold] {
        let mut desk = Desk::open();
        let (transfer, offer) = desk.transfers_to_bo(mode);
        desk.day.does(Command::CancelTransfer { sid: transfer });
        assert_eq!((desk.status(), desk.transfer(transfer)), (T::Assigned, S::Canceled));
        assert_eq!(desk.reservation(offer), R::Canceled);
        assert_eq!(desk.day.callbacks(), ["reservation.canceled", "task.transfer-canceled"]);
        let (code, message) = desk.day.refused(Command::CancelTransfer { sid: transfer });
        assert_eq!(code, 20001);
        assert_eq!(message, format!("Transfer {transfer} is already canceled . Cannot cancel transfer."));
        desk.is_all_there();
    }
}

#[test]
fn a_worker_who_is_not_available_or_has_no_room_gets_no_transfer() {
    let mut desk = Desk::open();
    desk.day.move_to(desk.bo, "Offline");
    let asks = desk.asks(TransferTarget::Worker(desk.bo), Warm);
    assert_eq!(desk.day.refused(asks).0, 20001);
    let nobody = desk.asks(TransferTarget::Worker(WorkerSid([9; 16])), Warm);
    desk.day.refused(nobody);
    let nowhere = desk.asks(TransferTarget::Queue(TaskQueueSid([9; 16])), Cold);
    desk.day.refused(nowhere);
    let own = desk.asks(TransferTarget::Worker(desk.ana), Warm);
    assert!(desk.day.refused(own).1.contains("COLD"));
    assert_eq!(desk.day.ws.transfers_of(desk.task).count(), 0);
    assert_eq!((desk.status(), desk.reservation(desk.first)), (T::Assigned, R::Accepted));
}

#[test]
fn nobody_wraps_up_completes_cancels_parks_or_transfers_a_task_that_is_on_its_way() {
    let mut desk = Desk::open();
    desk.transfers_to_bo(Warm);
    for status in [T::Wrapping, T::Completed] {
        let change = TaskChange { status: Some(status), reason: Some("x".into()), ..TaskChange::default() };
        let (_, message) = desk.day.refused(Command::UpdateTask { sid: desk.task, if_match: None, change });
        assert!(message.contains("not currently assigned"), "{message}");
    }
    let change = TaskChange { status: Some(T::Canceled), reason: Some("x".into()), ..TaskChange::default() };
    desk.day.refused(Command::UpdateTask { sid: desk.task, if_match: None, change });
    let again = desk.asks(TransferTarget::Queue(desk.everyone), Cold);
    assert!(desk.day.refused(again).1.contains("not currently assigned"));
}

#[test]
fn s4_8_a_task_that_is_wrapping_is_not_transferred() {
    let mut desk = Desk::open();
    desk.day.set(desk.first, R::Wrapping);
    let asks = desk.asks(TransferTarget::Worker(desk.bo), Cold);
    assert!(desk.day.refused(asks).1.contains("not currently assigned"));
}

#[test]
fn a_transferred_task_takes_a_conference_and_no_other_instruction() {
    let mut desk = Desk::open();
    let (transfer, offer) = desk.transfers_to_bo(Warm);
    let call = CallInstruction {
        from: Some("+15550100001".into()),
        url: Some("http://app.example/".into()),
        ..CallInstruction::default()
    };
    let illegal = [Instruction::Dequeue(DequeueInstruction::default()), Instruction::Call(call)];
    for instruction in illegal {
        assert_eq!(desk.day.refused(Command::Instruct { reservation: offer, instruction }).0, 40151);
    }
    assert_eq!(desk.day.refused(instruct_conference(offer)).0, 40149, "it carries no conference");
    desk.carries_its_conference();
    desk.day.does(instruct_conference(offer));
    assert!(matches!(desk.day.orders()[..], [VoiceOrder::Conference { .. }]));
    desk.day.does(Day::connected(offer));
    assert_eq!(desk.transfer(transfer), S::Complete);
}

#[test]
fn s4_1_and_s4_2_a_park_is_a_cold_transfer_to_oneself_ten_times_over() {
    let mut desk = Desk::open();
    let sid = desk.task;
    for round in 0..10 {
        let attributes = json!({"workerParked": true, "targetWorkerContactUri": "sip:ana@pbx.example",
            "call_sid": CallSid([1; 16])});
        let attributes = Some(Attributes::parse(&attributes.to_string()).unwrap());
        let (reservation, to) = (desk.first, TransferTarget::Worker(desk.ana));
        let asks =
            Command::CreateTransfer { reservation, task: sid, to, attributes, mode: Cold, priority: Some(5) };
        let Answer::Transfer(transfer) = desk.day.does(asks) else { panic!() };
        let second = desk.day.offer(sid);
        assert_eq!((desk.status(), desk.reservation(desk.first)), (T::Reserved, R::Wrapping), "{round}");
        assert!(!desk.day.orders().iter().any(|o| matches!(o, VoiceOrder::Ring(_))));
        // CompleteTask of the desktop: the first reservation completes, the task stays open.
        let change = TaskChange {
            status: Some(T::Completed),
            reason: Some("worker parked call".into()),
            ..TaskChange::default()
        };
        desk.day.does(Command::UpdateTask { sid, if_match: None, change });
        assert_eq!((desk.status(), desk.reservation(desk.first)), (T::Reserved, R::Completed));
        assert_eq!(desk.day.ws.calls_of(desk.ana).len(), 1);
        desk.day.does(Day::connected(second));
        assert_eq!((desk.status(), desk.transfer(transfer)), (T::Assigned, S::Complete));
        let task = desk.day.ws.task(sid).unwrap();
        // S4.7
        assert_eq!((&task.attributes.map()["workerParked"], task.priority), (&json!(false), 5));
        let open = desk.day.ws.reservations_of(desk.ana).filter(|r| r.status.is_open()).count();
        assert_eq!(open, 1);
        desk.first = second;
    }
    desk.is_all_there();
}

#[test]
fn s4_4_a_park_needs_room_for_two() {
    let mut desk = Desk::open();
    let channel = desk.day.ws.task_channel("voice").unwrap().sid;
    desk.day.does(Command::UpdateWorkerChannel {
        worker: desk.ana,
        channel,
        capacity: Some(1),
        available: None,
    });
    let asks = desk.asks(TransferTarget::Worker(desk.ana), Cold);
    desk.day.refused(asks);
    assert_eq!((desk.status(), desk.reservation(desk.first)), (T::Assigned, R::Accepted));
}

#[test]
fn s4_5_a_caller_who_hangs_up_while_parked_leaves_nothing_pending() {
    for completed in [true, false] {
        let mut desk = Desk::open();
        let (transfer, offer) = desk.parks();
        if completed {
            desk.day.set(desk.first, R::Completed);
        }
        desk.day.does(Command::Voice(VoiceReport::CallEnded { task: desk.task, cause: CallEnd::Hangup }));
        assert_eq!((desk.transfer(transfer), desk.reservation(offer)), (S::Failed, R::Canceled));
        if !completed {
            assert_eq!(desk.status(), T::Wrapping);
            desk.day.set(desk.first, R::Completed);
        }
        assert_eq!(desk.status(), T::Completed);
        desk.is_all_there();
    }
}

#[test]
fn s4_6_a_park_that_is_not_picked_up_rings_back_and_leaves_its_worker_available() {
    let mut desk = Desk::open();
    let (transfer, offer) = desk.parks();
    desk.day.set(desk.first, R::Completed);
    desk.day.wait(180);
    assert_eq!((desk.transfer(transfer), desk.reservation(offer)), (S::Failed, R::Timeout));
    assert_eq!(desk.day.ws.worker(desk.ana).unwrap().activity, desk.day.available());
    assert_eq!(desk.status(), T::Assigned, "with no worker left");
    desk.day.wait(20);
    assert_eq!(desk.status(), T::Reserved, "nobody had it: it is offered again, as any other task");
    assert_eq!(desk.day.holder(desk.task), desk.ana);
}

#[test]
fn under_a_voice_policy_a_parked_transfer_leaves_room_for_the_next_call() {
    let mut day = Day::with_policy(VoicePolicy::default());
    let flow = day.demo();
    let [ana, _] = day.ana_and_bo();
    let first = day.call(flow, Some("1001"));
    day.does(Day::connected(day.offer(first)));
    let (reservation, to) = (day.offer(first), TransferTarget::Worker(ana));
    let asks = Command::CreateTransfer {
        reservation,
        task: first,
        to,
        attributes: None,
        mode: Cold,
        priority: None,
    };
    day.does(asks);
    assert_eq!(
        day.ws.calls_of(ana).iter().filter(|c| c.state == engine::routing::AgentCallState::Parked).count(),
        1
    );
    let second = day.call(flow, Some("1001"));
    assert_eq!(day.holder(second), ana, "a direct call still reaches her");
}

#[test]
fn a_caller_who_hangs_up_during_a_warm_transfer_ends_it_for_both() {
    let mut desk = Desk::open();
    let (transfer, offer) = desk.transfers_to_bo(Warm);
    desk.day.does(Command::Voice(VoiceReport::CallEnded { task: desk.task, cause: CallEnd::Hangup }));
    assert_eq!((desk.transfer(transfer), desk.reservation(offer)), (S::Failed, R::Canceled));
    assert_eq!((desk.status(), desk.reservation(desk.first)), (T::Wrapping, R::Wrapping));
}

#[test]
fn a_transferor_who_leaves_before_acceptance_leaves_the_task_on_its_way() {
    let mut desk = Desk::open();
    let (transfer, offer) = desk.transfers_to_bo(Warm);
    let left = VoiceReport::ConversationEnded { reservation: desk.first, post_work_activity: None };
    desk.day.does(Command::Voice(left));
    assert_eq!((desk.status(), desk.transfer(transfer)), (T::Reserved, S::Initiated));
    desk.day.does(Day::connected(offer));
    assert_eq!((desk.status(), desk.transfer(transfer)), (T::Assigned, S::Complete));
}

#[test]
fn a_deleted_worker_fails_what_was_transferred_to_them() {
    let mut desk = Desk::open();
    let (transfer, _) = desk.transfers_to_bo(Warm);
    desk.day.does(Command::DeleteWorker { sid: desk.bo, if_match: None });
    assert_eq!((desk.status(), desk.transfer(transfer)), (T::Assigned, S::Failed));
    desk.is_all_there();
}

#[test]
fn who_takes_a_warm_transfer_and_is_not_reached_leaves_the_caller_to_the_transferor() {
    let mut day = Day::with_policy(VoicePolicy::default());
    let flow = day.demo();
    let [_, bo] = day.ana_and_bo();
    let task = day.call(flow, Some("1001"));
    let first = day.offer(task);
    day.does(Day::connected(first));
    let to = TransferTarget::Worker(bo);
    let (mode, attributes, priority) = (Warm, None, None);
    day.does(Command::CreateTransfer { reservation: first, task, to, attributes, mode, priority });
    let second = day.offer(task);
    day.does(Command::AnswerAndPark { reservation: second });
    let (code, dialled, reason) = (40145, None, "busy".to_owned());
    day.does(Command::Voice(VoiceReport::Failed { reservation: second, code, dialled, reason }));
    let back = |order: &&VoiceOrder| matches!(order, VoiceOrder::HandOverEnded { reservation, .. } if *reservation == first);
    assert_eq!(day.orders().iter().filter(|order| back(order)).count(), 1);
    assert_eq!(day.ws.reservation(second).unwrap().status, R::Completed);
    assert_eq!((day.status(task), day.ws.reservation(first).unwrap().status), (T::Assigned, R::Accepted));
    day.wait(600);
    assert_eq!(day.status(task), T::Assigned);
}

#[test]
fn a_task_whose_new_worker_is_deleted_wraps_up_with_whoever_transferred_it() {
    let mut desk = Desk::open();
    let (_, offer) = desk.transfers_to_bo(Cold);
    desk.day.does(Day::connected(offer));
    desk.day.does(Command::DeleteWorker { sid: desk.bo, if_match: None });
    assert_eq!((desk.status(), desk.reservation(desk.first)), (T::Wrapping, R::Wrapping));
    desk.day.set(desk.first, ReservationStatus::Completed);
    assert_eq!(desk.status(), T::Completed);
    desk.is_all_there();
}

#[test]
fn a_task_that_has_lived_long_may_still_be_transferred() {
    let mut desk = Desk::open();
    desk.day.wait(23 * 3600);
    let (transfer, offer) = desk.transfers_to_bo(Warm);
    desk.day.does(Day::connected(offer));
    assert_eq!((desk.status(), desk.transfer(transfer)), (T::Assigned, S::Complete));
    desk.day.wait(3601);
    assert!(desk.day.ws.task(desk.task).is_none(), "deleted by the system, 24 hours after it was assigned");
    assert!(desk.day.ws.transfer(transfer).is_none());
}

#[test]
fn what_the_voice_side_says_of_a_moved_reservation_is_said_of_the_one_it_moved_to() {
    let mut day = Day::with_policy(VoicePolicy { colleague_pickup: true, ..VoicePolicy::default() });
    let flow = day.demo();
    let [_, bo] = day.ana_and_bo();
    let task = day.call(flow, Some("1001"));
    let old = day.offer(task);
    day.does(Day::connected(old));
    day.does(Command::Park { reservation: old });
    day.does(Command::PickUp { reservation: old, by: bo });
    day.does(Day::connected(old));
    let moved = day.offer(task);
    assert_ne!(moved, old);
    day.does(Command::Voice(VoiceReport::ConversationEnded { reservation: old, post_work_activity: None }));
    assert_eq!(day.ws.reservation(moved).unwrap().status, R::Wrapping);
    assert_eq!(day.status(task), T::Wrapping);
}
