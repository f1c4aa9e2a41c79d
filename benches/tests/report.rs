//! `larder-bench report` as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of one test that goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("larder-report-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder-bench"));
    command.arg("report").arg(folder).args(["--peers", "larder,papaya"]).args(arguments);
    command
}

fn report(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// Standard error of a report that must not succeed.
fn refusal(folder: &Path) -> String {
    let output = report(folder, &["--least"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(!text.contains("begins"), "measured before it looked at the folder:\n{text}");
    text
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries.map(|entry| name(entry).into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_step_runs_and_the_page_shows_every_picture_and_a_second_report_replaces_the_first() {
    let scratch = Scratch::new("whole");
    let folder = scratch.join("report");
    let output = report(&folder, &["--least"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");

    let page = fs::read_to_string(folder.join("report.md")).unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        folder.join("report.md").to_str().unwrap()
    );
    let titles = ["Speed", "Hit ratio", "Memory and the bound", "Throughput", "Latency"];
    for title in titles {
        assert!(page.contains(&format!("\n## {title}\n")), "{title} in\n{page}");
        assert!(errors.contains(&format!("left; {title}: begins\n")), "{title} in\n{errors}");
    }
    assert!(!page.contains("Unfinished") && page.contains("numbers mean nothing"), "{page}");
    for part in ["larder-bench report ", "Machine: ", "Versions: larder ", "larder-bench headline"]
    {
        assert!(page.contains(part), "{part} in\n{page}");
    }

    let pictures: Vec<String> =
        names(&folder).into_iter().filter(|name| name.ends_with(".svg")).collect();
    for name in &pictures {
        assert!(page.contains(&format!("]({name})\n")), "{name} is not shown");
        assert!(fs::read_to_string(folder.join(name)).unwrap().starts_with("<svg"), "{name}");
    }
    assert_eq!(page.matches(".svg)").count(), pictures.len());
    for name in ["speed-1.svg", "speed-2.svg", "hits.svg", "memory.svg"] {
        assert!(pictures.iter().any(|picture| picture == name), "{name}");
    }
    assert_eq!(names(&folder).len(), pictures.len() + 2, "a page and the numbers beside them");

    let numbers = fs::read_to_string(folder.join("results.json")).unwrap();
    let numbers: serde_json::Value = serde_json::from_str(&numbers).unwrap();
    for name in ["speed", "hits", "hits_by_capacity", "memory", "throughput", "latency"] {
        assert!(!numbers[name].is_null(), "{name}");
    }
    assert_eq!(numbers["missing"], serde_json::json!([]));

    let output = report(&folder, &["--least", "--only", "latency"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(names(&folder), ["report.md", "results.json"]);
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let scratch = Scratch::new("other");
    fs::write(scratch.join("notes.txt"), "mine").unwrap();
    let text = refusal(&scratch.0);
    assert!(text.contains("\"notes.txt\", which is no part of an earlier report"), "{text}");
    assert_eq!(names(&scratch.0), ["notes.txt"]);

    // Nor is a page that is no report taken for one, whatever its name.
    fs::rename(scratch.join("notes.txt"), scratch.join("report.md")).unwrap();
    assert!(refusal(&scratch.0).contains("\"report.md\""));
    assert_eq!(fs::read_to_string(scratch.join("report.md")).unwrap(), "mine");
}

#[test]
fn what_cannot_be_a_folder_is_named() {
    let scratch = Scratch::new("file");
    let file = scratch.join("file");
    fs::write(&file, "mine").unwrap();
    let text = refusal(&file);
    assert!(text.contains("/file is a file; a report is a folder"), "{text}");
    let text = refusal(&file.join("below"));
    assert!(text.contains("cannot create the folder ") && text.contains("/file/below"), "{text}");
}

#[test]
fn an_outline_measures_and_writes_nothing() {
    let scratch = Scratch::new("outline");
    let output = report(&scratch.join("report"), &["--plan", "--quick"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("Hit ratio"), "{text}");
    assert!(!text.contains("Latency"), "not part of a quick report: {text}");
    assert_eq!(names(&scratch.0), [""; 0]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_report_says_what_is_missing() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;

    let scratch = Scratch::new("interrupted");
    let folder = scratch.join("report");
    // The second of the sections takes long.
    let arguments = ["--quick", "--only", "latency,throughput"];
    let mut running = command(&folder, &arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Throughput: begins") {
        line.clear();
        assert_ne!(errors.read_line(&mut line).unwrap(), 0, "it ended");
    }
    let process = i32::try_from(running.id()).unwrap();
    // SAFETY: the call takes no pointers, and the process is a child that was not waited for.
    assert_eq!(unsafe { libc::kill(process, libc::SIGINT) }, 0);
    let mut text = String::new();
    errors.read_to_string(&mut text).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("interrupted: the report has the sections that were done"), "{text}");
    let page = fs::read_to_string(folder.join("report.md")).unwrap();
    assert!(page.contains("**Unfinished.** Missing: Throughput."), "{page}");
    assert!(page.contains("## Latency"), "{page}");
}
