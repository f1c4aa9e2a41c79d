//! The annotated file of the repository.

use larder::manager::{CacheManager, config::ManagerConfig};
use std::{fs, path::Path};

fn annotated() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("larder.toml")
}

#[test]
fn the_annotated_file_says_what_is_built_in() {
    let config = ManagerConfig::from_file(annotated()).unwrap();
    assert_eq!(config, ManagerConfig::default());
    assert_eq!(CacheManager::from_config(&config).unwrap().caches().len(), 5);
}

#[test]
fn the_annotated_file_names_every_setting() {
    let text = fs::read_to_string(annotated()).unwrap();
    let sections: Vec<_> = text.split("\n[").skip(1).collect();
    assert_eq!(sections.len(), 7);
    // An unknown setting is told what there is; each of them is in the file's section.
    for section in sections {
        let (name, body) = section.split_once(']').unwrap();
        let error = ManagerConfig::from_toml_str(&format!("[{name}]\nnonsense = 1")).unwrap_err();
        let error = error.to_string();
        let (_, names) = error.split_once("llowed are ").unwrap();
        for setting in names.split(", ").filter(|setting| *setting != "pressure") {
            assert!(body.contains(&format!("\n{setting} = ")), "[{name}] lacks {setting}");
        }
    }
}

#[test]
fn what_is_commented_out_is_right_as_well() {
    let text = fs::read_to_string(annotated()).unwrap();
    let example = text.lines().skip_while(|line| !line.starts_with("# [caches."));
    let example = example.take_while(|line| line.starts_with("# "));
    let example: String = example.map(|line| format!("{}\n", &line[2..])).collect();
    let config = ManagerConfig::from_toml_str(&example).unwrap();
    assert_eq!(config.cache("thumbnails").unwrap().max_bytes, Some(64 << 20), "{example}");
}
