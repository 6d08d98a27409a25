//! What an expression can read.

use base::ActivitySid;
use serde_json::Value as Json;
use std::fmt;

/// Most steps of one path, `a.b[0].c` having four.
pub const PATH_STEPS_MAX: usize = 64;

/// Whose value a path reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// A worker's attributes and built-ins.
    Worker,
    /// The task's attributes.
    Task,
    /// Head counts of a queue (`skip_if`).
    Workers,
}

/// One value that an expression reads, resolved for its context.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Path {
    /// A worker's attribute.
    Worker(Attribute),
    /// Something every worker has.
    Builtin(Builtin),
    /// A task's attribute.
    Task(Attribute),
    /// A head count of the queue's workers.
    Count(Count),
}

/// A place in an attributes object: a root key and the steps below it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// The member of the attributes object.
    pub root: Box<str>,
    /// What follows it.
    pub steps: Box<[Step]>,
}

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// `.key`
    Key(Box<str>),
    /// `[0]`
    Index(u32),
}

/// The documented keys that are not attributes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// `sid`. An attribute of that name wins where it exists.
    Sid,
    /// `friendly_name`
    FriendlyName,
    /// `activity_sid`
    ActivitySid,
    /// `activity_name`
    ActivityName,
    /// `worker.channel.<unique_name>.<figure>`
    Channel {
        /// The task channel's unique name.
        channel: Box<str>,
        /// Which of its figures.
        figure: ChannelFigure,
    },
}

/// What can be read of a worker's channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelFigure {
    /// `configured_capacity`
    ConfiguredCapacity,
    /// `assigned_tasks`: reservations in `accepted` only.
    AssignedTasks,
    /// `available_capacity_percentage`, 0 to 100.
    AvailableCapacityPercentage,
}

/// What `skip_if` can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Count {
    /// Workers of the queue in an available activity.
    Available,
    /// Workers of the queue in any other.
    Unavailable,
    /// Workers of the queue in this activity.
    Activity(ActivitySid),
}

impl Path {
    /// Whose value it is.
    pub fn side(&self) -> Side {
        match self {
            Self::Worker(_) | Self::Builtin(_) => Side::Worker,
            Self::Task(_) => Side::Task,
            Self::Count(_) => Side::Workers,
        }
    }

    /// The root attribute it reads, if it reads one: a change of any other root leaves the value as it was.
    pub fn root(&self) -> Option<&str> {
        match self {
            Self::Worker(attribute) | Self::Task(attribute) => Some(&attribute.root),
            Self::Builtin(Builtin::Sid) => Some("sid"),
            Self::Builtin(_) | Self::Count(_) => None,
        }
    }

    /// It changes with a worker's activity.
    pub fn is_activity(&self) -> bool {
        matches!(self, Self::Builtin(Builtin::ActivitySid | Builtin::ActivityName) | Self::Count(_))
    }

    /// It changes with a worker's channel capacity or load.
    pub fn is_channel(&self) -> bool {
        matches!(self, Self::Builtin(Builtin::Channel { .. }))
    }
}

impl Attribute {
    /// The JSON value there; `None` where a key is missing or the way leads through a scalar.
    pub fn find<'a>(&self, attributes: &'a Json) -> Option<&'a Json> {
        self.steps.iter().try_fold(attributes.get(&*self.root)?, |at, step| match step {
            Step::Key(key) => at.as_object()?.get(&**key),
            Step::Index(index) => at.as_array()?.get(*index as usize),
        })
    }
}

impl ChannelFigure {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "configured_capacity" => Some(Self::ConfiguredCapacity),
            "assigned_tasks" => Some(Self::AssignedTasks),
            "available_capacity_percentage" => Some(Self::AvailableCapacityPercentage),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::ConfiguredCapacity => "configured_capacity",
            Self::AssignedTasks => "assigned_tasks",
            Self::AvailableCapacityPercentage => "available_capacity_percentage",
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        self.steps.iter().try_for_each(|step| match step {
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        })
    }
}

impl fmt::Display for Path {
    /// With its prefix, as a target expression spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker(attribute) => write!(f, "worker.{attribute}"),
            Self::Task(attribute) => write!(f, "task.{attribute}"),
            Self::Builtin(Builtin::Sid) => f.write_str("worker.sid"),
            Self::Builtin(Builtin::FriendlyName) => f.write_str("worker.friendly_name"),
            Self::Builtin(Builtin::ActivitySid) => f.write_str("worker.activity_sid"),
            Self::Builtin(Builtin::ActivityName) => f.write_str("worker.activity_name"),
            Self::Builtin(Builtin::Channel { channel, figure }) => {
                write!(f, "worker.channel.{channel}.{}", figure.name())
            }
            Self::Count(Count::Available) => f.write_str("workers.available"),
            Self::Count(Count::Unavailable) => f.write_str("workers.unavailable"),
            Self::Count(Count::Activity(sid)) => write!(f, "workers.{sid}"),
        }
    }
}
