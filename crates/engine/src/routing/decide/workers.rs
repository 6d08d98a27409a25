//! Workers and their channels.

use super::*;
use crate::routing::apply::worker_channel;
use crate::routing::limits::CAPACITY_MAX;
use crate::routing::model::*;

impl Deciding<'_> {
    pub(super) fn create_worker(
        &mut self,
        friendly_name: String,
        activity: Option<ActivitySid>,
        attributes: Attributes,
    ) -> Decided {
        self.room_for_worker()?;
        let friendly_name = name(friendly_name)?;
        self.unique_worker_name(&friendly_name, None)?;
        if let Some(activity) = activity {
            self.known_activity(activity)?;
        }
        self.room_in_activity(activity.unwrap_or(self.ws.state.settings.default_activity))?;
        let channels: Vec<TaskChannelSid> = self.ws.state.channels.keys().copied().collect();
        let mut worker = Worker {
            sid: WorkerSid::generate(self.entropy),
            friendly_name,
            attributes,
            activity: activity.unwrap_or(self.ws.state.settings.default_activity),
            status_changed: self.now,
            idle_since: self.now,
            channels: Default::default(),
            voice: VoiceOverrides::default(),
            version: 0,
            created: self.now,
            updated: self.now,
        };
        for channel in channels {
            let sid = WorkerChannelSid::generate(self.entropy);
            worker.channels.insert(channel, worker_channel(channel, sid, self.now));
        }
        let sid = worker.sid;
        self.emit(Event::WorkerCreated { worker });
        self.keep_ready(sid);
        Ok(Answer::Worker(sid))
    }

    fn unique_worker_name(&self, name: &str, except: Option<WorkerSid>) -> Decided<()> {
        match self.ws.worker_named(name) {
            Some(other) if Some(other.sid) != except => {
                Err(RoutingError::refused(format!("a worker with FriendlyName '{name}' already exists")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn known_worker(&self, sid: WorkerSid) -> Decided<&Worker> {
        self.ws.worker(sid).ok_or_else(|| RoutingError::missing(sid))
    }

    pub(super) fn update_worker(
        &mut self,
        sid: WorkerSid,
        if_match: Option<u64>,
        change: WorkerChange,
    ) -> Decided {
        let worker = self.known_worker(sid)?.clone();
        matching(if_match, worker.version)?;
        let renamed = match change.friendly_name {
            Some(friendly_name) => {
                let friendly_name = name(friendly_name)?;
                self.unique_worker_name(&friendly_name, Some(sid))?;
                (friendly_name != worker.friendly_name).then_some(friendly_name)
            }
            None => None,
        };
        if let Some(activity) = change.activity {
            self.known_activity(activity)?;
            if !self.ws.state.activity_available(worker.activity) {
                self.room_in_activity(activity)?;
            }
        }
        let leaves = change.activity.is_some_and(|activity| !self.ws.state.activity_available(activity));
        if change.reject_pending && !leaves {
            return Err(RoutingError::refused(
                "RejectPendingReservations can only be used together with an ActivitySid that is not available",
            ));
        }
        if let Some(friendly_name) = renamed {
            self.emit(Event::WorkerRenamed { sid, friendly_name });
        }
        if let Some(attributes) = change.attributes {
            self.set_attributes(sid, attributes);
        }
        if let Some(activity) = change.activity {
            self.set_activity(sid, activity);
        }
        if change.reject_pending {
            self.reject_pending(sid, change.activity);
        }
        Ok(Answer::Worker(sid))
    }

    /// Sets a worker's attributes as they were sent, with `isAcdReady` as the voice policy has it.
    fn set_attributes(&mut self, sid: WorkerSid, attributes: Attributes) {
        let kept = self.with_readiness(sid, attributes);
        if kept.text() != self.ws.state.worker(sid).attributes.text() {
            self.emit(Event::WorkerAttributesUpdated { sid, attributes: kept, by_engine: false });
        }
    }

    /// Moves a worker to another activity; what the voice policy keeps follows in the same decision.
    pub(super) fn set_activity(&mut self, sid: WorkerSid, activity: ActivitySid) {
        if self.ws.state.worker(sid).activity != activity {
            self.emit(Event::WorkerActivityUpdated { sid, activity });
            self.keep_ready(sid);
        }
    }

    pub(super) fn delete_worker(&mut self, sid: WorkerSid, if_match: Option<u64>) -> Decided {
        let worker = self.known_worker(sid)?;
        matching(if_match, worker.version)?;
        let offered = self.release_worker(sid);
        self.emit(Event::WorkerDeleted { sid });
        offered.into_iter().for_each(|task| self.task_back(task));
        Ok(Answer::Done)
    }

    pub(super) fn update_worker_channel(
        &mut self,
        sid: WorkerSid,
        channel: TaskChannelSid,
        capacity: Option<u32>,
        available: Option<bool>,
    ) -> Decided {
        let worker = self.known_worker(sid)?;
        let of = worker.channels.get(&channel).ok_or_else(|| RoutingError::missing(channel))?;
        let (configured, was_available) = (of.configured_capacity, of.available);
        if capacity.is_some_and(|capacity| capacity > CAPACITY_MAX) {
            return Err(RoutingError::refused(format!("Capacity must be from 0 to {CAPACITY_MAX}")));
        }
        // Under a voice policy the engine keeps the capacity of the voice channel.
        if let Some(capacity) = capacity.filter(|_| self.ws.state.policy_on(channel).is_none())
            && capacity != configured
        {
            self.emit(Event::WorkerCapacityUpdated { sid, channel, capacity, by_engine: false });
        }
        if let Some(available) = available
            && available != was_available
        {
            self.emit(Event::WorkerChannelAvailabilityUpdated { sid, channel, available });
        }
        Ok(Answer::Worker(sid))
    }

    pub(super) fn set_voice_overrides(&mut self, worker: WorkerSid, voice: VoiceOverrides) -> Decided {
        self.known_worker(worker)?;
        if voice.live_max == Some(0) {
            return Err(RoutingError::refused("live_max must be at least 1"));
        }
        self.emit(Event::VoiceOverridesSet { sid: worker, voice });
        self.keep_ready(worker);
        Ok(Answer::Worker(worker))
    }
}
