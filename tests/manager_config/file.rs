//! The annotated file of the repository.

use larder::manager::{
    CacheManager,
    config::{ManagerConfig, Place},
};
use rand::{RngExt, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn annotated() -> PathBuf {
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
    assert_eq!(sections.len(), 8);
    // An unknown setting is told what there is; each of them is in the file's section.
    for section in sections {
        let (name, body) = section.split_once(']').unwrap();
        let error = ManagerConfig::from_toml_str(&format!("[{name}]\nnonsense = 1")).unwrap_err();
        let error = error.to_string();
        let (_, names) = error.split_once("llowed are ").unwrap();
        // What a section below says is in that, or for a cache commented out.
        let is_section = |setting: &str| ["pressure", "health"].contains(&setting);
        for setting in names.split(", ").filter(|setting| !is_section(setting)) {
            assert!(body.contains(&format!("\n{setting} = ")), "[{name}] lacks {setting}");
        }
    }
}

#[test]
fn what_is_commented_out_is_right_as_well() {
    let text = fs::read_to_string(annotated()).unwrap();
    let example = |begin: &str| {
        let lines = text.lines().skip_while(|line| !line.starts_with(begin));
        let lines = lines.take_while(|line| line.starts_with("# "));
        let example: String = lines.map(|line| format!("{}\n", &line[2..])).collect();
        ManagerConfig::from_toml_str(&example).expect(&example)
    };
    let thumbnails = example("# [caches.");
    assert_eq!(thumbnails.cache("thumbnails").unwrap().max_bytes, Some(64 << 20));
    let analytics = example("# [analytics.");
    assert_eq!(analytics.health_of("analytics").unwrap().hit_ratio, None);
}

#[test]
fn whatever_becomes_of_the_file_its_mistakes_are_in_it() {
    let text = fs::read_to_string(annotated()).unwrap();
    let settings = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let settings: Vec<_> = settings.collect();
    let marks: Vec<_> = "=[]{}\"'.,#-_ü0179\nmx\0\u{feff}".chars().collect();
    let mut random = SmallRng::seed_from_u64(7);
    let mut wrong = 0;
    for _ in 0..3_000 {
        let mut garbled: Vec<char> = settings.join("\n").chars().collect();
        for _ in 0..random.random_range(1..4) {
            let place = random.random_range(0..garbled.len());
            match random.random_range(0..3) {
                0 => drop(garbled.remove(place)),
                1 => garbled.insert(place, *marks.choose(&mut random).unwrap()),
                _ => garbled[place] = *marks.choose(&mut random).unwrap(),
            }
        }
        let garbled: String = garbled.into_iter().collect();
        let Err(error) = ManagerConfig::from_toml_str(&garbled) else { continue };
        wrong += 1;
        let lines: Vec<_> = garbled.split('\n').collect();
        for problem in error.problems() {
            let Some(Place::File { line, column, .. }) = problem.place() else {
                panic!("{problem}")
            };
            let length = lines[line - 1].chars().count();
            assert!((1..=length + 1).contains(column), "{problem} in\n{garbled}");
        }
    }
    assert!(wrong > 1_500, "{wrong}");
}
