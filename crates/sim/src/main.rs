//! Plays many days: `tandem-sim --days 10000 --seed 1`. Exits with 1 and the seed of the first day that broke.

use std::process::ExitCode;

fn option(name: &str, default: u64) -> Result<u64, String> {
    let mut words = std::env::args().skip_while(|word| word != name).skip(1);
    match words.next() {
        Some(text) => text.parse().map_err(|_| format!("{name} needs a number, not '{text}'")),
        None => Ok(default),
    }
}

fn run() -> Result<(), String> {
    let (days, first) = (option("--days", 1_000)?, option("--seed", 1)?);
    let mut sum = tandem_sim::Report::default();
    for seed in first..first + days {
        let report = tandem_sim::play(seed).map_err(|fault| format!("seed {seed}: {fault}"))?;
        sum.steps += report.steps;
        sum.refused += report.refused;
        sum.events += report.events;
        sum.promises_checked += report.promises_checked;
        sum.full_checks += report.full_checks;
        sum.tasks += report.tasks;
        sum.accepted += report.accepted;
        sum.parked += report.parked;
    }
    #[expect(clippy::print_stdout, reason = "it is what this program is for")]
    {
        println!(
            "{days} days from seed {first}: {} steps ({} refused), {} events, {} tasks, {} accepted, {} parked",
            sum.steps, sum.refused, sum.events, sum.tasks, sum.accepted, sum.parked
        );
        println!(
            "promises held {} times, full rebuilds agreed {} times",
            sum.promises_checked, sum.full_checks
        );
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}
