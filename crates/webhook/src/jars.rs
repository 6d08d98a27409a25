//! Cookies, kept per call.

use base::CallSid;
use reqwest::cookie::Jar;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Most calls whose cookies are kept; the oldest are forgotten first.
const JARS_MAX: usize = 20_000;

/// The cookie jars of live calls. A call has one as soon as an application sets a cookie.
#[derive(Default)]
pub(crate) struct Jars(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    jars: HashMap<CallSid, Arc<Jar>>,
    /// Oldest first; may hold calls that were forgotten, until they come to the front.
    order: VecDeque<CallSid>,
}

impl Jars {
    pub(crate) fn find(&self, call: CallSid) -> Option<Arc<Jar>> {
        self.shelf().jars.get(&call).cloned()
    }

    pub(crate) fn find_or_make(&self, call: CallSid) -> Arc<Jar> {
        let mut shelf = self.shelf();
        if let Some(jar) = shelf.jars.get(&call) {
            return jar.clone();
        }
        while shelf.order.len() >= JARS_MAX {
            if let Some(oldest) = shelf.order.pop_front() {
                shelf.jars.remove(&oldest);
            }
        }
        let jar = Arc::new(Jar::default());
        shelf.jars.insert(call, jar.clone());
        shelf.order.push_back(call);
        jar
    }

    pub(crate) fn forget(&self, call: CallSid) {
        let mut shelf = self.shelf();
        if shelf.jars.remove(&call).is_some() {
            shelf.order.retain(|kept| *kept != call);
        }
    }

    /// A cache: whatever a panicking thread left is still usable.
    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
