//! How much of everything a workspace may have (reference: TaskRouter §11.1, and our own bounds where it has none).

use std::time::Duration;

/// Most workers.
pub const WORKERS_MAX: usize = 15_000;
/// Most workers in an available activity at a time; one more is 14240.
pub const ACTIVE_WORKERS_MAX: u64 = 10_000;
/// Most task queues.
pub const QUEUES_MAX: usize = 5_000;
/// Most activities.
pub const ACTIVITIES_MAX: usize = 100;
/// Most task channels.
pub const CHANNELS_MAX: usize = 100;
/// Most workflows.
pub const WORKFLOWS_MAX: usize = 5_000;
/// Most tasks, finished ones included until they are purged.
pub const TASKS_MAX: usize = 500_000;
/// Reservations of one task at a time.
pub const RESERVED_WORKERS_MAX: u32 = 50;
/// Most tasks that a worker may hold on one channel.
pub const CAPACITY_MAX: u32 = 100_000;
/// Longest friendly name, in characters.
pub const NAME_CHARS_MAX: usize = 64;
/// Highest priority.
pub const PRIORITY_MAX: u32 = 2_147_483_647;
/// Longest time an offer may stand.
pub const RESERVATION_TIMEOUT_MAX: Duration = Duration::from_secs(86_400);
/// Longest time a task may wait until it is assigned.
pub const TASK_TIMEOUT_MAX: Duration = Duration::from_secs(1_209_600);
/// Moves from pending to reserved after which a task is given up.
pub const ASSIGNMENTS_MAX: u32 = 1_000;
