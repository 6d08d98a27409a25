//! `<Enqueue>` and its `<Task>`.

use super::element::Element;
use super::{Failure, Notes, SECONDS_MAX, shorten};
use crate::verb::{Enqueue, EnqueueTarget, EnqueueTask, Hook, Method, QUEUE_NAME_CHARS_MAX, Wait};
use roxmltree::Node;
use std::time::Duration;

/// Largest queue.
const QUEUE_SIZE_MAX: u32 = 5_000;

pub(super) fn enqueue(node: Node<'_, '_>, notes: &mut Notes) -> Result<Enqueue, Failure> {
    let mut element = Element::new(node, notes);
    let action = element.hook("action", "method", 14201);
    let wait = wait(&mut element, "waitUrl", "waitUrlMethod", 14206);
    let max_queue_size = element.whole("maxQueueSize", 1..=QUEUE_SIZE_MAX, 12200);
    let named_workflow = element.raw("workflowSid").is_some_and(|sid| !sid.trim().is_empty());
    let workflow = element.parse("workflowSid", 14220, |sid| match sid {
        "" => Some(None),
        sid => sid.parse().ok().map(Some),
    });
    let task = task(&mut element);
    let name = element.content();
    let queue = match workflow.flatten() {
        Some(workflow) => EnqueueTarget::Workflow { workflow, task: task.unwrap_or_default() },
        None => {
            match name.chars().count() {
                0 if !named_workflow => element.illegal(14204, "<Enqueue> names no queue"),
                length if length > QUEUE_NAME_CHARS_MAX => element
                    .illegal(14205, format!("a queue's name has at most {QUEUE_NAME_CHARS_MAX} characters")),
                _ => {}
            }
            if task.is_some() && !named_workflow {
                element.illegal(12200, "<Task> is ignored without a workflowSid");
            }
            EnqueueTarget::Queue(name)
        }
    };
    element.finish()?;
    Ok(Enqueue { queue, action, wait, max_queue_size })
}

/// What a waiting caller hears. The method is POST for a URL of the application's own.
pub(super) fn wait(
    element: &mut Element<'_, '_, '_>,
    url: &'static str,
    method: &'static str,
    code: u32,
) -> Wait {
    let method = element.method(method, Method::Post, code);
    match element.raw(url).map(str::trim) {
        None => Wait::Music,
        Some("") => Wait::Silence,
        Some(url) => Wait::Url(Hook { url: url.to_owned(), method }),
    }
}

fn task(element: &mut Element<'_, '_, '_>) -> Option<EnqueueTask> {
    let mut found = None;
    for child in element.node.children().filter(Node::is_element) {
        match child.tag_name().name() {
            "Task" | "TaskAttributes" if found.is_some() => {
                element.illegal(12200, "<Enqueue> has more than one <Task>; the first counts");
            }
            "Task" | "TaskAttributes" => found = Some(read_task(element, child)),
            other => element.illegal(12200, format!("<{}> is ignored in <Enqueue>", shorten(other))),
        }
    }
    found
}

fn read_task(parent: &mut Element<'_, '_, '_>, node: Node<'_, '_>) -> EnqueueTask {
    let mut element = Element::new(node, parent.notes);
    let priority = element.parse("priority", 12200, |text| text.parse().ok());
    let timeout = element.whole("timeout", 1..=SECONDS_MAX * 14, 12200);
    let text = element.content();
    element.finish_unless_failed();
    let is_object = serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|value| value.is_object());
    if !text.is_empty() && !is_object {
        parent.illegal(14221, "the text of <Task> is not a JSON object");
    }
    EnqueueTask {
        attributes: Some(text).filter(|text| !text.is_empty()),
        priority,
        timeout: timeout.map(|seconds| Duration::from_secs(seconds.into())),
    }
}
