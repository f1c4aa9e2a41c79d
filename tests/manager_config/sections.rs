//! Sections that other packages read.

use larder::manager::{
    CacheManager,
    config::{ConfigBuilder, ConfigProblem, ManagerConfig, Section},
};

/// Says of each setting what it is, and of those called `wrong` that they are.
fn read(section: &Section, problems: &mut Vec<ConfigProblem>) -> Vec<String> {
    let mut read = Vec::new();
    for setting in section.settings() {
        let name = setting.path().last().map_or("", String::as_str);
        let value = match name {
            _ if setting.is_table() => Ok("a table".to_owned()),
            "text" => setting.text().map(str::to_owned),
            "texts" => setting.texts().map(|texts| texts.join("|")),
            "whole" => setting.integer().map(|number| number.to_string()),
            "yes" => setting.boolean().map(|is| is.to_string()),
            "time" => setting.duration().map(|time| format!("{time:?}")),
            "bytes" => setting.size().map(|bytes| bytes.to_string()),
            "wrong" => Err(Box::new(setting.unfit("it is wrong", "something else"))),
            _ => Err(Box::new(setting.unknown(&["text", "texts", "whole"]))),
        };
        match value {
            Ok(value) => read.push(format!("{}={value}", setting.path().join("."))),
            Err(problem) => problems.push(*problem),
        }
    }
    read
}

fn builder() -> ConfigBuilder {
    ManagerConfig::builder().section("reports", |section, problems| drop(read(section, problems)))
}

fn read_from(config: &ManagerConfig) -> Vec<String> {
    let mut problems = Vec::new();
    let read = read(config.section("reports").unwrap(), &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    read
}

fn mistakes(builder: ConfigBuilder) -> Vec<String> {
    builder.build().unwrap_err().problems().iter().map(ToString::to_string).collect()
}

#[test]
fn a_section_has_all_settings_in_the_order_in_which_they_were_made() {
    let one = "[reports]\ntext = 'a'\n[reports.b.c]\nwhole = 0x10\nyes = true\n[url]\nttl = '1m'";
    let other = "[reports]\ntexts = ['x', 'y']\ntime = '1h 30m'\nbytes = '2 KiB'\ntext = 'c'";
    let variables = [
        ("LARDER_REPORTS__TEXT", "d"),
        ("LARDER_REPORTS__B__TEXTS", " x,y , z,"),
        ("LARDER_REPORTS__WHOLE", "1_000"),
        ("LARDER_REPORTS__YES", "false"),
        ("LARDER_REPORTS__BYTES", "5"),
    ];
    let config =
        builder().toml("one", one).toml("other", other).variables(variables).build().unwrap();
    assert_eq!(
        read_from(&config),
        [
            "=a table",
            "text=a",
            "b=a table",
            "b.c=a table",
            "b.c.whole=16",
            "b.c.yes=true",
            "=a table",
            "texts=x|y",
            "time=5400s",
            "bytes=2048",
            "text=c",
            "bytes=5",
            "b.texts=x|y|z",
            "text=d",
            "whole=1000",
            "yes=false",
        ]
    );
    assert_eq!(config.cache("url").unwrap().time_to_live, Some(std::time::Duration::from_secs(60)));
}

#[test]
fn what_is_wrong_with_a_section_is_told_with_all_the_rest() {
    let text = "[reports]\nwrong = 5\ntxt = 'a'\ntexts = ['a', [5]]\ntext = 5\n[url]\ntll = 5";
    assert_eq!(
        mistakes(builder().toml("larder.toml", text)),
        [
            "larder.toml:7:1: url.tll: there is no such setting; did you mean ttl? Allowed are max_entries, max_bytes, \
             ttl, expiry, jitter, shards, new_key_share, eviction_policy, priority, health",
            "larder.toml:2:9: reports.wrong: 5 does not fit: it is wrong; allowed is something else",
            "larder.toml:3:1: reports.txt: there is no such setting; did you mean text? Allowed are text, texts, whole",
            "larder.toml:4:15: reports.texts: [5] is an array; allowed is a list of texts",
            "larder.toml:5:8: reports.text: 5 is an integer; allowed is a text",
        ]
    );
}

#[test]
fn a_section_that_nobody_reads_is_unknown() {
    let text = "[reports]\ntext = 'a'";
    assert_eq!(
        mistakes(ManagerConfig::builder().toml("larder.toml", text)),
        [
            "larder.toml:1:2: reports: there is no such setting; allowed are url, user, analytics, session, general, \
          caches, memory, health"
        ]
    );
    let variable = ManagerConfig::builder().variables([("LARDER_REPORTS__TEXT", "a")]);
    assert_eq!(mistakes(variable).len(), 1);
    assert!(ManagerConfig::default().section("reports").is_none());
    assert!(builder().build().unwrap().section("reports").is_some());
}

#[test]
fn sections_have_names_of_their_own() {
    let named = |name: &str| ManagerConfig::builder().section(name, |_, _| ());
    for builder in [named("url"), named("caches"), named("a").section("a", |_, _| ())] {
        let [mistake] = &mistakes(builder)[..] else { panic!("one mistake") };
        assert!(mistake.starts_with("the program: section: \""), "{mistake}");
        assert!(
            mistake.ends_with(
                "does not fit: there is a section of that name; allowed is any other name"
            )
        );
    }
}

#[test]
fn where_a_setting_stands_makes_no_difference_between_configurations() {
    let of = |text: &str| builder().toml("larder.toml", text).build().unwrap();
    assert_eq!(of("[reports]\ntexts = ['a']"), of("\n\n[reports]\ntexts = [\n  'a',\n]"));
    assert_ne!(of("[reports]\ntexts = ['a']"), of("[reports]\ntexts = ['b']"));
}

#[test]
fn a_manager_leaves_sections_of_others_alone() {
    let config = builder().toml("larder.toml", "[reports]\ntext = 'a'").build().unwrap();
    let manager = CacheManager::from_config(&config).unwrap();
    assert!(manager.reload(&config).unwrap().changed.is_empty());
}
