//! Rules from the section `http` of the manager's configuration.
//!
//! ```text
//! [http]                       built_in_rules, scheme, trusted_headers
//! [http.rules.NAME]            the settings of a rule; those that it does not say stay as the program has them
//! ```

use super::{Audience, Rule, RuleProblem, Rules, RulesBuilder, SessionCookies, compile::PATHS};
use crate::key::Query;
use http::uri::Scheme;
use larder::manager::{
    CacheManager,
    config::{ConfigBuilder, ConfigError, ConfigProblem, ManagerConfig, Place, Section, Setting},
};

const SECTION: &str = "http";
const OF_SECTION: &[&str] = &["built_in_rules", "scheme", "trusted_headers", "rules"];
const SCHEMES: &str = "\"http\", \"https\" or \"none\"";

type FieldResult = Result<(), Box<ConfigProblem>>;

/// One setting of a rule.
struct Field {
    name: &'static str,
    set: fn(&mut Rule, &Setting) -> FieldResult,
}

/// What a setting is that may also be `none`.
fn unless_none<'s, T>(
    setting: &'s Setting,
    read: impl FnOnce(&'s Setting) -> Result<T, Box<ConfigProblem>>,
) -> Result<Option<T>, Box<ConfigProblem>> {
    if setting.is_word("none") {
        return Ok(None);
    }
    read(setting).map(Some).map_err(|mut problem| {
        if let ConfigProblem::WrongType { allowed, .. } | ConfigProblem::BadValue { allowed, .. } =
            &mut *problem
        {
            allowed.push_str(", or \"none\"");
        }
        problem
    })
}

macro_rules! fields {
    ($($(#[$only:meta])* $name:ident: $set:expr;)*) => {
        const FIELDS: &[Field] = &[$($(#[$only])* Field { name: stringify!($name), set: $set },)*];
    };
}

fields! {
    path: |rule, it| it.text().map(|path| rule.path = path.to_owned());
    enabled: |rule, it| it.boolean().map(|enabled| rule.enabled = enabled);
    methods: |rule, it| match it.is_word("all") {
        true => { rule.methods = None; Ok(()) }
        false => it.texts().map(|methods| rule.methods = Some(methods)),
    };
    cache: |rule, it| it.text().map(|name| rule.cache = name.into());
    ttl: |rule, it| unless_none(it, Setting::duration).map(|ttl| rule.ttl = ttl);
    override_ttl: |rule, it| it.boolean().map(|overrides| rule.override_ttl = overrides);
    heuristics: |rule, it| it.boolean().map(|heuristics| rule.heuristics = heuristics);
    targeted_fields: |rule, it| it.texts().map(|names| rule.targeted = names);
    stale_while_revalidate: |rule, it| {
        unless_none(it, Setting::duration).map(|grace| rule.stale_while_revalidate = grace)
    };
    stale_if_error: |rule, it| {
        unless_none(it, Setting::duration).map(|grace| rule.stale_if_error = grace)
    };
    ignore_client_directives: |rule, it| {
        it.boolean().map(|ignore| rule.ignore_client_directives = ignore)
    };
    downstream: |rule, it| {
        unless_none(it, Setting::text).map(|text| rule.downstream = text.map(str::to_owned))
    };
    per_user: |rule, it| it.boolean().map(|is| set_audience(rule, Audience::Users, is));
    shared: |rule, it| it.boolean().map(|is| set_audience(rule, Audience::Everybody, is));
    as_responses_say: |rule, it| {
        it.boolean().map(|is| set_audience(rule, Audience::AsResponsesSay, is))
    };
    session_cookies: |rule, it| match it.is_word("any") {
        true => { rule.session_cookies = SessionCookies::Any; Ok(()) }
        false => it.texts().map(|names| rule.session_cookies = SessionCookies::Named(names)),
    };
    strip_set_cookie: |rule, it| it.boolean().map(|strip| rule.strip_set_cookie = strip);
    query: |rule, it| match (it.is_word("all"), it.is_word("none"), it.is_table()) {
        (true, ..) => { rule.query = Query::All; Ok(()) }
        (_, true, _) => { rule.query = Query::None; Ok(()) }
        (.., true) => Ok(()),
        _ => Err(Box::new(match it.text() {
            Ok(_) => it.unfit("it is not one of the allowed values", QUERIES),
            Err(_) => it.wrong_type(QUERIES),
        })),
    };
    vary_headers: |rule, it| it.texts().map(|names| rule.vary_headers = names);
    vary_cookies: |rule, it| it.texts().map(|names| rule.vary_cookies = names);
    trusted_headers: |rule, it| it.texts().map(|names| rule.trusted_headers = names);
    normalize_paths: |rule, it| it.boolean().map(|normalize| rule.normalize_paths = normalize);
    tags: |rule, it| it.texts().map(|tags| rule.tags = tags);
    invalidates: |rule, it| it.texts().map(|tags| rule.invalidates = tags);
    invalidates_paths: |rule, it| it.texts().map(|paths| rule.invalidates_paths = paths);
    max_body: |rule, it| it.size().map(|bytes| rule.max_body = bytes);
    #[cfg(feature = "compression")]
    compress_above: |rule, it| {
        unless_none(it, Setting::size).map(|bytes| rule.compress_above = bytes)
    };
    max_entries: |rule, it| {
        unless_none(it, Setting::integer).map(|entries| rule.max_entries = entries)
    };
    max_error_entries: |rule, it| it.integer().map(|entries| rule.max_error_entries = entries);
    max_variants: |rule, it| it.integer().map(|variants| {
        rule.max_variants = u32::try_from(variants).unwrap_or(u32::MAX);
    });
    coalesce_wait: |rule, it| it.duration().map(|wait| rule.coalesce_wait = wait);
}

const QUERIES: &str = "\"all\", \"none\", or a table with only or ignore, a list of parameters";

/// What the file says of it counts, whatever the program says.
fn set_audience(rule: &mut Rule, audience: Audience, is: bool) {
    if is {
        rule.audience = audience;
    } else if rule.audience == audience {
        rule.audience = Audience::Unsaid;
    }
}

/// Where each rule's settings were made, for what is wrong with the rules together.
#[derive(Default)]
struct Places<'s>(Vec<(String, &'s Setting)>);

impl Places<'_> {
    /// The problem as that of a configuration.
    fn locate(&self, problem: RuleProblem) -> ConfigProblem {
        let RuleProblem { rule, field, value, reason, allowed } = problem;
        let of_rule = || self.0.iter().filter(|(name, _)| *name == rule).map(|(_, it)| *it);
        let is_field = |it: &&Setting| it.path().get(2).is_some_and(|name| name == field);
        let made = || of_rule().rev().filter(is_field);
        // A table's settings are told apart by what they are called, such as a status.
        let is_part =
            |it: &&Setting| it.path().get(3).is_some_and(|name| value.starts_with(name.as_str()));
        let place = match made().find(is_part).or_else(|| made().next()) {
            Some(setting) => setting.place().clone(),
            None => of_rule().next().map_or(Place::Program, |it| it.name_place().clone()),
        };
        let field = format!("{SECTION}.rules.{rule}.{field}");
        ConfigProblem::BadValue { place, field, value, reason, allowed }
    }
}

/// Rules while the section is read.
struct Reader<'s, 'p> {
    rules: RulesBuilder,
    places: Places<'s>,
    problems: &'p mut Vec<ConfigProblem>,
}

impl<'s> Reader<'s, '_> {
    fn setting(&mut self, setting: &'s Setting) -> FieldResult {
        let path: Vec<_> = setting.path().iter().map(String::as_str).collect();
        match path[..] {
            [] | ["rules"] if setting.is_table() => Ok(()),
            [] => Err(Box::new(setting.wrong_type("a section with settings of its own"))),
            ["rules"] => Err(Box::new(setting.wrong_type("a section for each rule, by its name"))),
            ["built_in_rules"] => setting.boolean().map(|keep| {
                if !keep {
                    self.rules.rules.retain(|rule| !rule.built_in);
                }
            }),
            ["scheme"] => self.scheme(setting),
            ["trusted_headers"] => {
                setting.texts().map(|names| self.rules.common.trusted_headers = names)
            }
            ["rules", name, ref rest @ ..] => self.rule(name, rest, setting),
            _ => Err(Box::new(setting.unknown(OF_SECTION))),
        }
    }

    fn scheme(&mut self, setting: &Setting) -> FieldResult {
        self.rules.common.scheme = match setting.text()? {
            "http" => Some(Scheme::HTTP),
            "https" => Some(Scheme::HTTPS),
            "none" => None,
            _ => {
                return Err(Box::new(
                    setting.unfit("it is not one of the allowed values", SCHEMES),
                ));
            }
        };
        Ok(())
    }

    fn rule(&mut self, name: &str, rest: &[&str], setting: &'s Setting) -> FieldResult {
        if rest.is_empty() && !setting.is_table() {
            return Err(Box::new(setting.wrong_type("a section with the settings of a rule")));
        }
        let name = self.name_of(name, setting);
        self.places.0.push((name.clone(), setting));
        let rule = self.rules.named_mut(&name);
        match *rest {
            [] => Ok(()),
            ["statuses"] if setting.is_table() => Ok(()),
            ["statuses"] => Err(Box::new(setting.wrong_type("a table of times to live by status"))),
            ["statuses", status] => {
                let Ok(status) = status.parse() else {
                    let name = format!("{status:?} is not an HTTP status");
                    return Err(Box::new(
                        setting.unfit(name, "times to live of statuses, such as 404"),
                    ));
                };
                let ttl = unless_none(setting, Setting::duration)?;
                match ttl {
                    Some(ttl) => drop(rule.status_ttls.insert(status, ttl)),
                    None => drop(rule.status_ttls.remove(&status)),
                }
                Ok(())
            }
            ["query", "only"] => setting.texts().map(|names| rule.query = Query::Only(names)),
            ["query", "ignore"] => setting.texts().map(|names| rule.query = Query::Ignore(names)),
            ["query", _] => Err(Box::new(setting.unknown(&["only", "ignore"]))),
            [field] => match FIELDS.iter().find(|it| it.name == field) {
                Some(known) => (known.set)(rule, setting),
                None => Err(Box::new(setting.unknown(&field_names()))),
            },
            [..] => Err(Box::new(setting.unknown(&field_names()))),
        }
    }

    /// Names of variables have no other marks than underscores, names of rules have.
    fn name_of(&self, name: &str, setting: &Setting) -> String {
        let plain = |name: &str| name.replace(['-', '.'], "_");
        let known = || self.rules.rules.iter().filter_map(|rule| rule.name.as_deref());
        let meant = match setting.place() {
            Place::Variable { .. } if known().all(|it| it != name) => {
                known().find(|known| plain(known) == name)
            }
            _ => None,
        };
        meant.unwrap_or(name).to_owned()
    }

    /// What can be seen only when everything has been read.
    fn check(&mut self) {
        let said = |rule: &str, field: &str| {
            let mut settings = self.places.0.iter().rev();
            let found = settings.find(|(name, it)| name == rule && it.path()[2..] == [field]);
            found.map(|(_, it)| *it)
        };
        let is_said = |rule: &str, field: &str| {
            said(rule, field).filter(|it| it.boolean().is_ok_and(|is| is))
        };
        let mut problems = Vec::new();
        for rule in &self.rules.rules {
            let Some(name) = &rule.name else { continue };
            if let (Some(_), Some(shared)) = (is_said(name, "per_user"), is_said(name, "shared")) {
                let reason = "per_user is set as well";
                problems.push(shared.unfit(reason, "one of per_user and shared"));
            }
            let of_query = |part: &str| {
                let mut settings = self.places.0.iter();
                settings.find(|(it, setting)| it == name && setting.path()[2..] == ["query", part])
            };
            if let (Some(_), Some((_, ignore))) = (of_query("only"), of_query("ignore")) {
                let reason = "only is set as well";
                problems.push(ignore.unfit(reason, "one of only and ignore"));
            }
        }
        self.problems.append(&mut problems);
    }

    /// A rule that only the file has needs a path. Those without are told, and left out.
    fn check_paths(&mut self) {
        let (places, problems) = (&self.places, &mut *self.problems);
        self.rules.rules.retain(|rule| {
            let (true, Some(name)) = (rule.path.is_empty(), &rule.name) else { return true };
            let of_rule = || places.0.iter().filter(|(of, _)| of == name).map(|(_, it)| it);
            let is_path = |it: &&&Setting| it.path()[2..] == ["path"];
            match (of_rule().find(is_path), of_rule().next()) {
                // If it is no text, that has been told.
                (Some(path), _) => path.text().is_ok(),
                (None, None) => true,
                (None, Some(first)) => {
                    problems.push(ConfigProblem::Missing {
                        place: first.name_place().clone(),
                        field: format!("{SECTION}.rules.{name}.path"),
                        allowed: PATHS.to_owned(),
                    });
                    false
                }
            }
        });
    }
}

fn field_names() -> Vec<&'static str> {
    FIELDS.iter().map(|field| field.name).chain(["statuses"]).collect()
}

impl RulesBuilder {
    fn named_mut(&mut self, name: &str) -> &mut Rule {
        let is = |rule: &Rule| rule.name.as_deref() == Some(name);
        let at = self.rules.iter().position(is).unwrap_or_else(|| {
            self.rules.push(Rule::new("").named(name));
            self.rules.len() - 1
        });
        &mut self.rules[at]
    }

    /// Reads the section; adds what is wrong with it, and with the rules that it makes.
    fn read(
        self,
        section: &Section,
        manager: Option<&CacheManager>,
        problems: &mut Vec<ConfigProblem>,
    ) -> Option<Rules> {
        let program = self.clone();
        let mut reader = Reader { rules: self, places: Places::default(), problems };
        let mut wrong: Option<&[String]> = None;
        for setting in section.settings() {
            // If a table is wrong, so is all that is in it: one problem.
            if wrong.is_some_and(|table| setting.path().starts_with(table)) {
                continue;
            }
            if let Err(problem) = reader.setting(setting) {
                reader.problems.push(*problem);
                wrong = Some(setting.path()).filter(|_| setting.is_table());
            }
        }
        reader.check();
        reader.check_paths();
        let Reader { rules, places, problems } = reader;
        let built = rules.build();
        let fits = built.and_then(|rules| match manager {
            Some(manager) => rules.check_caches(manager).map(|()| rules),
            None => Ok(rules),
        });
        match fits {
            Ok(rules) => Some(rules.made_from(program)),
            Err(error) => {
                problems.extend(error.problems.into_iter().map(|it| places.locate(it)));
                None
            }
        }
    }

    /// Returns a builder of the manager's configuration that knows the section `http`, and says
    /// what is wrong with the rules that it makes of these.
    ///
    /// ```
    /// use larder_http::{Rule, Rules};
    /// use std::time::Duration;
    ///
    /// let program = Rules::builder().rule(Rule::new("/articles/{id}").named("article"));
    /// let config = program
    ///     .config()
    ///     .toml("larder.toml", "[http.rules.article]\nttl = '5m'\n\n[url]\nmax_entries = 200")
    ///     .build()?;
    /// let rules = program.configured(&config)?;
    /// # Ok::<(), larder::manager::config::ConfigError>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "config")))]
    pub fn config(&self) -> ConfigBuilder {
        let program = self.clone();
        ManagerConfig::builder().section(SECTION, move |section, problems| {
            program.clone().read(section, None, problems);
        })
    }

    /// Checks all rules, changed by the section `http` of a configuration, and puts them together.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    #[cfg_attr(docsrs, doc(cfg(feature = "config")))]
    pub fn configured(self, config: &ManagerConfig) -> Result<Rules, ConfigError> {
        self.configured_for(None, config)
    }

    fn configured_for(
        self,
        manager: Option<&CacheManager>,
        config: &ManagerConfig,
    ) -> Result<Rules, ConfigError> {
        let nothing;
        let section = match config.section(SECTION) {
            Some(section) => section,
            // Somebody else's builder, which would have told that it does not know the section.
            None => {
                nothing = ManagerConfig::builder().section(SECTION, |_, _| ()).build()?;
                nothing.section(SECTION).expect("it is named")
            }
        };
        let mut problems = Vec::new();
        let rules = self.read(section, manager, &mut problems);
        ConfigError::check(problems)?;
        Ok(rules.expect("if there are none, there are problems"))
    }
}

/// Returns a builder of the manager's configuration that knows the section `http`: with it, one
/// file configures the manager and the [rules](Rules::from_config), and all that is wrong with both
/// is told at once.
///
/// ```
/// use larder_http::Rules;
///
/// let config = larder_http::config()
///     .toml(
///         "larder.toml",
///         r#"
///             [caches.articles]
///             max_bytes = "64 MiB"
///
///             [http]
///             built_in_rules = false
///
///             [http.rules.article]
///             path = "/articles/{id}"
///             cache = "articles"
///             ttl = "5m"
///             statuses = { 404 = "10s" }
///             query.only = ["lang"]
///             tags = ["article:{id}"]
///         "#,
///     )
///     .variables([("LARDER_HTTP__RULES__ARTICLE__TTL", "1m")])
///     .build()?;
/// let rules = Rules::from_config(&config)?;
/// assert_eq!(rules.names().collect::<Vec<_>>(), ["article"]);
/// # Ok::<(), larder::manager::config::ConfigError>(())
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
pub fn config() -> ConfigBuilder {
    Rules::builder().built_in().config()
}

impl Rules {
    /// Returns the rules that are built in, changed by the section `http` of a configuration.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    #[cfg_attr(docsrs, doc(cfg(feature = "config")))]
    pub fn from_config(config: &ManagerConfig) -> Result<Self, ConfigError> {
        Self::builder().built_in().configured(config)
    }

    /// Returns the rules that the same program has with another configuration, for the caches of
    /// `manager`.
    pub(crate) fn reconfigured(
        &self,
        manager: &CacheManager,
        config: &ManagerConfig,
    ) -> Result<Self, ConfigError> {
        self.program.as_ref().clone().configured_for(Some(manager), config)
    }

    fn made_from(mut self, program: RulesBuilder) -> Self {
        self.program = program.into();
        self
    }
}
