//! Effects of routing as rows: webhooks are written in the transaction of the events that caused them.

use base::*;
use engine::call::port::{Method, Webhook};
use engine::routing::effect::Effect;
use engine::routing::model::WorkspaceSettings;
use store::Telling;
use store::model::{AssignmentRef, DeliveryKind, NewDelivery, Notification, Row};

/// Codes of the routing side that warn rather than report an error (reference: TaskRouter error dictionary).
const WARNINGS: &[u32] = &[20001, 40001, 40005, 40152, 40153, 40154, 40155];

/// The row of an effect; `None` for an event that nobody asked for. Orders to the voice side are no rows.
pub(crate) fn row(
    effect: Effect,
    settings: &WorkspaceSettings,
    now: Timestamp,
    entropy: &mut Entropy,
) -> Option<Row> {
    match effect {
        Effect::Callback { event_type, lane, parameters, .. } => {
            if !wanted(settings, event_type) {
                return None;
            }
            Some(Row::Delivery(Box::new(NewDelivery {
                sid: DeliverySid::generate(entropy),
                account: settings.account,
                kind: DeliveryKind::Event,
                lane: format!("{}/{lane}", settings.sid),
                webhook: Webhook { url: settings.event_callback_url.clone(), method: Method::Post },
                fallback: None,
                parameters,
                assignment: None,
                created: now,
            })))
        }
        Effect::AssignmentCallback { reservation, url, fallback, parameters } => {
            Some(Row::Delivery(Box::new(NewDelivery {
                sid: DeliverySid::generate(entropy),
                account: settings.account,
                kind: DeliveryKind::Assignment,
                lane: reservation.to_string(),
                webhook: Webhook { url, method: Method::Post },
                fallback: fallback.map(|url| Webhook { url, method: Method::Post }),
                parameters,
                assignment: Some(AssignmentRef { workspace: settings.sid, reservation }),
                created: now,
            })))
        }
        Effect::Notify { code, message, resource } => Some(Row::Notification(Notification {
            sid: NotificationSid::generate(entropy),
            account: settings.account,
            call: None,
            error: !WARNINGS.contains(&code),
            code,
            message,
            url: None,
            method: None,
            resource: Some(resource),
            created: now,
        })),
        // The owner, who knows the other workspaces, has made a notification of it.
        Effect::Voice(_) | Effect::UnknownWorker { .. } => None,
    }
}

/// Parameters that the row of an event has columns for, or that say what its workspace says.
const ELSEWHERE: &[&str] =
    &["EventType", "AccountSid", "WorkspaceSid", "OperatingUnitSid", "Timestamp", "TimestampMs", "Sid"];

/// What the Events resource will show of an event, webhook or not.
pub(crate) fn telling(effect: &Effect) -> Option<(EventSid, Telling)> {
    let Effect::Callback { event, event_type, parameters, .. } = effect else { return None };
    let kept = parameters.iter().filter(|(name, _)| !ELSEWHERE.contains(&name.as_str()));
    Some((*event, Telling { event_type: (*event_type).to_owned(), parameters: kept.cloned().collect() }))
}

/// Whether the event callback is to be told of this type: there is a URL, and the filter names it or is empty.
fn wanted(settings: &WorkspaceSettings, event_type: &str) -> bool {
    let filter = settings.events_filter.as_deref().unwrap_or_default();
    !settings.event_callback_url.is_empty()
        && (filter.trim().is_empty() || filter.split(',').any(|one| one.trim() == event_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, filter: Option<&str>) -> WorkspaceSettings {
        let mut entropy = Entropy::seeded(1);
        WorkspaceSettings {
            sid: WorkspaceSid::generate(&mut entropy),
            account: AccountSid::generate(&mut entropy),
            friendly_name: "Support".to_owned(),
            event_callback_url: url.to_owned(),
            events_filter: filter.map(str::to_owned),
            multi_task_enabled: true,
            prioritize_queue_order: Default::default(),
            default_activity: ActivitySid::generate(&mut entropy),
            timeout_activity: ActivitySid::generate(&mut entropy),
            voice_policy: None,
            created: Timestamp(1),
            updated: Timestamp(1),
        }
    }

    #[test]
    fn only_events_that_the_filter_names_are_sent() {
        assert!(wanted(&settings("http://a", None), "task.created"));
        assert!(wanted(&settings("http://a", Some("")), "task.created"));
        assert!(wanted(&settings("http://a", Some("task.created , worker.created")), "worker.created"));
        assert!(!wanted(&settings("http://a", Some("task.created")), "task.canceled"));
        assert!(!wanted(&settings("", None), "task.created"));
    }
}
