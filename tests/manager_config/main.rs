//! The manager's settings from the program, from files and from the environment.
#![cfg(feature = "config")]

mod file;
mod health;
mod merging;
mod mistakes;
mod own_file;
mod reload;
mod sections;

use larder::manager::config::{ConfigProblem, ManagerConfig};

/// What is wrong with this text, a line each.
fn mistakes(text: &str) -> Vec<String> {
    let error = ManagerConfig::builder().toml("larder.toml", text).build().unwrap_err();
    error.problems().iter().map(ToString::to_string).collect()
}

/// What is wrong with this text, which is one thing.
fn mistake(text: &str) -> String {
    let mistakes = mistakes(text);
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    mistakes[0].clone()
}

/// What is wrong with these variables.
fn mistakes_of(variables: &[(&str, &str)]) -> Vec<String> {
    let builder = ManagerConfig::builder().variables(variables.iter().copied());
    let error = builder.build().unwrap_err();
    error.problems().iter().map(ConfigProblem::to_string).collect()
}
