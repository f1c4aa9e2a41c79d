//! Every check of this repository as one command; `cargo xtask help` lists them.

mod api_fuzz;
mod bench;
mod build_time;
mod canary;
mod cli;
mod command;
mod dashboard_test;
mod fuzz;
mod http_bench;
mod http_conformance;
mod http_peers;
mod icount;
mod layers;
mod lint;
mod loom;
mod msrv;
mod package;
mod place;
mod sanitize;
mod server;
mod service_bench;
mod steps;
mod suites;
mod targets;
mod thousands;
mod tools;

use std::process::ExitCode;

use cli::Task;

fn main() -> ExitCode {
    match cli::parse(lexopt::Parser::from_env()).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Help => {
            print!("{}", cli::HELP);
            Ok(())
        }
        Task::ListSteps => {
            steps::list();
            Ok(())
        }
        Task::Test { only } => steps::run(only.as_deref()),
        Task::Loom { quick } => loom::run(quick),
        Task::Tsan { seconds } => sanitize::tsan(seconds),
        Task::Asan { seconds } => sanitize::asan(seconds),
        Task::Fuzz { seconds, target } => fuzz::run(seconds, target.as_deref()),
        Task::Icount { mode } => icount::run(mode),
        Task::Bench { args } => bench::run(&args),
        Task::HttpConformance(options) => http_conformance::run(&options),
        Task::HttpPeers => http_peers::run(),
        Task::HttpPeersHits => http_peers::hits(),
        Task::HttpBench(options) => http_bench::run(&options),
        Task::ServicePostgres => service_bench::test_on_postgres(),
        Task::ServiceBench(options) => service_bench::run(&options),
        Task::ApiFuzz { examples } => api_fuzz::run(examples),
        Task::DashboardTest(options) => dashboard_test::run(&options),
        Task::BuildTime { rounds } => build_time::run(rounds),
    }
}
