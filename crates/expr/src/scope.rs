//! Where an expression finds its values.

use crate::path::{Builtin, ChannelFigure, Count, Path};
use crate::value::Value;
use base::{ActivitySid, WorkerSid};
use serde_json::Value as Json;

/// Resolves the paths of an expression.
pub trait Scope {
    /// The value at `path`; [`Value::Null`] for whatever it does not know.
    fn value(&self, path: &Path) -> Value<'_>;

    /// Whether there is an attribute literally called `root`, on the side that bare names mean here.
    fn has_attribute(&self, root: &str) -> bool;
}

/// A worker's channel, as expressions see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelFigures {
    /// How many tasks it may hold.
    pub configured_capacity: u32,
    /// Reservations in `accepted`.
    pub assigned_tasks: u32,
    /// 0 to 100.
    pub available_capacity_percentage: u32,
}

/// One worker.
#[derive(Clone, Copy)]
pub struct WorkerScope<'a> {
    /// `sid`
    pub sid: WorkerSid,
    /// `friendly_name`
    pub friendly_name: &'a str,
    /// The attributes, a JSON object.
    pub attributes: &'a Json,
    /// `activity_sid`
    pub activity_sid: ActivitySid,
    /// `activity_name`
    pub activity_name: &'a str,
    /// Finds a channel by its unique name.
    pub channels: &'a dyn Fn(&str) -> Option<ChannelFigures>,
}

/// A worker without channels, or one whose channels nobody asks for.
pub fn no_channels(_: &str) -> Option<ChannelFigures> {
    None
}

/// One task.
#[derive(Debug, Clone, Copy)]
pub struct TaskScope<'a> {
    /// The attributes, a JSON object.
    pub attributes: &'a Json,
}

/// A task and a worker who might take it.
#[derive(Clone, Copy)]
pub struct TargetScope<'a> {
    /// `task.…`
    pub task: TaskScope<'a>,
    /// `worker.…`
    pub worker: WorkerScope<'a>,
}

/// Head counts of a queue.
#[derive(Clone, Copy)]
pub struct SkipScope<'a> {
    /// `workers.available`
    pub available: u32,
    /// `workers.unavailable`
    pub unavailable: u32,
    /// `workers.WA…`
    pub in_activity: &'a dyn Fn(ActivitySid) -> u32,
}

impl Scope for WorkerScope<'_> {
    fn value(&self, path: &Path) -> Value<'_> {
        match path {
            Path::Worker(attribute) => attribute.find(self.attributes).into(),
            Path::Builtin(builtin) => self.builtin(builtin),
            Path::Task(_) | Path::Count(_) => Value::Null,
        }
    }

    fn has_attribute(&self, root: &str) -> bool {
        self.attributes.get(root).is_some()
    }
}

impl WorkerScope<'_> {
    fn builtin(&self, builtin: &Builtin) -> Value<'_> {
        match builtin {
            Builtin::Sid => self.attributes.get("sid").map_or(self.sid.into(), Value::from),
            Builtin::FriendlyName => Value::Text(self.friendly_name),
            Builtin::ActivitySid => self.activity_sid.into(),
            Builtin::ActivityName => Value::Text(self.activity_name),
            Builtin::Channel { channel, figure } => (self.channels)(channel).map_or(Value::Null, |figures| {
                Value::Integer(i128::from(match figure {
                    ChannelFigure::ConfiguredCapacity => figures.configured_capacity,
                    ChannelFigure::AssignedTasks => figures.assigned_tasks,
                    ChannelFigure::AvailableCapacityPercentage => figures.available_capacity_percentage,
                }))
            }),
        }
    }
}

impl Scope for TaskScope<'_> {
    fn value(&self, path: &Path) -> Value<'_> {
        match path {
            Path::Task(attribute) => attribute.find(self.attributes).into(),
            Path::Worker(_) | Path::Builtin(_) | Path::Count(_) => Value::Null,
        }
    }

    fn has_attribute(&self, root: &str) -> bool {
        self.attributes.get(root).is_some()
    }
}

impl Scope for TargetScope<'_> {
    fn value(&self, path: &Path) -> Value<'_> {
        match path {
            Path::Task(_) => self.task.value(path),
            Path::Worker(_) | Path::Builtin(_) => self.worker.value(path),
            Path::Count(_) => Value::Null,
        }
    }

    /// Nothing is bare here.
    fn has_attribute(&self, _: &str) -> bool {
        false
    }
}

impl Scope for SkipScope<'_> {
    fn value(&self, path: &Path) -> Value<'_> {
        match path {
            Path::Count(Count::Available) => Value::Integer(self.available.into()),
            Path::Count(Count::Unavailable) => Value::Integer(self.unavailable.into()),
            Path::Count(Count::Activity(sid)) => Value::Integer((self.in_activity)(*sid).into()),
            Path::Worker(_) | Path::Builtin(_) | Path::Task(_) => Value::Null,
        }
    }

    fn has_attribute(&self, _: &str) -> bool {
        false
    }
}
