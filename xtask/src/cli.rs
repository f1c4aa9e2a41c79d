//! The command line: what can be asked for, and the text that says so.

use std::ffi::OsString;

use anyhow::{Context, Result, bail};
use lexopt::prelude::*;

use crate::dashboard_test::Options as DashboardTest;
use crate::http_bench::{self, Options as HttpBench};
use crate::http_conformance::Options as HttpConformance;
use crate::icount::Mode;
use crate::service_bench::Options as ServiceBench;

/// How long a sanitizer's stress run lasts when nobody says otherwise.
const SANITIZER_SECONDS: u64 = 60;
/// How long each fuzz target runs when nobody says otherwise.
const FUZZ_SECONDS: u64 = 60;
/// How many times each program is built when nothing else is said.
const BUILD_ROUNDS: u32 = 3;

pub(crate) const HELP: &str = "\
cargo xtask test [--only STEP,..] [--list]   everything CI runs, or the named steps of it
cargo xtask loom [--quick]                   the models, then every planted bug must be found
cargo xtask tsan [--seconds N]               stress run under ThreadSanitizer (nightly)
cargo xtask asan [--seconds N]               stress run under AddressSanitizer (nightly)
cargo xtask fuzz [--seconds N] [TARGET]      every fuzz target, or one of them (nightly)
cargo xtask build-time [--rounds N]          cold debug builds of programs with larder and its peers
cargo xtask icount [--accept]                instructions per operation (valgrind), judged or kept anew
cargo xtask http-conformance [--with-peers] [--suite DIR] [--test ID]
                                             http-cache-tests against the caching proxy (node)
cargo xtask http-peers [--hits]              larder-http and other HTTP caching layers: case by case, or
                                             how long a hit takes
cargo xtask http-bench [--seconds N] [--rounds N] [--rows ROW,..]
                                             the caching proxy beside nginx and varnish, under wrk
cargo xtask service-bench [--quick] [--users N] [--urls N] [--clicks N] [--rate N] [--seconds N] [--rounds N]
                          [--warm-up REQUESTS] [--database sqlite|postgres]
                                             the shortener with and without its caches, under a load
cargo xtask api-fuzz [--examples N]          schemathesis against the management API (python3)
cargo xtask dashboard-test [--planted] [--only NAME]
                                             the dashboard and the shortener's page in Chromium (node), and
                                             the faults that the checks must find
cargo xtask service-postgres                 the tests of the shortener on a PostgreSQL server of their own
cargo xtask bench [COMMAND [ARGS..]]         a command of larder-bench, or a list of them; for one,
                                             `report target/report --quick`
";

/// What the command line asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Help,
    ListSteps,
    Test { only: Option<Vec<String>> },
    Loom { quick: bool },
    Tsan { seconds: u64 },
    Asan { seconds: u64 },
    Fuzz { seconds: u64, target: Option<String> },
    BuildTime { rounds: u32 },
    HttpConformance(HttpConformance),
    HttpPeers,
    HttpPeersHits,
    HttpBench(HttpBench),
    DashboardTest(DashboardTest),
    ServiceBench(ServiceBench),
    ApiFuzz { examples: u32 },
    ServicePostgres,
    Icount { mode: Mode },
    Bench { args: Vec<OsString> },
}

pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Task> {
    let task = match parser.next()? {
        None | Some(Long("help") | Short('h')) => return Ok(Task::Help),
        Some(Value(name)) => name.string()?,
        Some(other) => return Err(other.unexpected().into()),
    };
    match task.as_str() {
        "help" => Ok(Task::Help),
        "test" => test(&mut parser),
        "loom" => loom(&mut parser),
        "tsan" => Ok(Task::Tsan { seconds: seconds(&mut parser)?.unwrap_or(SANITIZER_SECONDS) }),
        "asan" => Ok(Task::Asan { seconds: seconds(&mut parser)?.unwrap_or(SANITIZER_SECONDS) }),
        "fuzz" => fuzz(&mut parser),
        "build-time" => build_time(&mut parser),
        "icount" => icount(&mut parser),
        "http-conformance" => http_conformance(&mut parser),
        "http-peers" => match parser.next()? {
            None => Ok(Task::HttpPeers),
            Some(Long("hits")) => Ok(Task::HttpPeersHits),
            Some(other) => Err(other.unexpected().into()),
        },
        "http-bench" => http_bench(&mut parser),
        "service-postgres" => match parser.next()? {
            None => Ok(Task::ServicePostgres),
            Some(other) => Err(other.unexpected().into()),
        },
        "service-bench" => Ok(Task::ServiceBench(ServiceBench::parse(&mut parser)?)),
        "api-fuzz" => api_fuzz(&mut parser),
        "dashboard-test" => dashboard_test(&mut parser),
        // Everything after `bench` belongs to larder-bench, options included.
        "bench" => Ok(Task::Bench { args: parser.raw_args()?.collect() }),
        unknown => bail!("there is no task `{unknown}`\n\n{HELP}"),
    }
}

fn test(parser: &mut lexopt::Parser) -> Result<Task> {
    let mut only = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("list") => return Ok(Task::ListSteps),
            Long("only") => {
                let names = parser.value()?.string()?;
                only = Some(names.split(',').map(|name| name.trim().to_owned()).collect());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Task::Test { only })
}

fn loom(parser: &mut lexopt::Parser) -> Result<Task> {
    let mut quick = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("quick") => quick = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Task::Loom { quick })
}

fn fuzz(parser: &mut lexopt::Parser) -> Result<Task> {
    let (mut seconds, mut target) = (FUZZ_SECONDS, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seconds") => seconds = parser.value()?.parse().context("--seconds")?,
            Value(name) if target.is_none() => target = Some(name.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Task::Fuzz { seconds, target })
}

fn api_fuzz(parser: &mut lexopt::Parser) -> Result<Task> {
    let mut examples = crate::api_fuzz::EXAMPLES;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("examples") => {
                examples = parser.value()?.parse().context("--examples")?;
                if examples == 0 {
                    bail!("--examples: 0 is out of range; allowed are 1 and more");
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Task::ApiFuzz { examples })
}

fn build_time(parser: &mut lexopt::Parser) -> Result<Task> {
    let mut rounds = BUILD_ROUNDS;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("rounds") => {
                rounds = parser.value()?.parse().context("--rounds")?;
                if rounds == 0 {
                    bail!("--rounds: 0 is out of range; allowed are 1 and more");
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Task::BuildTime { rounds })
}

fn icount(parser: &mut lexopt::Parser) -> Result<Task> {
    let mut mode = Mode::Judge;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("accept") => mode = Mode::Accept,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Task::Icount { mode })
}

fn http_conformance(parser: &mut lexopt::Parser) -> Result<Task> {
    let mut options = HttpConformance::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("with-peers") => options.with_peers = true,
            Long("suite") => options.suite = Some(parser.value()?.into()),
            Long("test") => options.test = Some(parser.value()?.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Task::HttpConformance(options))
}

fn http_bench(parser: &mut lexopt::Parser) -> Result<Task> {
    let mut options = HttpBench::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seconds") => options.seconds = parser.value()?.parse().context("--seconds")?,
            Long("rounds") => options.rounds = parser.value()?.parse().context("--rounds")?,
            Long("rows") => {
                let names = parser.value()?.string()?;
                options.rows = names.split(',').map(|name| name.trim().to_owned()).collect();
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if options.seconds == 0 || options.rounds == 0 {
        bail!("--seconds, --rounds: 0 is out of range; allowed are 1 and more");
    }
    let names: Vec<_> = http_bench::rows().collect();
    if let Some(unknown) = options.rows.iter().find(|row| !names.contains(&row.as_str())) {
        bail!("--rows: there is no row `{unknown}`; allowed are {}", names.join(", "));
    }
    Ok(Task::HttpBench(options))
}

fn dashboard_test(parser: &mut lexopt::Parser) -> Result<Task> {
    let mut options = DashboardTest::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("planted") => options.planted = true,
            Long("only") => options.only = Some(parser.value()?.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Task::DashboardTest(options))
}

fn seconds(parser: &mut lexopt::Parser) -> Result<Option<u64>> {
    let mut seconds = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seconds") => seconds = Some(parser.value()?.parse().context("--seconds")?),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task> {
        parse(lexopt::Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn tasks_and_their_options() {
        assert_eq!(parsed("").unwrap(), Task::Help);
        assert_eq!(parsed("test").unwrap(), Task::Test { only: None });
        assert_eq!(
            parsed("test --only fmt,clippy").unwrap(),
            Task::Test { only: Some(vec!["fmt".into(), "clippy".into()]) }
        );
        assert_eq!(parsed("test --list").unwrap(), Task::ListSteps);
        assert_eq!(parsed("loom --quick").unwrap(), Task::Loom { quick: true });
        assert_eq!(parsed("tsan --seconds 7").unwrap(), Task::Tsan { seconds: 7 });
        assert_eq!(
            parsed("fuzz operations --seconds=5").unwrap(),
            Task::Fuzz { seconds: 5, target: Some("operations".into()) }
        );
        assert_eq!(parsed("build-time").unwrap(), Task::BuildTime { rounds: 3 });
        assert_eq!(parsed("build-time --rounds 1").unwrap(), Task::BuildTime { rounds: 1 });
        assert_eq!(parsed("icount").unwrap(), Task::Icount { mode: Mode::Judge });
        assert_eq!(parsed("icount --accept").unwrap(), Task::Icount { mode: Mode::Accept });
        assert_eq!(
            parsed("http-conformance --with-peers --suite checkout").unwrap(),
            Task::HttpConformance(HttpConformance {
                with_peers: true,
                suite: Some("checkout".into()),
                test: None
            })
        );
        assert_eq!(parsed("http-peers").unwrap(), Task::HttpPeers);
        assert_eq!(parsed("http-peers --hits").unwrap(), Task::HttpPeersHits);
        assert_eq!(parsed("http-bench").unwrap(), Task::HttpBench(HttpBench::default()));
        assert_eq!(
            parsed("http-bench --seconds 1 --rounds 3 --rows 1k-one,64k-zipf").unwrap(),
            Task::HttpBench(HttpBench {
                seconds: 1,
                rounds: 3,
                rows: vec!["1k-one".into(), "64k-zipf".into()]
            })
        );
        assert_eq!(parsed("service-bench").unwrap(), Task::ServiceBench(ServiceBench::default()));
        assert_eq!(parsed("service-postgres").unwrap(), Task::ServicePostgres);
        assert_eq!(
            parsed("dashboard-test --planted --only phone").unwrap(),
            Task::DashboardTest(DashboardTest { planted: true, only: Some("phone".into()) })
        );
        assert_eq!(
            parsed("bench compare --quick").unwrap(),
            Task::Bench { args: vec!["compare".into(), "--quick".into()] }
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "tset",
            "loom --fast",
            "tsan --seconds soon",
            "fuzz one two",
            "build-time --rounds 0",
            "icount now",
            "http-conformance --test",
            "http-peers now",
            "http-bench --rounds 0",
            "http-bench --seconds 0",
            "http-bench --rows 2k-one",
            "service-bench --database mysql",
            "dashboard-test --quick",
            "--quick",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
