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
    let task = task(&mut element, &TASK_CODES);
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

/// The codes of what is wrong with a `<Task>`.
pub(super) struct TaskCodes {
    pub attributes: u32,
    pub priority: u32,
    pub timeout: u32,
}

const TASK_CODES: TaskCodes = TaskCodes { attributes: 14221, priority: 12200, timeout: 12200 };

pub(super) fn task(element: &mut Element<'_, '_, '_>, codes: &TaskCodes) -> Option<EnqueueTask> {
    let mut found = None;
    let parent = element.name();
    for child in element.node.children().filter(Node::is_element) {
        match child.tag_name().name() {
            "Task" | "TaskAttributes" if found.is_some() => {
                element.illegal(12200, format!("<{parent}> has more than one <Task>; the first counts"));
            }
            "Task" | "TaskAttributes" => found = Some(read_task(element, child, codes)),
            other => element.illegal(12200, format!("<{}> is ignored in <{parent}>", shorten(other))),
        }
    }
    found
}

fn read_task(parent: &mut Element<'_, '_, '_>, node: Node<'_, '_>, codes: &TaskCodes) -> EnqueueTask {
    let mut element = Element::new(node, parent.notes);
    let priority = element.parse("priority", codes.priority, |text| text.parse().ok());
    let timeout = element.whole("timeout", 1..=SECONDS_MAX * 14, codes.timeout);
    let text = element.content();
    let failure = element.finish().err();
    if let Some(failure) = failure {
        parent.illegal(failure.code, failure.message);
    }
    let is_object = serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|value| value.is_object());
    if !text.is_empty() && !is_object {
        parent.illegal(codes.attributes, "the text of <Task> is not a JSON object");
    }
    EnqueueTask {
        attributes: Some(text).filter(|text| !text.is_empty()),
        priority,
        timeout: timeout.map(|seconds| Duration::from_secs(seconds.into())),
    }
}
