//! `isAcdReady` and voice capacity: kept by the engine under a voice policy, in the decision that changes them.

use super::*;
use crate::routing::index::VoiceLoad;
use crate::routing::model::*;
use serde_json::Value;

/// The attribute that queue expressions read.
pub(in crate::routing) const READY: &str = "isAcdReady";

impl Deciding<'_> {
    /// Brings one worker's `isAcdReady` and voice capacity in line with the policy. Without a policy: nothing.
    pub(super) fn keep_ready(&mut self, sid: WorkerSid) {
        let state = &self.ws.state;
        let (Some(policy), Some(worker)) = (&state.settings.voice_policy, self.ws.worker(sid)) else {
            return;
        };
        let Some(channel) = state.channel_named(crate::routing::state::VOICE_CHANNEL).map(|c| c.sid) else {
            return;
        };
        let load = self.ws.index.voice_load(state, sid);
        let ready = is_ready(state.activity_available(worker.activity), load);
        let capacity = capacity(policy, &worker.voice, load);
        let attributes = (worker.attributes.map().get(READY) != Some(&Value::Bool(ready)))
            .then(|| worker.attributes.with(READY, Value::Bool(ready)));
        let of = worker.channels.get(&channel);
        let capacity = of.is_some_and(|of| of.configured_capacity != capacity).then_some(capacity);
        if let Some(attributes) = attributes {
            self.emit(Event::WorkerAttributesUpdated { sid, attributes, by_engine: true });
        }
        if let Some(capacity) = capacity {
            self.emit(Event::WorkerCapacityUpdated { sid, channel, capacity, by_engine: true });
        }
    }

    /// Attributes as somebody wants to set them, with `isAcdReady` as it must be.
    pub(super) fn with_readiness(&self, sid: WorkerSid, attributes: Attributes) -> Attributes {
        let state = &self.ws.state;
        if state.settings.voice_policy.is_none() {
            return attributes;
        }
        let load = self.ws.index.voice_load(state, sid);
        let ready = Value::Bool(is_ready(state.activity_available(state.worker(sid).activity), load));
        match attributes.map().get(READY) == Some(&ready) {
            true => attributes,
            false => attributes.with(READY, ready),
        }
    }

    /// The workspace has another voice policy, or none.
    pub(super) fn voice_policy_changed(&mut self) {
        let workers: Vec<_> = self.ws.state.workers.keys().copied().collect();
        for worker in workers {
            self.keep_ready(worker);
        }
    }
}

/// True iff the activity is available and the worker has no phone call in any state: offered, live, parked, wrapping.
pub(in crate::routing) fn is_ready(available: bool, load: VoiceLoad) -> bool {
    available && load.tasks() == 0
}

/// One without a voice task; else one more than there are, so that a direct offer fits, as far as the policy goes.
pub(in crate::routing) fn capacity(policy: &VoicePolicy, overrides: &VoiceOverrides, load: VoiceLoad) -> u32 {
    let live_max = overrides.live_max.unwrap_or(policy.live_max);
    let parked_max = overrides.parked_max.unwrap_or(policy.parked_max);
    let most = live_max.saturating_add(parked_max).saturating_add(load.wrapping);
    load.tasks().saturating_add(1).min(most).max(load.tasks()).max(1)
}
