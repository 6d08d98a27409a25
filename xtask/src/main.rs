//! The project's chores: `cargo run -p xtask -- tidy` holds the tree to the rules that no compiler knows.
#![expect(clippy::print_stdout, reason = "a command line program")]

mod compatibility;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(std::path::Path::new("."));
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => tidy::run(root),
        ["compatibility"] => match compatibility::write(root) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                println!("compatibility: {why}");
                ExitCode::FAILURE
            }
        },
        _ => {
            println!("xtask tidy            holds the tree to the house rules");
            println!("xtask compatibility   writes docs/reference/compatibility.md");
            ExitCode::FAILURE
        }
    }
}
