//! `history`: threads at work on small caches, and of each answer the question: was it possible?
//!
//! What "possible" means is said in `larder_stress::history`. Goes through all setups, several
//! rounds with each, until the time is up. Exit code 0: nothing was found. 1: something was; it is
//! printed with its setup and seed. 2: wrong arguments.

use larder_stress::{
    die, jitter, now_at, panics_are_fatal,
    record::Plant,
    round::{Campaign, Failure, Setup, Tally},
};
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

const USAGE: &str = "\
history [--seconds N] [--threads N] [--seed N] [--plant-FAULT]

  --seconds N           how long, 10 by default
  --threads N           at work at a time, 4 by default
  --seed N              the first of the seeds that choose what threads do
  --plant-stale-read    say now and then that an old value was read, which has to be found out
  --plant-false-miss    say now and then that nothing was found, which has to be found out
  --plant-lost-update   now and then compute in two steps, which has to be found out
  --plant-tag-kept      say now and then that a tag was invalidated, which has to be found out
  --plant-not-culled    say now and then that entries were, which has to be found out";

/// Rounds that one cache goes through.
const ROUNDS: u64 = 8;

struct Arguments {
    time: Duration,
    threads: usize,
    seed: u64,
    plant: Option<Plant>,
}

fn arguments() -> Result<Arguments, lexopt::Error> {
    use lexopt::{Arg::Long, ValueExt as _};
    let mut arguments = Arguments {
        time: Duration::from_secs(10),
        threads: 4,
        seed: rand::random_range(0..1 << 32),
        plant: None,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seconds") => arguments.time = Duration::from_secs(parser.value()?.parse()?),
            Long("threads") => arguments.threads = parser.value()?.parse()?,
            Long("seed") => arguments.seed = parser.value()?.parse()?,
            Long("plant-stale-read") => arguments.plant = Some(Plant::StaleRead),
            Long("plant-false-miss") => arguments.plant = Some(Plant::FalseMiss),
            Long("plant-lost-update") => arguments.plant = Some(Plant::LostUpdate),
            Long("plant-tag-kept") => arguments.plant = Some(Plant::TagKept),
            Long("plant-not-culled") => arguments.plant = Some(Plant::NotCulled),
            _ => return Err(argument.unexpected()),
        }
    }
    if !(1..=64).contains(&arguments.threads) {
        return Err("--threads takes 1 to 64".into());
    }
    Ok(arguments)
}

/// What all rounds came to.
#[derive(Default)]
struct Sum {
    rounds: u64,
    events: u64,
    hits: u64,
    evictions: u64,
    rejections: u64,
}

impl Sum {
    fn add(&mut self, tally: &Tally) {
        self.rounds += 1;
        self.events += tally.events;
        self.hits += tally.stats.hits;
        self.evictions += tally.stats.evictions;
        self.rejections += tally.stats.rejections;
    }
}

fn run(arguments: &Arguments) -> Result<Sum, Failure> {
    let mut sum = Sum::default();
    let mut seed = arguments.seed;
    let end = Instant::now() + arguments.time;
    // One round with each setup, in any case, before there are more.
    for rounds in std::iter::once(1).chain(std::iter::repeat(ROUNDS)) {
        for setup in Setup::all() {
            let mut campaign = Campaign::new(setup, arguments.threads, arguments.plant);
            for _ in 0..rounds {
                now_at(format!("in a round with seed {seed}, {setup:?}"));
                let tally = campaign.round(seed)?;
                sum.add(&tally);
                seed += 1;
            }
            campaign.end()?;
            if rounds > 1 && Instant::now() >= end {
                return Ok(sum);
            }
        }
    }
    unreachable!("the loop has no other end")
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("history: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    jitter::install();
    panics_are_fatal();
    println!("history: seed {}, {} threads", arguments.seed, arguments.threads);
    match run(&arguments) {
        Ok(Sum { rounds, events, hits, evictions, rejections }) => {
            println!(
                "history: {events} events checked in {rounds} rounds ({hits} hits, {evictions} \
                 evictions, {rejections} rejections): every answer was possible"
            );
            ExitCode::SUCCESS
        }
        Err(failure) => die(&failure.to_string()),
    }
}
