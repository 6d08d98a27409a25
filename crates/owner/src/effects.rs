//! Effects of routing as rows: webhooks are written in the transaction of the events that caused them.

use base::*;
use engine::call::port::{Method, Webhook};
use engine::routing::effect::{Effect, Parameters};
use engine::routing::model::WorkspaceSettings;
use store::Telling;
use store::model::{AssignmentRef, DeliveryKind, NewDelivery, Notification, Row};

/// Codes of the routing side that warn rather than report an error (reference: TaskRouter error dictionary).
const WARNINGS: &[u32] = &[20001, 40001, 40005, 40152, 40153, 40154, 40155];

/// What becomes of an effect: what the Events resource will show of an event, and a row. Orders to the voice side are neither.
pub(crate) fn kept(
    effect: Effect,
    settings: &WorkspaceSettings,
    now: Timestamp,
    entropy: &mut Entropy,
) -> (Option<(EventSid, Telling)>, Option<Row>) {
    match effect {
        // Most events are many parameters that nobody is sent: they are moved, not copied.
        Effect::Callback { event, event_type, parameters, .. } if !wanted(settings, event_type) => {
            (Some((event, told(event_type, parameters))), None)
        }
        Effect::Callback { event, event_type, ref parameters, .. } => {
            let telling = told(event_type, parameters.clone());
            (Some((event, telling)), row(effect, settings, now, entropy))
        }
        other => (None, row(other, settings, now, entropy)),
    }
}

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
                sid: DeliverySid::generate_at(now, entropy),
                account: settings.account,
                kind: DeliveryKind::Event,
                lane: format!("{}/{lane}", settings.sid),
                webhook: Webhook { url: settings.event_callback_url.clone(), method: Method::Post },
                fallback: None,
                parameters: owned(parameters),
                assignment: None,
                created: now,
            })))
        }
        Effect::AssignmentCallback { reservation, url, fallback, parameters } => {
            Some(Row::Delivery(Box::new(NewDelivery {
                sid: DeliverySid::generate_at(now, entropy),
                account: settings.account,
                kind: DeliveryKind::Assignment,
                lane: reservation.to_string(),
                webhook: Webhook { url, method: Method::Post },
                fallback: fallback.map(|url| Webhook { url, method: Method::Post }),
                parameters: owned(parameters),
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

fn owned(parameters: Parameters) -> Vec<(String, String)> {
    parameters.into_iter().map(|(name, value)| (name.into_owned(), value)).collect()
}

/// Parameters that the row of an event has columns for, or that say what its workspace says.
const ELSEWHERE: &[&str] =
    &["EventType", "AccountSid", "WorkspaceSid", "OperatingUnitSid", "Timestamp", "TimestampMs", "Sid"];

/// What the Events resource will show of an event, webhook or not.
fn told(event_type: &str, mut parameters: Parameters) -> Telling {
    parameters.retain(|(name, _)| !ELSEWHERE.contains(&name.as_ref()));
    Telling { event_type: event_type.to_owned(), parameters }
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
