use super::model::*;
use super::state::State;
use expr::{ChannelFigures, Expression, TargetScope, TaskScope, WorkerScope};

impl State {
    /// Lends a worker as expressions see it.
    pub fn with_scope<R>(&self, worker: &Worker, see: impl FnOnce(&WorkerScope<'_>) -> R) -> R {
        let channels = |name: &str| {
            let channel = worker.channels.get(&self.channel_named(name)?.sid)?;
            Some(ChannelFigures {
                configured_capacity: channel.configured_capacity,
                assigned_tasks: channel.assigned_tasks,
                available_capacity_percentage: channel.available_capacity_percentage(),
            })
        };
        see(&WorkerScope {
            sid: worker.sid,
            friendly_name: &worker.friendly_name,
            attributes: worker.attributes.value(),
            activity_sid: worker.activity,
            activity_name: self.activities.get(&worker.activity).map_or("", |a| &a.friendly_name),
            channels: &channels,
        })
    }

    /// Whether an expression over a worker holds.
    pub fn worker_matches(&self, worker: &Worker, expression: &Expression) -> bool {
        self.with_scope(worker, |scope| expression.eval(scope))
    }

    /// What an expression compares with this worker that cannot be compared, if that is why it is false.
    pub fn mismatch(&self, worker: &Worker, expression: &Expression) -> Option<expr::Finding> {
        self.with_scope(worker, |scope| expression.mismatch(scope))
    }

    /// Whether an expression over a task and a worker holds.
    pub fn pair_matches(&self, task: &Task, worker: &Worker, expression: &Expression) -> bool {
        let task = TaskScope { attributes: task.attributes.value() };
        self.with_scope(worker, |worker| expression.eval(&TargetScope { task, worker: *worker }))
    }
}

/// Whether an expression over a task holds.
pub(super) fn task_matches(attributes: &Attributes, expression: &Expression) -> bool {
    expression.eval(&TaskScope { attributes: attributes.value() })
}
