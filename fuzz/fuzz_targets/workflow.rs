//! Workflow documents: no text panics, and a fault has a place.
#![no_main]

use engine::routing::workflow::Definition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Definition::parse(text) {
        Ok(definition) => {
            assert!(definition.targets().count() == definition.queues().count());
            for (at, filter) in definition.filters.iter().enumerate() {
                assert!(!filter.targets.is_empty());
                assert_eq!(definition.target(Some(at), 0), filter.targets.first());
            }
            assert_eq!(Definition::parse(text), Ok(definition));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
