//! Examples as programs: built if need be, run, and what they print.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

/// The package that examples belong to.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) directory: &'static str,
    /// Its features, and whether the test has them.
    pub(crate) features: &'static [(&'static str, bool)],
    /// Directories of what an example is made of, from that of the package.
    pub(crate) sources: &'static [&'static str],
}

impl Package {
    /// What an example prints.
    pub(crate) fn output(&self, example: &str) -> String {
        let output = self.command(example).output().expect("it can be started");
        let text = String::from_utf8(output.stdout).expect("text");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{example} fails\n{text}\n{errors}");
        text
    }

    /// An example that is about to run.
    pub(crate) fn command(&self, example: &str) -> Command {
        let mut command = Command::new(self.binary(example));
        // The environment is a part of the settings that one of them reads.
        let settings =
            env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LARDER_"));
        settings.for_each(|(name, _)| _ = command.env_remove(name));
        command
    }

    /// The program of an example. A run of all tests has built it beside them; a run of these alone
    /// has not.
    fn binary(&self, example: &str) -> PathBuf {
        let test = env::current_exe().expect("this program");
        let profile = test.ancestors().nth(2).expect("TARGET/PROFILE/deps/examples-HASH");
        let binary =
            profile.join("examples").join(example).with_extension(env::consts::EXE_EXTENSION);
        if changed(&binary).is_none_or(|built| built < self.newest_source(example)) {
            self.build(example, profile);
        }
        binary
    }

    fn build(&self, example: &str, profile: &Path) {
        let profile_name = profile.file_name().and_then(|name| name.to_str()).expect("a name");
        let features: Vec<_> = self.features.iter().filter(|it| it.1).map(|it| it.0).collect();
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", self.name, "--example", example])
            .args(["--no-default-features", "--features", &features.join(",")])
            .args(["--profile", if profile_name == "debug" { "dev" } else { profile_name }])
            .arg("--target-dir")
            .arg(profile.parent().expect("the target directory"))
            .current_dir(self.directory)
            .status();
        assert!(status.expect("cargo").success(), "{example} does not compile");
    }

    /// When something that an example is made of was last changed.
    fn newest_source(&self, example: &str) -> SystemTime {
        fn newest(directory: &Path) -> SystemTime {
            let entries = fs::read_dir(directory).expect("a directory of sources");
            let times = entries.map(|entry| {
                let path = entry.expect("it can be read").path();
                if path.is_dir() { newest(&path) } else { changed(&path).expect("it is there") }
            });
            times.max().expect("a file")
        }
        let root = Path::new(self.directory);
        let example = root.join("examples").join(example).with_extension("rs");
        let files = [example, root.join("Cargo.toml")];
        let files = files.iter().map(|file| changed(file).expect("it is there"));
        let sources = self.sources.iter().map(|directory| newest(&root.join(directory)));
        files.chain(sources).max().expect("a time")
    }
}

fn changed(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|it| it.modified()).ok()
}

/// Checks that the lines of `text` contain these, in this order.
pub(crate) fn check(text: &str, wanted: &[&str]) {
    let mut rest = text;
    for line in wanted {
        let at =
            rest.find(line).unwrap_or_else(|| panic!("no {line:?} in\n{rest}\nin all:\n{text}"));
        rest = &rest[at + line.len()..];
    }
}
