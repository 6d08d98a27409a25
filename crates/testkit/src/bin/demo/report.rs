use crate::desk::Desk;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tandem_testkit::{Heard, Tone};

/// What is printed: each step as it happens, then what everybody heard, then how long things took.
pub struct Report {
    start: Instant,
    passed: usize,
    failed: usize,
    latencies: BTreeMap<&'static str, Vec<Duration>>,
    names: Vec<(Tone, &'static str)>,
}

impl Report {
    pub fn new(start: Instant, names: Vec<(Tone, &'static str)>) -> Self {
        Self { start, passed: 0, failed: 0, latencies: BTreeMap::new(), names }
    }

    pub fn scene(&self, title: &str) {
        println!("\n{title}");
    }

    pub fn passed(&mut self, text: &str) {
        self.passed += 1;
        println!("  {:>6.1} s  {text}", self.start.elapsed().as_secs_f64());
    }

    pub fn failed(&mut self, text: &str) {
        self.failed += 1;
        println!("  {:>6.1} s  FAILED: {text}", self.start.elapsed().as_secs_f64());
    }

    pub fn took(&mut self, what: &'static str, time: Duration) {
        self.latencies.entry(what).or_default().push(time);
    }

    pub fn median(&self, what: &str) -> Option<Duration> {
        let mut times = self.latencies.get(what)?.clone();
        times.sort();
        times.get(times.len() / 2).copied()
    }

    /// One column per second for every party.
    pub fn heard(&self, desks: &[&Desk]) {
        let end = Instant::now();
        println!("\nWhat each party heard, one letter per second");
        let mut legend = String::from("  . no packets   _ silence   s speech   m music");
        for (at, (Tone(hz), name)) in self.names.iter().enumerate() {
            legend.push_str(&format!("   {} {name} ({hz} Hz)", letter(at)));
        }
        println!("{legend}   * several");
        let width = desks.iter().map(|d| d.name.len()).max().unwrap_or(0);
        for desk in desks {
            let line: String = desk.seconds(self.start, end).iter().map(|heard| self.sign(heard)).collect();
            println!("  {:<width$}  {line}", desk.name);
        }
    }

    pub fn latencies(&self) {
        println!("\nHow long it took");
        for (what, times) in &self.latencies {
            let mut sorted = times.clone();
            sorted.sort();
            let ms = |time: Option<&Duration>| time.map_or(0.0, |t| t.as_secs_f64() * 1000.0);
            println!(
                "  {what:<28} median {:>6.0} ms   worst {:>6.0} ms   n {}",
                ms(sorted.get(sorted.len() / 2)),
                ms(sorted.last()),
                sorted.len()
            );
        }
    }

    /// The last line. True if all is well.
    pub fn end(&self) -> bool {
        println!("\n{} checks passed, {} failed", self.passed, self.failed);
        self.failed == 0 && self.passed > 0
    }

    fn sign(&self, heard: &Heard) -> char {
        match heard {
            Heard::Nothing => '.',
            Heard::Silence => '_',
            Heard::Speech => 's',
            Heard::Music => 'm',
            Heard::Tones(tones) => {
                let mut parties = tones.iter();
                match (parties.next(), parties.next()) {
                    (Some(tone), None) => self.names.iter().position(|(t, _)| *t == tone).map_or('?', letter),
                    _ => '*',
                }
            }
        }
    }
}

fn letter(at: usize) -> char {
    char::from(b'A' + (at as u8 % 26))
}
